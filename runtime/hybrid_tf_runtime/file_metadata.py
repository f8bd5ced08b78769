"""What hybrid-tf's converter stores in a file besides the network: class names, normalisation, where it came from."""

import json
from dataclasses import dataclass
from typing import Any

from hybrid_tf_runtime.errors import HybridTFRuntimeError
from hybrid_tf_runtime.library import file_metadata
from hybrid_tf_runtime.model_file import Model, load_model

LOGITS, PROBABILITIES = SCORES = "logits", "probabilities"
_NAME = "hybrid_tf"  # name of the entry in the file's list of metadata; its content is a JSON object

SAYS_NOTHING = (
    "does not say which classes and normalisation it has: convert it with class names, by `hybrid-tf convert` from a "
    "run or with --dataset, or by hybrid_tf.convert(model, path, hybrid_tf.Metadata(class_names, mean, std)) in Python"
)


@dataclass(frozen=True)
class Metadata:
    """What a device needs besides the network.

    Attributes:
        class_names: name of each score, in order; empty when unknown.
        mean, std: numbers of each channel; the input is `(pixel - mean) / std`, pixels 0 to 255; empty when unknown.
        input_shape: height, width and channels of an image; empty when unknown.
        network, plan, dataset: names of these in hybrid-tf; empty for a model from elsewhere.
        background: colour behind transparent pixels of an image: a name or "#rrggbb".
        scores: what the network gives, `logits` or `probabilities`.
    """

    class_names: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    input_shape: tuple[int, ...] = ()
    network: str = ""
    plan: str = ""
    dataset: str = ""
    background: str = "white"
    scores: str = LOGITS


def metadata(model: Model) -> Metadata:
    """Returns what hybrid-tf's converter stored in a file.

    Args:
        model: the content of a .tflite file, or its path.

    Raises:
        HybridTFRuntimeError: when the file cannot be read, is damaged, or holds no metadata of hybrid-tf.
    """
    content, name = load_model(model)
    text, probabilities = file_metadata(content)
    if text is None:
        raise HybridTFRuntimeError(f"{name} {SAYS_NOTHING}")
    try:
        return _from_json(text, PROBABILITIES if probabilities else LOGITS)
    except (ValueError, TypeError, AttributeError) as error:
        raise HybridTFRuntimeError(f"the metadata of {name} cannot be read ({error}): convert it again") from error


def _from_json(text: bytes, seen: str) -> Metadata:
    """Keys of a later version are ignored, absent ones get their default; for scores of older versions it is `seen`."""
    values = json.loads(text)
    if not isinstance(values, dict):
        raise TypeError("not an object")
    result = Metadata(
        class_names=_tuple(values, "class_names", str),
        mean=_tuple(values, "mean", float),
        std=_tuple(values, "std", float),
        input_shape=_tuple(values, "input_shape", int),
        **{key: str(values.get(key, "")) for key in ("network", "plan", "dataset")},
        background=str(values.get("background", Metadata.background)),
        scores=values.get("scores") or seen,
    )
    if result.scores not in SCORES:
        raise ValueError(f"scores are {result.scores!r}")
    if len(result.mean) != len(result.std) or 0 in result.std:
        raise ValueError("mean and std do not fit together")
    return result


def _tuple(values: dict[str, Any], key: str, kind: type) -> tuple[Any, ...]:
    return tuple(kind(value) for value in values.get(key, ()))
