"""What counting instructions has in common on all emulated processors: layers, and the plugin of QEMU that counts."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from runtime.emulation.errors import EmulationError

_SOURCE = Path(__file__).parent / "count_instructions.c"


@dataclass(frozen=True)
class Layer:
    """A binary convolution with stride 1 and SAME padding."""

    size: int
    inputs: int
    outputs: int
    kernel: int

    @property
    def macs(self) -> int:
        """Returns its binary products, those of the padding included."""
        return self.size**2 * self.inputs * self.outputs * self.kernel**2

    def __str__(self) -> str:
        """Returns its name in tables."""
        return f"{self.kernel}x{self.kernel}x{self.inputs}->{self.outputs} @{self.size}"


def run(command: list, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess:
    """Runs a command, with more in its environment. Raises EmulationError with what it said when it fails."""
    command = list(map(str, command))
    done = subprocess.run(command, env=os.environ | (environment or {}), capture_output=True, text=True)
    if done.returncode:
        raise EmulationError(f"{' '.join(command[:4])} ... failed: {done.stderr.strip()[-1000:]}")
    return done


def build_plugin(folder: Path) -> list[str]:
    """Compiles the plugin into `folder`; returns the options with which QEMU loads it."""
    if not shutil.which("gcc"):
        raise EmulationError("gcc is missing; on Debian: sudo apt-get install gcc")
    plugin = folder / "count_instructions.so"
    run(["gcc", "-O2", "-fPIC", "-shared", _SOURCE, "-o", plugin])
    return ["-plugin", str(plugin), "-d", "plugin"]


def read_marks(errors: str) -> list[tuple[int, int]]:
    """Returns the tag of each mark that a program made, and the instructions since the one before.

    Args:
        errors: what QEMU wrote on standard error.

    Raises:
        EmulationError: when there are none.
    """
    marks = re.findall(r"^instructions (\d+) (\d+)$", errors, re.MULTILINE)
    if not marks:
        raise EmulationError(
            f"the emulator counted nothing; the plugin is for version 7.2 of QEMU: {errors.strip()[-500:]}"
        )
    return [(int(tag), int(count)) for tag, count in marks]
