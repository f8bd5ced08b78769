"""The metadata of a file: what a device needs besides the network, as JSON under the name `hybrid_tf`."""

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hybrid_tf.errors import HybridTFError
from hybrid_tf.tflite.build_entry import BUILD_ENTRY, packed_build, unpacked_build
from hybrid_tf.tflite.flatbuffer import TFLiteFile, parse_tflite, read_bytes
from hybrid_tf.version import versions

METADATA_NAME = "hybrid_tf"
LOGITS, PROBABILITIES = SCORES = "logits", "probabilities"
_LEFT_OUT_WHERE_EMPTY = ("weights", "scores")
_BUILD = ("int8", "float_layers", "versions", "weights")  # what no device needs


@dataclass(frozen=True)
class Int8:
    """How the full-precision sections of a file were rounded to int8.

    Attributes:
        ranges: lowest and highest value at each point where values are rounded, by its name: `image`, or a layer's.
        except_layers: names of the layers that stay float32.
        calibration_images: number of images that the ranges were measured on.
    """

    ranges: dict[str, tuple[float, float]]
    except_layers: tuple[str, ...] = ()
    calibration_images: int = 0

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Int8":
        """Returns what `asdict` described. Raises ValueError, TypeError or KeyError when something is wrong with it."""
        ranges = {str(point): (float(low), float(high)) for point, (low, high) in values["ranges"].items()}
        for point, (low, high) in ranges.items():
            if not (-math.inf < low <= 0 <= high < math.inf and low < high):
                raise ValueError(f"the range of '{point}' is {low} to {high}")
        return cls(ranges, _tuple(values, "except_layers", str), int(values.get("calibration_images", 0)))


@dataclass(frozen=True)
class Metadata:
    """What a device needs besides the network.

    Attributes:
        class_names: name of each output, in order; empty when unknown.
        mean, std: numbers of each channel; the input is `(pixel - mean) / std`, pixels 0 to 255; empty when unknown.
        input_shape: height, width and channels of an image; empty when unknown.
        network, plan, dataset: names of these in hybrid-tf; empty for a model from elsewhere.
        background: colour behind transparent pixels of an image: a name or "#rrggbb".
        versions: versions of hybrid-tf and of the packages that the file was made with.
        int8: how the full-precision sections were rounded; `None` where they are float32.
        weights: SHA-256 of the run's weights that the file was made from; empty when it was not made from a run.
        float_layers: names of the quantized layers that the file computes in float; None where the converter, LCE's,
            makes every such layer binary.
        scores: what the network gives, `logits` or `probabilities`; empty when it is not known, as in files of older
            versions: see `scores.scores_of`.
    """

    class_names: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    input_shape: tuple[int, ...] = ()
    network: str = ""
    plan: str = ""
    dataset: str = ""
    background: str = "white"
    versions: dict[str, str] = field(default_factory=versions)
    int8: Int8 | None = None
    weights: str = ""
    float_layers: tuple[str, ...] | None = None
    scores: str = ""

    def to_json(self) -> str:
        """Returns the metadata as one JSON object. Raises HybridTFError for numbers that JSON does not have."""
        values = asdict(self)
        values = {key: value for key, value in values.items() if key not in _LEFT_OUT_WHERE_EMPTY or value}
        if self.float_layers is None:
            del values["float_layers"]
        try:
            return json.dumps(
                values,
                ensure_ascii=False,
                allow_nan=False,
                separators=(",", ":"),
                default=lambda array: array.tolist(),
            )
        except (ValueError, TypeError, AttributeError) as error:
            raise HybridTFError(
                f"the metadata cannot be stored ({error}): give names as text, and finite numbers"
            ) from error

    def packed(self) -> dict[str, bytes]:
        """Returns the entries of a file's metadata that `of` reads.

        The ranges of an int8 network are not among them: they are those of the tensors that have a point.

        Raises:
            HybridTFError: as `to_json` does.
        """
        values = json.loads(self.to_json())
        build = {key: values.pop(key) for key in _BUILD if key in values}
        if self.int8:
            del build["int8"]["ranges"]
        else:
            del build["int8"]
        return {METADATA_NAME: _compact(values).encode(), BUILD_ENTRY: packed_build(_compact(build), [])}

    @classmethod
    def of(cls, file: TFLiteFile) -> "Metadata | None":
        """Returns what the metadata of a file says, None where hybrid-tf stored nothing there.

        Raises:
            HybridTFError: when it cannot be read.
        """
        text, packed = file.metadata.get(METADATA_NAME), file.metadata.get(BUILD_ENTRY)
        if text is None or packed is None:
            return None if text is None else cls.from_json(text)
        try:
            values = {**json.loads(text), **json.loads(unpacked_build(packed)[0])}
            if "int8" in values:
                values["int8"]["ranges"] = _ranges(file)
            return cls.from_json(json.dumps(values))
        except (HybridTFError, ValueError, TypeError, IndexError) as error:
            raise HybridTFError(f"the metadata of the file cannot be read ({error}): convert it again") from error

    @classmethod
    def from_json(cls, text: str | bytes) -> "Metadata":
        """Returns the metadata `to_json` wrote. Keys of a later version are ignored, absent ones get their default.

        Raises:
            HybridTFError: when the text is no JSON object or a value has the wrong type.
        """
        try:
            values = json.loads(text)
            if not isinstance(values, dict):
                raise TypeError("not an object")
            if values.get("scores", "") not in ("", *SCORES):
                raise ValueError(f"scores are {values['scores']!r}")
            return cls(
                class_names=_tuple(values, "class_names", str),
                mean=_tuple(values, "mean", float),
                std=_tuple(values, "std", float),
                input_shape=_tuple(values, "input_shape", int),
                **{key: str(values.get(key, "")) for key in ("network", "plan", "dataset", "weights", "scores")},
                background=str(values.get("background", cls.background)),
                versions={str(package): str(number) for package, number in values.get("versions", {}).items()},
                int8=None if values.get("int8") is None else Int8.from_dict(values["int8"]),
                float_layers=_tuple(values, "float_layers", str) if "float_layers" in values else None,
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise HybridTFError(f"the metadata of the file cannot be read ({error}): convert it again") from error


def _compact(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":"))


def _ranges(file: TFLiteFile) -> dict[str, tuple[float, float]]:
    """Returns the values of -128 and 127 at each point. Raises ValueError when there is none."""
    ranges = {}
    for tensor in file.tensors:
        if tensor.point and tensor.scales:
            scale, zero_point = tensor.scales[0], tensor.zero_points[0]
            ranges[tensor.point] = ((-128 - zero_point) * scale, (127 - zero_point) * scale)
    if not ranges:
        raise ValueError("no tensor says where it was rounded")
    return ranges


def _tuple(values: dict[str, Any], key: str, kind: type) -> tuple[Any, ...]:
    return tuple(kind(value) for value in values.get(key, ()))


def read_metadata(path: str | Path) -> Metadata:
    """Returns the metadata of a converted file. TensorFlow is not needed for this.

    Raises:
        HybridTFError: when the file cannot be read, is damaged, or holds no metadata of hybrid-tf.
    """
    found = stored_metadata(path)
    if found is None:
        raise HybridTFError(f"{path} holds no hybrid-tf metadata: make it with `hybrid-tf convert`")
    return found


def stored_metadata(path: str | Path) -> Metadata | None:
    """Returns the metadata of any file, None where there is none. Raises HybridTFError when it cannot be read."""
    return Metadata.of(parse_tflite(read_bytes(path), path))
