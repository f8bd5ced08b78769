"""Compiles C programs for 32-bit RISC-V and runs them in QEMU's user mode, with no operating system's library."""

import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from runtime.emulation.cortex_m import SECONDS, run

HERE = Path(__file__).resolve().parent
PACKAGES = "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf qemu-user"
COMPILER = "riscv64-unknown-elf-gcc"
EMULATOR = "qemu-riscv32"
FLAGS = ["-march=rv32imac", "-mabi=ilp32", "-ffunction-sections", "-fdata-sections", "-Wall", "-Wextra", "-Werror"]


def missing() -> str:
    """Returns what to install, or an empty text when everything is there."""
    return "" if all(map(shutil.which, (COMPILER, EMULATOR))) else f"needs: apt-get install {PACKAGES}"


def build(folder: Path, sources: Iterable[Path], flags: Sequence = ("-O2",)) -> Path:
    """Compiles C sources, and returns the program, whose `main` takes no arguments and prints nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "program.elf"
    options = ["-nostartfiles", "--specs=picolibc.specs", "-T", HERE / "riscv.ld", "-Wl,--gc-sections", "-o", program]
    run([COMPILER, *FLAGS, *flags, *sources, HERE / "riscv_startup.c", *options])
    return program


def emulate(program: Path, *options: str) -> subprocess.CompletedProcess:
    """Runs a program; its exit code is that of the process."""
    command = [EMULATOR, *options, str(program)]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
