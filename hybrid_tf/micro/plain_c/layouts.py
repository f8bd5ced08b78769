"""Where the files of a network in plain C lie for each tool that builds firmware, and what comes with them.

`layouts/` has the further files of each tool under their paths; LIBRARY in a path is the library's name.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment

from hybrid_tf.errors import HybridTFError
from hybrid_tf.tflite.flatbuffer import Tensor

HERE = Path(__file__).parent / "layouts"
_SOURCES = {"cmake": "", "arduino": "src", "esp-idf": "", "zephyr": "", "platformio": "src"}
LAYOUTS = tuple(_SOURCES)
_LONGEST = 63  # characters of the name of an Arduino library
# Names of the kernels' own headers, of headers of compilers and tools, and of CMake's targets.
_TAKEN = frozenset({"count", "helium", "kernels", "layer", "names", "nn"}) | {
    *("assert", "complex", "ctype", "errno", "fenv", "float", "inttypes", "limits", "locale", "math", "setjmp"),
    *("signal", "stdarg", "stdbool", "stddef", "stdint", "stdio", "stdlib", "string", "strings", "time", "wchar"),
    *("arm_acle", "arm_mve", "arm_nnfunctions", "esp_heap_caps", "esp_timer"),
    *("all", "clean", "help", "install", "package", "test"),
}


def library_name(title: str) -> str:
    """Returns a name that C and every tool accept: letters, digits and underscores, a letter first."""
    name = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")
    return (name if name[:1].isalpha() else f"network_{name}")[:_LONGEST].rstrip("_")


def check_name(name: str | None) -> None:
    """Checks that files, functions and macros in C, and a library of every tool, can begin with a name.

    Raises:
        HybridTFError: when they cannot.
    """
    if name is None:
        return
    if not re.fullmatch(r"[a-z](_?[a-z0-9])*", name) or len(name) > _LONGEST:
        raise HybridTFError(
            f"the name '{name}' cannot begin names in C everywhere: take small letters, digits and single underscores "
            f"between them, a letter first, {_LONGEST} at most"
        )
    if name in _TAKEN or name.startswith("arduino"):
        raise HybridTFError(
            f"the name '{name}' is one of a header, a build target or Arduino's own: take another, as my_{name}"
        )


def sources_folder(folder: Path, layout: str) -> Path:
    """Returns where the network's own files lie in a folder with a layout."""
    return folder / _SOURCES[layout]


def write_layout(folder: Path, layout: str, templates: Environment, values: dict[str, Any]) -> None:
    """Writes the files of a layout, before the network's own, whose header may have the library's name."""
    root = HERE / layout
    for path in sorted(root.rglob("*")):
        if path.is_file():
            name = path.relative_to(root).as_posix()
            target = folder / name.replace("LIBRARY", values["library"])
            target.parent.mkdir(parents=True, exist_ok=True)
            text = templates.get_template(f"{layout}/{name}").render(values)
            target.write_text(text, encoding="utf-8")


def example_scores(path: Path, image: Tensor, scores: Tensor, pixels: np.ndarray) -> list[int]:
    """Returns the int8 scores that LCE's interpreter gives the image of `templates/example.h`.

    Args:
        path: path of the file.
        image: int8 tensor that plain C takes.
        scores: int8 tensor that plain C gives.
        pixels: int8 of each pixel of 0 to 255, [channels, 256].
    """
    from hybrid_tf.compiler import Interpreter  # needs TensorFlow

    height, width, channels = image.shape[1:]
    places = np.arange(height * width * channels)
    values = pixels[places % channels, places * 37 % 256].reshape(height, width, channels).astype(np.float32)
    real = (values - np.float32(image.zero_points[0])) * np.float32(image.scales[0])
    found = Interpreter(path).predict(real[None])[0] / np.float32(scores.scales[0]) + scores.zero_points[0]
    return [int(score) for score in np.rint(found)]
