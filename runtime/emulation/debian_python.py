"""Emulated 32-bit ARM and RISC-V: Debian's own Python 3 with numpy, run by qemu on any Linux machine.

python -m runtime.emulation.debian_python armhf|riscv64

Fills build/armhf or build/riscv64 once, some 100 MB, and prints it. Root is not needed. Then

    build/armhf/python script.py

runs a script in emulated Python; EMULATED_PYTHONPATH adds folders to search for modules. There is no LiteRT for these
machines: what runs networks there is the library's own engine.
"""

import fcntl
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from runtime.emulation.arm import APT_SOURCES, run, unpack_debian
from runtime.emulation.errors import EmulationError

BUILD = Path(__file__).parents[2] / "build"
PACKAGES = ("python3-minimal", "python3-numpy", "libpython3-stdlib", "libstdc++6")


@dataclass(frozen=True)
class Machine:
    """A machine that Debian has packages for.

    Attributes:
        qemu: the program that emulates it.
        release: the release of Debian that has it.
        triple: the name of its folder of libraries.
        machine: what Python says that it runs on.
        bits: of an address.
    """

    qemu: str
    release: str
    triple: str
    machine: str
    bits: int


MACHINES = {
    "armhf": Machine("qemu-arm", "bookworm", "arm-linux-gnueabihf", "armv7l", 32),
    "riscv64": Machine("qemu-riscv64", "trixie", "riscv64-linux-gnu", "riscv64", 64),
}
# numpy finds its linear algebra by a link that a package's script would make.
RUNNER = """#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
libraries=$here/debian/usr/lib/{triple}
exec {qemu} $QEMU_ARGUMENTS -L "$here/debian" \\
  -E LD_LIBRARY_PATH="$libraries/blas:$libraries/lapack" -E PYTHONHOME="$here/debian/usr" \\
  -E PYTHONPATH="${{EMULATED_PYTHONPATH:+$EMULATED_PYTHONPATH:}}$here/debian/usr/lib/python3/dist-packages" \\
  "$here/debian/usr/bin/python3" "$@"
"""
CHECK = "import platform, struct, numpy; print(8 * struct.calcsize('P'))"


def missing(name: str) -> str:
    """Returns what emulation of `name` needs and is not here, as the reason of a skipped test; empty if all is here."""
    if not shutil.which(MACHINES[name].qemu):
        return "needs: sudo apt-get install qemu-user"
    if not APT_SOURCES.exists() or not shutil.which("dpkg-deb"):
        return f"needs: Debian 12 or newer (there is no {APT_SOURCES} here)"
    return ""


def prepare(name: str) -> Path:
    """Fills the folder of a machine unless it is complete, and returns the program that is its Python.

    Raises:
        EmulationError: something is missing on this machine, or a download failed.
    """
    if reason := missing(name):
        raise EmulationError(f"emulated {name} {reason}")
    machine, folder = MACHINES[name], BUILD / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        marker = folder / "made-by"
        if not marker.exists() or marker.read_bytes() != Path(__file__).read_bytes():
            shutil.rmtree(folder, ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=folder.parent) as scratch:
                part = Path(scratch) / name
                part.mkdir()
                unpack_debian(part / "debian", Path(scratch) / "apt", name, machine.release, PACKAGES)
                runner = part / "python"
                runner.write_text(RUNNER.format(qemu=machine.qemu, triple=machine.triple))
                runner.chmod(0o755)
                bits = run([runner, "-c", CHECK], "try the emulated Python").strip()
                if bits != str(machine.bits):
                    raise EmulationError(f"the emulated Python has addresses of {bits} bits, not {machine.bits}")
                (part / "made-by").write_bytes(Path(__file__).read_bytes())
                part.rename(folder)
    return folder / "python"


if __name__ == "__main__":
    try:
        print(prepare(sys.argv[1]))
    except EmulationError as error:
        sys.exit(f"error: {error}")
