"""What a network as plain C takes of flash and RAM: read off object files, compiled for each family of cores."""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybrid_tf.errors import HybridTFError
from hybrid_tf.micro.plain_c.export import export_plain_c

_ARM = ("arm-none-eabi-gcc", "arm-none-eabi-size", "gcc-arm-none-eabi")
_RISC_V = ("riscv64-unknown-elf-gcc", "riscv64-unknown-elf-size", "gcc-riscv64-unknown-elf")
_FPU = ("-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")
_FAMILIES = {
    "Cortex-M0+": (_ARM, ("-mthumb", "-mcpu=cortex-m0plus")),
    "Cortex-M3": (_ARM, ("-mthumb", "-mcpu=cortex-m3")),
    "Cortex-M4": (_ARM, ("-mthumb", "-mcpu=cortex-m4", *_FPU)),
    "Cortex-M55": (_ARM, ("-mthumb", "-mcpu=cortex-m55", "-mfloat-abi=hard")),
    "RV32IMAC": (_RISC_V, ("-march=rv32imac", "-mabi=ilp32")),
}
_FLAGS = ("-std=c99", "-O2", "-ffreestanding", "-ffunction-sections", "-fdata-sections")


@dataclass(frozen=True)
class PlainCSizes:
    """What a network takes as plain C.

    Attributes:
        arena_bytes: bytes of RAM for the arena; stack comes on top. 0 when it cannot be exported.
        flash_bytes: bytes of code and constants by family of cores, of those whose compiler is there.
        missing: what to say of the families that are not in `flash_bytes`, or why there are none; empty when all are.
    """

    arena_bytes: int
    flash_bytes: dict[str, int]
    missing: str

    @property
    def largest_flash(self) -> int:
        """The flash that suffices on every family that was compiled, 0 without any."""
        return max(self.flash_bytes.values(), default=0)


def plain_c_sizes(path: Path, metadata: Any) -> PlainCSizes:
    """Exports the network of a file as plain C, compiles it, and returns what it takes."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "network"
        try:
            found = export_plain_c(path, folder, metadata)
        except HybridTFError as error:
            return PlainCSizes(0, {}, str(error))
        sources, flash, missing = [folder / "network.c", *sorted(folder.glob("kernels/*.c"))], {}, []
        for family, ((compiler, size, package), flags) in _FAMILIES.items():
            if shutil.which(compiler) and shutil.which(size):
                flash[family] = _flash(sources, [compiler, *_FLAGS, *flags], size, Path(scratch) / family)
            elif package not in missing:
                missing.append(package)
    text = f"other cores: sudo apt-get install {' '.join(missing)}" if missing else ""
    return PlainCSizes(found.arena_bytes, flash, text)


def _flash(sources: list[Path], command: list[str], size: str, folder: Path) -> int:
    """Bytes of the sections of object files that lie in flash."""
    folder.mkdir()
    objects = [folder / f"{source.stem}.o" for source in sources]
    for source, target in zip(sources, objects, strict=True):
        _run([*command, "-c", source, "-o", target])
    rows = _run([size, *objects]).splitlines()[1:]
    return sum(int(number) for row in rows for number in row.split()[:2])  # text with constants, and data


def _run(command: list[Any]) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        raise HybridTFError(f"{command[0]} failed: {done.stderr.strip()[-1000:]}")
    return done.stdout
