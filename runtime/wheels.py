"""Makes wheels of hybrid-tf-runtime for Linux, old and new, Windows and macOS: compiled with PyPI's ziglang.

python wheels.py [FOLDER]
"""

import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Target:
    """What a wheel is compiled for.

    Attributes:
        triple: of ziglang.
        platform: the tag of the wheel.
        machine: as ELF, Windows or macOS name or number it.
        glibc: the oldest version of glibc that it runs with; none of systems without it.
    """

    triple: str
    platform: str
    machine: str | int
    glibc: tuple[int, int] | None = None


# glibc 2.17 was released in 2012; for RISC-V the first one is 2.27, and the first tag of wheels 2.31.
TARGETS = {
    "x86_64": Target("x86_64-linux-gnu.2.17", "manylinux_2_17_x86_64", "EM_X86_64", (2, 17)),
    "aarch64": Target("aarch64-linux-gnu.2.17", "manylinux_2_17_aarch64", "EM_AARCH64", (2, 17)),
    "armv7l": Target("arm-linux-gnueabihf.2.17", "manylinux_2_17_armv7l", "EM_ARM", (2, 17)),
    "riscv64": Target("riscv64-linux-gnu.2.31", "manylinux_2_31_riscv64", "EM_RISCV", (2, 31)),
    "win_amd64": Target("x86_64-windows-gnu", "win_amd64", 0x8664),
    "macosx_arm64": Target("aarch64-macos.11.0", "macosx_11_0_arm64", 0x0100000C),
    "macosx_x86_64": Target("x86_64-macos.11.0", "macosx_11_0_x86_64", 0x01000007),
}
MAX_BYTES = 1_000_000
EXPORTS = set(re.findall(r"^ +(\w+);", (HERE / "exports.txt").read_text(), re.MULTILINE))
# What every Linux with glibc has. Above all the C++ library is not among them.
LOADERS = {"ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1", "ld-linux-armhf.so.3", "ld-linux-riscv64-lp64d.so.1"}
SYSTEM_LIBRARIES = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", *LOADERS}
MAGIC = {"win_amd64": b"MZ", "macosx_arm64": b"\xcf\xfa\xed\xfe", "macosx_x86_64": b"\xcf\xfa\xed\xfe"}


def make_wheel(name: str, folder: Path) -> Path:
    """Compiles for the target `name` and returns the wheel, in `folder`, after checking it.

    Raises:
        SystemExit: when it cannot be compiled or would not run where it should.
    """
    target = TARGETS[name]
    environment = os.environ | {
        "CXX": f"{sys.executable} -m ziglang c++ -target {target.triple}",
        "HYBRID_TF_RUNTIME_PLATFORM": target.platform,
    }
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / "source"  # building leaves files behind
        ignored = shutil.ignore_patterns("*.so", "*.dll", "*.dylib", "__pycache__", "build", "*.egg-info")
        shutil.copytree(HERE, source, ignore=ignored)
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
        built = Path(temporary) / "wheels"
        if subprocess.run([*command, "--wheel-dir", built, source], env=environment).returncode:
            sys.exit(f"the wheel for {name} cannot be built; see above")
        (wheel,) = built.glob("*.whl")
        faults = faults_of(wheel, name)
        if faults:
            sys.exit(f"{wheel.name} would not run everywhere: {'; '.join(faults)}")
        folder.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(wheel, folder))


def faults_of(wheel: Path, name: str) -> list[str]:
    """Returns why a wheel is too large or would not work on every system it is meant for; empty when all is well."""
    faults = []
    if wheel.stat().st_size >= MAX_BYTES:
        faults.append(f"it has {wheel.stat().st_size:,} bytes, not less than {MAX_BYTES:,}")
    with zipfile.ZipFile(wheel) as archive:
        (library,) = (entry for entry in archive.namelist() if entry.endswith((".so", ".dll", ".dylib")))
        content = archive.read(library)
    found = _faults_of_elf(content, TARGETS[name]) if TARGETS[name].glibc else _faults_of_other(content, name)
    return faults + found


def _faults_of_elf(content: bytes, target: Target) -> list[str]:
    from elftools.elf.dynamic import DynamicSection
    from elftools.elf.elffile import ELFFile
    from elftools.elf.gnuversions import GNUVerNeedSection

    faults = []
    elf = ELFFile(BytesIO(content))
    if elf["e_machine"] != target.machine:
        faults.append(f"the library is for {elf['e_machine']}")
    if elf.get_section_by_name(".symtab"):
        faults.append("the library is not stripped")
    for section in elf.iter_sections():
        if isinstance(section, DynamicSection):
            needed = {tag.needed for tag in section.iter_tags() if tag.entry.d_tag == "DT_NEEDED"}
            faults += [f"it needs {name}" for name in sorted(needed - SYSTEM_LIBRARIES)]
        if isinstance(section, GNUVerNeedSection):
            versions = {version.name for _, found in section.iter_versions() for version in found}
            faults += [f"it needs {name}" for name in sorted(versions) if not _is_old(name, target)]
    return faults + _faults_of_exports(exports_of(elf))


def _faults_of_other(content: bytes, name: str) -> list[str]:
    """Of a library of Windows or macOS: its kind, its machine, and that it names all that it should export."""
    faults = []
    if not content.startswith(MAGIC[name]):
        return ["the library is of another system"]
    if name == "win_amd64":
        (header,) = struct.unpack_from("<I", content, 0x3C)
        (machine,) = struct.unpack_from("<H", content, header + 4)
        prefix = b"\0"
    else:
        (machine,) = struct.unpack_from("<I", content, 4)
        prefix = b"_"
    if machine != TARGETS[name].machine:
        faults.append(f"the library is for machine {machine:#x}")
    return faults + [f"it lacks {export}" for export in sorted(EXPORTS) if prefix + export.encode() not in content]


def _faults_of_exports(exports: set[str]) -> list[str]:
    return [f"it exports {name}" for name in sorted(exports - EXPORTS)] + [
        f"it lacks {name}" for name in sorted(EXPORTS - exports)
    ]


def exports_of(elf: "ELFFile") -> set[str]:
    """Returns the names of what a library offers to others."""
    symbols = elf.get_section_by_name(".dynsym").iter_symbols()
    return {symbol.name for symbol in symbols if symbol.name and symbol["st_shndx"] != "SHN_UNDEF"}


def _is_old(version: str, target: Target) -> bool:
    kind, _, number = version.partition("_")
    return kind == "GLIBC" and tuple(map(int, number.split("."))) <= target.glibc


if __name__ == "__main__":
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "dist"
    for name in TARGETS:
        wheel = make_wheel(name, output)
        print(f"{wheel}: {wheel.stat().st_size:,} bytes")
