"""What the user says of a model from elsewhere: what its inputs are made of pixels by, its classes, its scores."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hybrid_tf.compiler.metadata import PROBABILITIES, SCORES
from hybrid_tf.data import Normalisation
from hybrid_tf.errors import HybridTFError, unknown

_ROUNDING = 1e-3  # of a probability, and of a sum of them


@dataclass(frozen=True)
class Told:
    """What the user says of a model from elsewhere; what is empty was not said.

    Attributes:
        normalisation: what an image is normalised with; with one number instead of one a channel, it is for all.
        class_names: name of each output, in order.
        scores: what the model gives, `logits` or `probabilities`.
    """

    normalisation: Normalisation | None = None
    class_names: tuple[str, ...] = ()
    scores: str = ""

    def normalisation_for(self, channels: int) -> Normalisation | None:
        """Returns the normalisation with its numbers for each channel. Raises HybridTFError where they do not fit."""
        if self.normalisation is None:
            return None
        numbers = [self.normalisation.mean, self.normalisation.std]
        if any(len(values) not in (1, channels) for values in numbers):
            raise HybridTFError(
                f"--mean has {len(numbers[0])} and --std {len(numbers[1])} numbers, but the model's images have "
                f"{channels} channels: give one number for all, or one for each"
            )
        return Normalisation(*(tuple(values) * (channels if len(values) == 1 else 1) for values in numbers))


def read_told(mean: str | None, std: str | None, classes: Path | None, scores: str | None) -> Told:
    """Returns what options say.

    Args:
        mean: numbers with commas between them, such as "123.7,116.3,103.5": the input is `(pixel - mean) / std`,
            pixels from 0 to 255.
        std: numbers as `mean` has them.
        classes: file with the name of each output, one a line.
        scores: what the model gives, `logits` or `probabilities`.

    Raises:
        HybridTFError: when the numbers are none, the file cannot be read, or one of the two is given without the other.
    """
    if (mean is None) != (std is None):
        given, missing = ("--mean", "--std 1") if std is None else ("--std", "--mean 0")
        raise HybridTFError(f"{given} is given alone: the input is (pixel - mean) / std, so add {missing}")
    if scores is not None and scores not in SCORES:
        raise unknown("kind of scores", scores, SCORES)
    normalisation = None
    if mean is not None and std is not None:
        normalisation = Normalisation(_numbers(mean, "--mean"), _numbers(std, "--std"))
        if min(normalisation.std) <= 0:
            raise HybridTFError("--std has a number that is not above 0: give 1 for pixels as they are")
    return Told(normalisation, _class_names(classes) if classes else (), scores or "")


def _numbers(text: str, option: str) -> tuple[float, ...]:
    try:
        numbers = tuple(map(float, text.split(",")))
    except ValueError:
        numbers = ()
    if not numbers or not all(map(math.isfinite, numbers)):
        raise HybridTFError(f"{option} '{text}' is no list of numbers: write 127.5, or one a channel as 124,116,104")
    return numbers


def _class_names(path: Path) -> tuple[str, ...]:
    try:
        names = tuple(line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines())
    except OSError as error:
        raise HybridTFError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise HybridTFError(f"{path} is no text in UTF-8: write the name of one class a line") from error
    while names and not names[-1]:
        names = names[:-1]
    if not names or not all(names):
        raise HybridTFError(
            f"{path} has {'an empty line' if names else 'no names'}: write the name of one class a line"
        )
    return names


def check_scores(scores: np.ndarray, told: str) -> None:
    """Raises HybridTFError when `scores` [N, classes] of a model were `told` to be probabilities and cannot be."""
    low, high = float(scores.min()), float(scores.max())
    if told == PROBABILITIES and not (low >= -_ROUNDING and high <= 1 + _ROUNDING):
        raise HybridTFError(f"the model's scores are {low:.3g} to {high:.3g}, so no probabilities: say --scores logits")


def look_like_probabilities(scores: np.ndarray) -> bool:
    """Whether `scores` [N, classes] of a model are above 0 and add up to 1 for each image."""
    return scores.shape[1] > 1 and bool(scores.min() >= 0 and np.allclose(scores.sum(axis=1), 1, atol=_ROUNDING))
