"""A folder with a network as plain C."""

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hybrid_tf.compiler.int8.image_rounding import rounded_image
from hybrid_tf.errors import HybridTFError
from hybrid_tf.micro.export import c_string
from hybrid_tf.micro.plain_c.arena import plan
from hybrid_tf.micro.plain_c.calls import Call, calls, lines
from hybrid_tf.micro.plain_c.cmsis_nn import cmsis_nn
from hybrid_tf.micro.plain_c.fusing import bordered, fused
from hybrid_tf.micro.plain_c.layouts import HERE as LAYOUT_FILES
from hybrid_tf.micro.plain_c.layouts import check_name, example_scores, library_name, sources_folder, write_layout
from hybrid_tf.micro.plain_c.network import Layer
from hybrid_tf.micro.plain_c.reading import read_network
from hybrid_tf.system.files import atomic_folder
from hybrid_tf.tflite.flatbuffer import Tensor, parse_tflite, read_bytes
from hybrid_tf.version import __version__

_HERE = Path(__file__).parent
_KERNELS = _HERE / "kernels"


@dataclass(frozen=True)
class PlainC:
    """An exported folder.

    Attributes:
        folder: path of the folder.
        header: path of the header below it.
        arena_bytes: bytes of RAM that the arena takes; stack comes on top.
        alive_bytes: bytes of the values that are alive at once, below which no arena comes.
        kernels: names of the kernels.
        steps: number of calls, of what were `operators` operators in the file.
        operators: number of operators in the file.
        cmsis_nn: number of int8 convolutions and dense layers that CMSIS-NN computes to the same integers.
        not_cmsis_nn: names of those that it rounds otherwise.
    """

    folder: Path
    header: Path
    arena_bytes: int
    alive_bytes: int
    kernels: tuple[str, ...]
    steps: int
    operators: int
    cmsis_nn: int
    not_cmsis_nn: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as JSON values."""
        return {
            name: str(value) if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }


def export_plain_c(
    path: Path, folder: Path, metadata: Any, layout: str = "cmake", caller_arena: bool = False, name: str | None = None
) -> PlainC:
    """Writes a network as plain C; the folder is there whole or not at all. The same file gives the same bytes.

    Args:
        path: path of a converted file, whose sections beside the binary ones are int8.
        folder: path of a folder that does not exist, or is empty.
        metadata: metadata of the file.
        layout: the tool that builds it, one of `LAYOUTS`.
        caller_arena: whether the program gives the arena with each call; otherwise it is a static array.
        name: what the names of files, functions and macros begin with, and what the library is called; None for
            `network`, and a library that is called as the network is.

    Raises:
        HybridTFError: when the name is none for C, when plain C lacks an operator of the network, and when the folder
            is there already or cannot be written.
    """
    check_name(name)
    file = parse_tflite(read_bytes(path), path)
    if not (metadata.class_names and metadata.mean and metadata.std):
        raise HybridTFError(
            f"{path} does not say which classes and normalisation it has: convert it with `hybrid-tf convert`, "
            "from a run or with --dataset"
        )
    network = bordered(fused(read_network(file, path)))
    image, scores = network.values[network.image], network.values[network.scores]
    if scores.rounding is None or scores.bytes != len(metadata.class_names) or not network.steps:
        raise HybridTFError(f"{path} gives no row of scores, one for each class: export-c is for image classifiers")
    arena, by_cmsis_nn = plan(network), cmsis_nn(network)
    texts = calls(network, arena, by_cmsis_nn)
    layers = {call.kernel: call.macros for call in texts if call.macros}
    own = sorted({call.kernel for call in texts if not call.macros} | ({"cmsis_nn"} if by_cmsis_nn.steps else set()))
    prefix = name or "network"
    sources = [f"{prefix}.c", *(f"kernels/{kernel}.c" for kernel in sorted({*layers, *own}))]
    pixels = _pixels(file.tensors[network.image], metadata)
    tensors = file.tensors[network.image], file.tensors[network.scores]
    title = _plain(f"{metadata.network or path.stem} {metadata.plan}".strip())
    values = {
        "made": f"Made by hybrid-tf {__version__}, `hybrid-tf export-c`, from {_plain(path.name)}.",
        "title": title,
        "name": prefix,
        "NAME": prefix.upper(),
        "library": name or library_name(title),
        "version": __version__,
        "caller": caller_arena,
        "expected": lines(list(map(str, example_scores(path, *tensors, pixels)))),
        "height": image.shape[0],
        "width": image.shape[1],
        "channels": image.shape[2],
        "classes": len(metadata.class_names),
        "arena": max(arena.bytes, 4),
        "cmsis_buffer": by_cmsis_nn.buffer_bytes,
        "floats": "int8_softmax" in own,
        "functions": _functions(sorted(layers)),
        "names": [c_string(label) for label in metadata.class_names],
        "pixels": [lines(list(map(str, row))) for row in pixels],
        "calls": [_described(call, step) for call, step in zip(texts, network.steps, strict=True)],
        "layers": sorted(layers),
        "sources": sources,
    }
    for side, value in (("image", image), ("score", scores)):
        assert value.rounding is not None
        values |= {f"{side}_scale": f"{np.float32(value.rounding.scale)!r}f", f"{side}_zero": value.rounding.zero_point}
    with atomic_folder(folder) as temporary:
        _write(temporary, layout, values, layers, own)
    return PlainC(
        folder,
        sources_folder(folder, layout) / f"{prefix}.h",
        arena.bytes,
        arena.least,
        tuple(sorted({*layers, *own})),
        len(network.steps),
        len(file.operators),
        len(by_cmsis_nn.steps),
        by_cmsis_nn.ours,
    )


def _write(
    folder: Path, layout: str, values: dict[str, Any], layers: dict[str, dict[str, str]], own: list[str]
) -> None:
    templates = Environment(
        loader=FileSystemLoader([_HERE / "templates", LAYOUT_FILES]),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    sources = sources_folder(folder, layout)
    kernels = sources / "kernels"
    kernels.mkdir(parents=True)
    write_layout(folder, layout, templates, values)
    for suffix in ("h", "c"):
        text = templates.get_template(f"NAME.{suffix}").render(values)
        (sources / f"{values['name']}.{suffix}").write_text(text, encoding="utf-8")
    for header in ("kernels.h", "names.h"):
        (kernels / header).write_text(templates.get_template(header).render(values), encoding="utf-8")
    for name, macros in layers.items():
        text = templates.get_template("layer.c").render(values, layer=name, macros=macros.items())
        (kernels / f"{name}.c").write_text(text, encoding="utf-8")
    headers = [
        "nn.h",
        *(["helium.h", "layer.h"] if layers else []),
        *(["count.h"] if any("CHANNELS" in m for m in layers.values()) else []),
    ]
    for name in (*headers, *(f"{name}.c" for name in own)):
        (kernels / name).write_text((_KERNELS / name).read_text(encoding="utf-8"), encoding="utf-8")


def _functions(layers: list[str]) -> list[str]:
    """The names of all functions of the kernels."""
    declared = re.findall(r"^void (nn_\w+)\(", (_KERNELS / "nn.h").read_text(encoding="utf-8"), re.MULTILINE)
    return [*declared, *(f"nn_{layer}" for layer in layers)]


def _described(call: Call, step: Any) -> dict[str, str]:
    operators = " ".join(step.operators) if isinstance(step, Layer) else type(step).__name__
    return {"comment": f"{_plain(step.layer)}: {operators}", "constants": call.constants, "text": call.text}


def _plain(text: str) -> str:
    """A text that means nothing in comments and texts of C, CMake, JSON and YAML."""
    return "".join(letter if letter.isalnum() or letter in "_-., ()" else "_" for letter in text)


def _pixels(image: Tensor, metadata: Any) -> np.ndarray:
    """The int8 of each pixel of 0 to 255, [channels, 256]."""
    pixels = np.arange(256, dtype=np.float32)
    rows = [
        (pixels - np.float32(mean)) / np.float32(std) for mean, std in zip(metadata.mean, metadata.std, strict=True)
    ]
    return np.stack([rounded_image(row, image) for row in rows])
