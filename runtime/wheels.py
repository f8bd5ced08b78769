"""Makes wheels of hybrid-tf-runtime that run on old and new Linux, x86-64 and aarch64: compiled with PyPI's ziglang.

python wheels.py [FOLDER]
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile

HERE = Path(__file__).resolve().parent
GLIBC = (2, 17)  # released in 2012
MACHINES = {"x86_64": "EM_X86_64", "aarch64": "EM_AARCH64"}  # as wheels name them, and as ELF does
MAX_BYTES = 1_000_000
EXPORTS = set(re.findall(r"^ +(\w+);", (HERE / "exports.txt").read_text(), re.MULTILINE))
# What every Linux with glibc has. Above all the C++ library is not among them.
LOADERS = {"ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
SYSTEM_LIBRARIES = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", *LOADERS}


def make_wheel(machine: str, folder: Path) -> Path:
    """Compiles for `machine` and returns the wheel, in `folder`, after checking it.

    Raises:
        SystemExit: when it cannot be compiled or would not run where it should.
    """
    glibc = ".".join(map(str, GLIBC))
    environment = os.environ | {
        "CXX": f"{sys.executable} -m ziglang c++ -target {machine}-linux-gnu.{glibc}",
        "HYBRID_TF_RUNTIME_PLATFORM": f"manylinux_{glibc.replace('.', '_')}_{machine}",
    }
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / "source"  # building leaves files behind
        shutil.copytree(HERE, source, ignore=shutil.ignore_patterns("*.so", "__pycache__", "build", "*.egg-info"))
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
        built = Path(temporary) / "wheels"
        if subprocess.run([*command, "--wheel-dir", built, source], env=environment).returncode:
            sys.exit(f"the wheel for {machine} cannot be built; see above")
        (wheel,) = built.glob("*.whl")
        faults = faults_of(wheel, machine)
        if faults:
            sys.exit(f"{wheel.name} would not run everywhere: {'; '.join(faults)}")
        folder.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(wheel, folder))


def faults_of(wheel: Path, machine: str) -> list[str]:
    """Returns why a wheel is too large or would not work on every system it is meant for; empty when all is well."""
    from elftools.elf.dynamic import DynamicSection
    from elftools.elf.elffile import ELFFile
    from elftools.elf.gnuversions import GNUVerNeedSection

    faults = []
    if wheel.stat().st_size >= MAX_BYTES:
        faults.append(f"it has {wheel.stat().st_size:,} bytes, not less than {MAX_BYTES:,}")
    with zipfile.ZipFile(wheel) as archive:
        (library,) = (name for name in archive.namelist() if name.endswith(".so"))
        elf = ELFFile(BytesIO(archive.read(library)))
    if elf["e_machine"] != MACHINES[machine]:
        faults.append(f"the library is for {elf['e_machine']}")
    if elf.get_section_by_name(".symtab"):
        faults.append("the library is not stripped")
    for section in elf.iter_sections():
        if isinstance(section, DynamicSection):
            needed = {tag.needed for tag in section.iter_tags() if tag.entry.d_tag == "DT_NEEDED"}
            faults += [f"it needs {name}" for name in sorted(needed - SYSTEM_LIBRARIES)]
        if isinstance(section, GNUVerNeedSection):
            versions = {version.name for _, found in section.iter_versions() for version in found}
            faults += [f"it needs {name}" for name in sorted(versions) if not _is_old(name)]
    exports = exports_of(elf)
    faults += [f"it exports {name}" for name in sorted(exports - EXPORTS)]
    faults += [f"it lacks {name}" for name in sorted(EXPORTS - exports)]
    return faults


def exports_of(elf: "ELFFile") -> set[str]:
    """Returns the names of what a library offers to others."""
    symbols = elf.get_section_by_name(".dynsym").iter_symbols()
    return {symbol.name for symbol in symbols if symbol.name and symbol["st_shndx"] != "SHN_UNDEF"}


def _is_old(version: str) -> bool:
    kind, _, number = version.partition("_")
    return kind == "GLIBC" and tuple(map(int, number.split("."))) <= GLIBC


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "dist"
    for machine in MACHINES:
        wheel = make_wheel(machine, target)
        print(f"{wheel}: {wheel.stat().st_size:,} bytes")
