"""Networks on emulated 64-bit ARM, run by hybrid-tf-runtime's aarch64 wheel or by LiteRT: what an image takes."""

import statistics
import subprocess
import zipfile
from pathlib import Path

from runtime.emulation import arm
from runtime.emulation.instruction_counts import build_plugin, read_marks, run

_PROGRAM = Path(__file__).parent / "arm_network.py"
PROCESSORS = tuple(arm.PROCESSORS)  # of a Raspberry Pi 4 and 5


class EmulatedNetworks:
    """The emulated processors, with a wheel for them."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        """Unpacks the wheel and compiles QEMU's plugin in `folder`. Raises EmulationError when something is missing."""
        self._emulation = arm.prepare()
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder / "wheel")
        self._environment = {
            "ARM_PYTHONPATH": str(folder / "wheel"),
            "QEMU_ARGUMENTS": " ".join(build_plugin(folder)),
        }

    def run(self, processor: str, engine: str, file: Path) -> subprocess.CompletedProcess:
        """Runs arm_network.py with `ours`, `profile` or `litert`. Raises EmulationError with what it said."""
        return run([self._emulation / f"python-{processor}", _PROGRAM, engine, file], self._environment)

    def instructions(self, processor: str, engine: str, file: Path) -> int:
        """Returns how many instructions one inference takes."""
        return int(statistics.median(marks(self.run(processor, engine, file).stderr).values()))


def marks(errors: str) -> dict[int, int]:
    """Returns the instructions before each mark that a program made, by number, without those before marks 0."""
    return {tag: count for tag, count in read_marks(errors) if tag}
