"""The C++ sources of the kernels for TFLM, and a library of them for this computer."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

from hybrid_tf.errors import HybridTFError

ROOT = Path(__file__).parent / "sources"  # in the repository, links to the folders of the runtime
HOST = ROOT / "micro" / "host"
# Of the runtime's own core.
_SHARED = (
    "common/ceil_div.h",
    "common/flexbuffer.cc",
    "common/flexbuffer.h",
    "common/window_axis.cc",
    "common/window_axis.h",
    "kernels/bits.cc",
    "kernels/bits.h",
    "kernels/kernels.h",
    "kernels/pixels.h",
)
_ROOM = re.compile(r'^#include "(?:common|kernels)/', re.MULTILINE)
_FLAGS = "-std=c++17 -O2 -fPIC -shared -fvisibility=hidden -fno-exceptions -fno-rtti".split()  # noqa: SIM905


def kernel_files() -> list[Path]:
    """Returns the sources and headers of the kernels, which fit into one folder, without those for vectors."""
    return sorted([*(ROOT / "micro").glob("*.cc"), *(ROOT / "micro").glob("*.h"), *(ROOT / "src" / n for n in _SHARED)])


def flattened(source: Path) -> str:
    """Returns the text of a kernel's file as it stands in a folder with all the others."""
    return _ROOM.sub('#include "', source.read_text(encoding="utf-8"))


def helium_files() -> list[Path]:
    """Returns the sources for Armv8.1-M's vectors: each takes the place of the kernel of the same name."""
    return sorted((ROOT / "micro" / "helium").glob("*.cc"))


def build_host_library(library: Path, kernels: list[Path] | None = None) -> None:
    """Compiles the kernels into a library that the tflite-micro wheel loads; see `tflm.py`.

    Args:
        library: path of the library.
        kernels: paths of other sources than those of `kernel_files`.

    Raises:
        HybridTFError: when there is no C++ compiler, or it fails.
    """
    files = kernel_files() if kernels is None else kernels
    sources = [HOST / "wheel.cc", *(path for path in files if path.suffix == ".cc")]
    includes = [f"-I{path}" for path in (HOST, ROOT / "micro", ROOT / "src")]
    command = [*_compiler(), *_FLAGS, *includes, *map(str, sources), "-o", str(library)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        raise HybridTFError(f"cannot run {command[0]}: {error.strerror}; name another compiler in CXX") from error
    if done.returncode:
        raise HybridTFError(f"the C++ compiler {command[0]} failed: {done.stderr.strip()[-1000:]}")


def _compiler() -> list[str]:
    if os.environ.get("CXX"):
        return shlex.split(os.environ["CXX"])
    for name in ("c++", "g++", "clang++"):
        if shutil.which(name):
            return [name]
    raise HybridTFError(
        "TensorFlow Lite Micro runs the kernels compiled for this computer, and there is no C++ compiler: install one "
        "(on Debian: sudo apt-get install g++), or name it in CXX"
    )
