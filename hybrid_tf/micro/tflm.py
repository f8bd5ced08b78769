"""Real TensorFlow Lite Micro (TFLM) on this computer: the interpreter of the wheel `tflite-micro`, with our kernels.

python -m hybrid_tf.micro.tflm FILE.tflite LIBRARY ARENA_BYTES [INPUTS.npz OUTPUTS.npz]

prints what a model takes of an arena, and runs it if there are inputs. It is a process of its own because
the wheel's structs are written to directly, and a wrong model or library may crash it.
"""

import importlib.metadata
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from hybrid_tf.errors import HybridTFError
from hybrid_tf.tflite.flatbuffer import parse_tflite, read_bytes

WHEEL = "tflite-micro"
VERSION = "0.dev20261023182759"  # the only one whose layout runtime/micro/host/tflm.h has
_REGISTERER = "RegisterLceOps"  # defined in runtime/micro/host/wheel.cc
_LARGEST_ARENA = 64 << 20
_SECONDS = 600


class TFLM:
    """Runs models in a process of its own each.

    Attributes:
        library: path of the library of kernels, as `kernels.build_host_library` compiles it.
    """

    def __init__(self, library: Path) -> None:
        """Raises HybridTFError when the wheel is not installed, or is another version."""
        check_wheel()
        self.library = library

    def arena_bytes(self, model: Path, arena: int = _LARGEST_ARENA) -> int:
        """Returns how much of an arena of `arena` bytes a model takes on this 64-bit computer.

        Raises:
            HybridTFError: when TFLM refuses the model, with what it said.
        """
        return self._run(model, arena)["arena_bytes"]

    def run(self, model: Path, inputs: list[np.ndarray], arena: int = _LARGEST_ARENA) -> list[np.ndarray]:
        """Returns the outputs of a model, [N, *shape] each, for inputs [N, *shape]: it is run N times.

        Raises:
            HybridTFError: when TFLM refuses the model, with what it said.
        """
        with tempfile.TemporaryDirectory() as folder:
            given, got = Path(folder) / "inputs.npz", Path(folder) / "outputs.npz"
            np.savez(given, **{f"{i:04}": array for i, array in enumerate(inputs)})
            self._run(model, arena, str(given), str(got))
            with np.load(got) as outputs:
                return [outputs[name] for name in sorted(outputs.files)]

    def _run(self, model: Path, arena: int, *files: str) -> dict[str, int]:
        command = [sys.executable, "-m", "hybrid_tf.micro.tflm", str(model), str(self.library), str(arena), *files]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise HybridTFError(
                f"TensorFlow Lite Micro took more than {_SECONDS} s for {model}: try again on a less busy computer"
            ) from error
        used = re.search(r"Arena allocation total (\d+) bytes", done.stderr)
        if done.returncode or not used:
            said = [line for line in done.stderr.splitlines() if line and not line.startswith((" ", "Traceback"))]
            raise HybridTFError(f"TensorFlow Lite Micro cannot run {model}: {'; '.join(said[-4:])[-600:]}")
        return {"arena_bytes": int(used[1])}


def check_wheel() -> None:
    """Raises HybridTFError unless the wheel with TFLM is installed in the version that fits."""
    try:
        found = importlib.metadata.version(WHEEL)
    except importlib.metadata.PackageNotFoundError:
        found = ""
    if found != VERSION:
        what = f"version {found} of it is installed" if found else "it is not installed"
        raise HybridTFError(
            f"the arena is measured in {WHEEL} {VERSION}, and {what}: pip install "
            f"{WHEEL}=={VERSION} (Linux on x86-64, Python 3.10 to 3.13)"
        )


def _main() -> None:
    import ctypes

    model, library, arena, *files = sys.argv[1:]
    from tflite_micro.python.tflite_micro import _runtime, runtime

    ctypes.CDLL(_runtime.__file__, mode=ctypes.RTLD_GLOBAL)  # our kernels call TFLM,
    ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)  # and TFLM looks our registerer up
    content = read_bytes(model)
    interpreter = runtime.Interpreter.from_bytes(content, custom_op_registerers=[_REGISTERER], arena_size=int(arena))
    if files:
        with np.load(files[0]) as given:
            inputs = [given[name] for name in sorted(given.files)]
        outputs: list[list[np.ndarray]] = [[] for _ in parse_tflite(content, model).outputs]
        for row in zip(*inputs, strict=True):
            for index, array in enumerate(row):
                interpreter.set_input(array, index)
            interpreter.invoke()
            for index, output in enumerate(outputs):
                output.append(interpreter.get_output(index).copy())
        np.savez(files[1], **{f"{i:04}": np.stack(output) for i, output in enumerate(outputs)})
    interpreter.print_allocations()


if __name__ == "__main__":
    _main()
