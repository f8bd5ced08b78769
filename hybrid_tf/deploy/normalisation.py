"""How pixels become the inputs of a model from elsewhere: it is told, seen in its layers, or tried; never guessed."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from hybrid_tf.compiler.pixel_layers import pixel_layers
from hybrid_tf.compiler.tracing import image_shape
from hybrid_tf.data import Dataset, Normalisation
from hybrid_tf.errors import HybridTFError
from hybrid_tf.system.notices import say, warn
from hybrid_tf.tables import percent

Scores = Callable[[np.ndarray], np.ndarray]
_BATCH = 64
_LEAST_IMAGES = 256  # to try on, where there are as many
_SURE = 2.0  # standard deviations between the best candidate and the next, and above guessing


@dataclass(frozen=True)
class Candidate:
    """A usual way to make inputs of pixels, and what a model makes of it.

    Attributes:
        text: what the inputs are, in words.
        normalisation: normalisation that makes them.
        right: whether each test image was recognised, bool [N].
    """

    text: str
    normalisation: Normalisation
    right: np.ndarray

    @property
    def options(self) -> str:
        """The options that say it."""
        mean, std = (",".join(f"{number:g}" for number in numbers) for numbers in self._numbers)
        return f"--mean {mean} --std {std}"

    @property
    def _numbers(self) -> list[tuple[float, ...]]:
        numbers = [self.normalisation.mean, self.normalisation.std]
        return [values[:1] if len(set(values)) == 1 else values for values in numbers]

    def __str__(self) -> str:
        return f"{self.text} {percent(float(self.right.mean()))} ({self.options})"


def known_normalisation(model: tf.keras.Model, told: Normalisation | None) -> Normalisation | None:
    """Returns the normalisation that was told, or that the layers of a model show; None where neither is.

    Layers that scale pixels are said on standard error, with a warning where a normalisation was told on top.
    """
    found = pixel_layers(model)
    if found is None:
        return told
    channels = image_shape(model)[2]
    as_they_are = Normalisation((0.0,) * channels, (1.0,) * channels)
    if told not in (None, as_they_are) and found.takes_pixels:
        warn(f"{found}, and --mean and --std come on top: leave them out if it was trained on pixels from 0 to 255")
    if told is None and found.takes_pixels:
        say(f"note: {found}: the model takes pixels as they are, so nothing is put in front of it")
        return as_they_are
    return told


def tried_normalisation(scores: Scores, data: Dataset, samples: int) -> Normalisation:
    """Returns the normalisation under which a model recognises a data set's test images; says what was tried.

    Args:
        scores: what runs the model: a function from inputs, float32 [N, H, W, C], to scores [N, classes].
        data: data set, labelled as the model's outputs are.
        samples: number of test images to try, where it is above 256; at most all of them.

    Raises:
        HybridTFError: when none is clearly better than the others and than guessing, with the options that say it.
    """
    candidates = _tried(scores, data, max(samples, _LEAST_IMAGES))
    best, second, *_ = candidates
    images = len(best.right)
    listed = "; ".join(map(str, candidates))
    chance = 1 / max(2, len(data.class_names))
    guessing = chance + _SURE * math.sqrt(chance * (1 - chance) / images)
    if best.right.mean() <= guessing:
        raise HybridTFError(
            f"under no usual normalisation does the model recognise the {images:,} test images of {data.name}: "
            f"{listed}; say what it was trained with by --mean and --std, and the order of its classes by --classes"
        )
    if not _is_better(best.right, second.right):
        raise HybridTFError(
            f"the accuracy on {images:,} test images of {data.name} does not show which pixels the model takes: "
            f"{listed}; say it with these options, or try more images with --samples"
        )
    say(
        f"note: on {images:,} test images of {data.name} the model recognises {listed}; the file takes the first, as "
        f"if {best.options} were given"
    )
    return best.normalisation


def _tried(scores: Scores, data: Dataset, samples: int) -> list[Candidate]:
    """Returns the usual normalisations, that with the most images right first."""
    images, labels = data.test.take(samples)
    channels = images.shape[-1]
    usual = {
        "pixels from 0 to 255": Normalisation((0.0,) * channels, (1.0,) * channels),
        "from 0 to 1": Normalisation((0.0,) * channels, (255.0,) * channels),
        "from -1 to 1": Normalisation((127.5,) * channels, (127.5,) * channels),
        "standardised": data.normalisation,
    }
    candidates = []
    for text, normalisation in usual.items():
        batches = (normalisation.apply(images[start : start + _BATCH]) for start in range(0, len(images), _BATCH))
        predicted = np.concatenate([scores(batch).argmax(axis=1) for batch in batches])
        candidates.append(Candidate(text, normalisation, predicted == labels))
    return sorted(candidates, key=lambda candidate: -candidate.right.sum())


def _is_better(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether more is right in `one` than in `other`, bool [N], by more than chance: McNemar's test."""
    won, lost = np.sum(one & ~other), np.sum(other & ~one)
    return bool(won - lost > _SURE * math.sqrt(won + lost))


def scores_function(model: tf.keras.Model) -> Scores:
    """Returns a function from inputs, float32 [N, H, W, C], to the scores [N, classes] of a model."""

    @tf.function(input_signature=[tf.TensorSpec((None, *image_shape(model)), tf.float32)])
    def run(images: tf.Tensor) -> tf.Tensor:
        return tf.nest.flatten(model(images, training=False))[0]

    return lambda images: run(tf.constant(images)).numpy()
