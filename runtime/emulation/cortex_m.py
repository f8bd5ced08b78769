"""Compiles programs for Cortex-M processors and runs them in QEMU."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
RUNTIME = HERE.parent
INCLUDES = [RUNTIME / "micro", RUNTIME / "src", RUNTIME / "micro" / "host"]
PACKAGES = "gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib qemu-system-arm"
SHARED = [RUNTIME / "src" / f"{name}.cc" for name in ("kernels/bits", "common/flexbuffer", "common/window_axis")]
FLAGS = ["-mthumb", "-ffunction-sections", "-fdata-sections", "-Wall", "-Wextra", "-Werror"]
CXX_FLAGS = ["-std=c++17", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics", *FLAGS]
SECONDS = 120


@dataclass(frozen=True)
class Core:
    """A processor, and the machine of QEMU that has one."""

    name: str
    machine: str
    flags: tuple[str, ...]
    ram: int
    variants: tuple[str, ...]  # of the kernels, the fastest first


CORES = {
    core.name: core
    for core in (
        Core("cortex-m3", "mps2-an385", ("-mcpu=cortex-m3",), 0x20000000, ("portable",)),
        Core(
            "cortex-m4",
            "mps2-an386",
            ("-mcpu=cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"),
            0x20000000,
            ("dsp", "portable"),
        ),
        Core(
            "cortex-m7",
            "mps2-an500",
            ("-mcpu=cortex-m7", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"),
            0x20000000,
            ("dsp", "portable"),
        ),
        Core(
            "cortex-m55",
            "mps3-an547",
            ("-mcpu=cortex-m55", "-mfloat-abi=hard"),
            0x21000000,
            ("helium", "dsp", "portable"),
        ),
    )
}
# Its instructions are run on a Cortex-M3, as no machine of QEMU has a Cortex-M0+ with enough RAM.
CORTEX_M0_PLUS = Core("cortex-m0plus", "mps2-an385", ("-mcpu=cortex-m0plus",), 0x20000000, ("portable",))


def missing() -> str:
    """Returns what to install, or an empty text when everything is there."""
    programs = ("arm-none-eabi-g++", "qemu-system-arm")
    return "" if all(map(shutil.which, programs)) else f"needs: apt-get install {PACKAGES}"


def kernel_sources(variant: str) -> list[Path]:
    """Returns the kernels' sources, with this variant of the binary convolution."""
    sources = sorted((RUNTIME / "micro").glob("*.cc")) + SHARED
    if variant == "helium":
        sources[sources.index(RUNTIME / "micro" / "bconv2d.cc")] = RUNTIME / "micro" / "helium" / "bconv2d.cc"
    return sources


def compile_objects(folder: Path, core: Core, sources: Iterable[Path], flags: Sequence = ("-O2",)) -> list[Path]:
    """Compiles sources into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    includes = [text for path in INCLUDES for text in ("-I", path)]

    def compile_one(source: Path) -> Path:
        output = folder / f"{source.parent.name}-{source.stem}.o"
        compiler, own = ("gcc", FLAGS) if source.suffix == ".c" else ("g++", CXX_FLAGS)
        run([f"arm-none-eabi-{compiler}", *own, *core.flags, *flags, *includes, "-c", source, "-o", output])
        return output

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compile_one, sources))


def variant_flags(variant: str) -> list[str]:
    """Returns what makes the compiler take a variant of the kernels."""
    return ["-DHYBRID_TF_MICRO_PORTABLE"] if variant == "portable" else []


def link(objects: Iterable[Path], core: Core, program: Path) -> Path:
    """Links objects with the start-up code into a program."""
    start = compile_objects(program.parent, core, [HERE / "startup.c"])
    options = ["-nostartfiles", "--specs=rdimon.specs", "-Wl,--gc-sections", f"-Wl,--defsym=RAM_ORIGIN={core.ram}"]
    options += ["-T", HERE / "program.ld", "-o", program]
    run(["arm-none-eabi-g++", "-mthumb", *core.flags, *start, *objects, *options])
    return program


def emulate(program: Path, core: Core, *options: str) -> subprocess.CompletedProcess:
    """Runs a program; its exit code is that of the process."""
    command = ["qemu-system-arm", "-machine", core.machine, "-nographic", "-monitor", "none", "-serial", "none"]
    command += ["-semihosting-config", "enable=on,target=native", *options, "-kernel", program]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=SECONDS)


def run(command: Sequence) -> str:
    """Runs a command; returns what it printed, fails with what it said."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout
