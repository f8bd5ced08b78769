"""A folder with all that a network needs in a program with TensorFlow Lite Micro."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hybrid_tf.compiler.int8.image_rounding import rounded_image
from hybrid_tf.compiler.scores import scores_of
from hybrid_tf.errors import HybridTFError
from hybrid_tf.micro.kernels import build_host_library, flattened, helium_files, kernel_files
from hybrid_tf.micro.operators import adds_by_channel, resolver_calls
from hybrid_tf.micro.tflm import TFLM, check_wheel
from hybrid_tf.system.files import atomic_folder
from hybrid_tf.tflite.flatbuffer import TFLiteFile, parse_tflite, read_bytes
from hybrid_tf.version import __version__

MARGIN = 5  # percent added to the arena that was measured
_ROUNDED_TO = 1024
_INPUT_TYPES = ("FLOAT32", "INT8")
_TEMPLATES = Path(__file__).parent / "templates"
_LINE = 20  # numbers in a line of a C++ array


@dataclass(frozen=True)
class ExampleImage:
    """The image that an exported program classifies.

    Attributes:
        pixels: pixels of the image, uint8 [height, width, channels].
        text: text that says where the image is from.
    """

    pixels: np.ndarray
    text: str


@dataclass(frozen=True)
class Export:
    """An exported folder.

    Attributes:
        folder: path of the folder.
        model_bytes: bytes of flash that the model takes.
        arena_bytes: bytes of RAM to reserve for the arena.
        operators: names of the network's operators.
        predicted: number and name of the test image's class in TensorFlow Lite Micro on this computer.
    """

    folder: Path
    model_bytes: int
    arena_bytes: int
    operators: tuple[str, ...]
    predicted: tuple[int, str]

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as JSON values."""
        return {
            "folder": str(self.folder),
            "model_bytes": self.model_bytes,
            "arena_bytes": self.arena_bytes,
            "operators": list(self.operators),
            "test_image": {"class": self.predicted[0], "name": self.predicted[1]},
        }


def export_micro(path: Path, folder: Path, image: ExampleImage, metadata: Any) -> Export:
    """Writes the folder; it is there whole or not at all.

    Args:
        path: path of a converted file.
        folder: path of a folder that does not exist, or is empty.
        image: example image in the shape that the network takes.
        metadata: metadata of the file, see `check_classifier`.

    Raises:
        HybridTFError: when TFLM lacks an operator of the network or cannot be run here, and when the folder is there
            already or cannot be written.
    """
    content = read_bytes(path)
    file = parse_tflite(content, path)
    calls = resolver_calls(file, path)
    check_wheel()
    with atomic_folder(folder) as temporary:
        measured, scores = _measure(path, file, image, metadata)
        predicted = int(np.argmax(scores))
        arena = arena_with_margin(measured)
        _write(
            temporary,
            made=f"Made by hybrid-tf {__version__}, `hybrid-tf export-micro`, from {path.name}.",
            title=f"{metadata.network or path.stem} {metadata.plan}".strip(),
            bytes=len(content),
            array=_array(content),
            shape=metadata.input_shape,
            mean=_floats(metadata.mean),
            std=_floats(metadata.std),
            scores=scores_of(path, metadata),
            names=[c_string(name) for name in metadata.class_names],
            measured=measured,
            margin=MARGIN,
            arena=arena,
            calls=list(calls.values()),
            operators=list(calls),
            adds_by_channel=adds_by_channel(file),
            pixels=_array(image.pixels.tobytes()),
            image={"text": image.text, "predicted": predicted, "name": metadata.class_names[predicted]},
        )
    return Export(folder, len(content), arena, tuple(calls), (predicted, metadata.class_names[predicted]))


@contextmanager
def tflm_here() -> Iterator[TFLM]:
    """Yields TFLM on this computer with freshly compiled kernels. Raises HybridTFError when that is not possible."""
    check_wheel()
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "kernels.so"
        build_host_library(library)
        yield TFLM(library)


def network_input(pixels: np.ndarray, file: TFLiteFile, metadata: Any) -> np.ndarray:
    """Returns uint8 images [N, height, width, channels] as the network takes them: normalised, float32 or int8."""
    spec = file.tensors[file.inputs[0]]
    values = (pixels.astype(np.float32) - np.float32(metadata.mean)) / np.float32(metadata.std)
    if spec.type != "INT8":
        return values
    return np.stack([rounded_image(image, spec) for image in values])


def arena_with_margin(measured: int) -> int:
    """Returns the size of the arena to reserve where `measured` bytes were used."""
    return -(-measured * (100 + MARGIN) // (100 * _ROUNDED_TO)) * _ROUNDED_TO


def check_classifier(path: Path, metadata: Any) -> None:
    """Raises HybridTFError unless a file takes one image, gives one row of scores, and has names for its classes."""
    file = parse_tflite(read_bytes(path), path)
    if not (metadata.class_names and metadata.mean and metadata.input_shape):
        raise HybridTFError(
            f"{path} does not say which classes and normalisation it has: convert it with `hybrid-tf convert`, "
            "from a run or with --dataset"
        )
    shape = (1, *metadata.input_shape)
    for what, tensors, wanted in (
        ("input", file.inputs, shape),
        ("output", file.outputs, (1, len(metadata.class_names))),
    ):
        found = [(file.tensors[number].type, file.tensors[number].shape) for number in tensors]
        if len(found) != 1 or found[0][0] not in _INPUT_TYPES or found[0][1] != wanted:
            text = ", ".join(f"{kind} {'x'.join(map(str, size))}" for kind, size in found)
            raise HybridTFError(
                f"{path} has the {what} {text}: export-micro needs one {what} of type FLOAT32 or INT8 and shape "
                f"{'x'.join(map(str, wanted))}, as `hybrid-tf convert` makes it"
            )


def _measure(path: Path, file: TFLiteFile, image: ExampleImage, metadata: Any) -> tuple[int, np.ndarray]:
    """Returns the arena that the model takes, and the scores of the test image."""
    with tflm_here() as tflm:
        measured = tflm.arena_bytes(path)
        values = network_input(image.pixels[None], file, metadata)
        [scores] = tflm.run(path, [values[:, None]], arena_with_margin(measured))
        return measured, scores


def _write(folder: Path, **values: Any) -> None:
    templates = Environment(
        loader=FileSystemLoader(_TEMPLATES), undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    kernels, helium = folder / "src" / "kernels", folder / "helium"
    kernels.mkdir(parents=True)
    helium.mkdir()
    for name in templates.list_templates():
        (folder / name).write_text(templates.get_template(name).render(values), encoding="utf-8")
    for source in kernel_files():
        (kernels / _arduino_name(source)).write_text(flattened(source), encoding="utf-8")
    for source in helium_files():
        text = source.read_text(encoding="utf-8").replace('#include "../', '#include "../src/kernels/')
        (helium / _arduino_name(source)).write_text(text, encoding="utf-8")


def _arduino_name(source: Path) -> str:
    """The name of a source in the folder: Arduino compiles .cpp, and all of it below src/."""
    return source.with_suffix(".cpp").name if source.suffix == ".cc" else source.name


def _array(content: bytes) -> str:
    rows = (content[start : start + _LINE] for start in range(0, len(content), _LINE))
    return "\n".join(f"    {', '.join(map(str, row))}," for row in rows)


def _floats(values: tuple[float, ...]) -> str:
    return ", ".join(f"{float(np.float32(value))!r}f" for value in values)


def c_string(text: str) -> str:
    """Returns a C++ string literal; what is not ASCII in UTF-8, each byte as three octal digits."""
    escaped = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\?' else f"\\{byte:03o}" for byte in text.encode()
    )
    return f'"{escaped}"'
