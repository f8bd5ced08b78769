"""Emulated 64-bit ARM: Debian's arm64 Python 3.11 with numpy and ai-edge-litert, run by qemu on any Linux machine.

python -m runtime.emulation.arm [FOLDER]

Fills FOLDER (default: build/arm) once, about 300 MB and half a minute, and prints it. Root is not needed. Then

    FOLDER/python-cortex-a72 script.py      # a Raspberry Pi 4
    FOLDER/python-cortex-a76 script.py      # a Raspberry Pi 5: has dot products

run a script in emulated Python. ARM_PYTHONPATH adds folders to search for modules (an unpacked wheel); QEMU_ARGUMENTS
adds arguments of qemu. The processor is always named: on qemu's default one (SVE and SME), XNNPACK's int8 is silently
wrong.
"""

import argparse
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from runtime.emulation.errors import EmulationError

FOLDER = Path(__file__).parents[2] / "build" / "arm"
HOST_PACKAGES = {"qemu-aarch64": "qemu-user", "aarch64-linux-gnu-g++": "g++-aarch64-linux-gnu"}  # program: its package

# The part number and the features that /proc/cpuinfo shows on these processors.
PROCESSORS = {
    "cortex-a72": ("0xd08", "fp asimd evtstrm crc32 cpuid"),
    "cortex-a76": (
        "0xd0b",
        "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp",
    ),
}
RELEASE = "bookworm"  # whatever the host's: the one with Python 3.11
PACKAGES = ("python3.11-minimal", "libpython3.11-stdlib", "libpython3.11", "libstdc++6", "libgomp1")
REQUIREMENTS = ("numpy==1.26.4", "ai-edge-litert==2.3.0")
PLATFORMS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")

APT_SOURCES = Path("/etc/apt/sources.list.d/debian.sources")
APT_CONFIGURATION = """
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::Languages "none";
Debug::NoLocking "true";
Dir::State "{apt}";
Dir::State::lists "{apt}/lists";
Dir::State::status "{apt}/status";
Dir::Cache "{apt}/cache";
Dir::Etc::sourcelist "{apt}/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferencesparts "-";
"""
RUNNER = """#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
exec qemu-aarch64 -cpu {processor} $QEMU_ARGUMENTS -L "$here/{processor}" \\
  -E PYTHONPATH="${{ARM_PYTHONPATH:+$ARM_PYTHONPATH:}}$here/site" "$here/{processor}/usr/bin/python3.11" "$@"
"""
CHECK = "import platform, numpy, ai_edge_litert.interpreter; print(platform.machine())"


def missing() -> str:
    """Returns what emulated ARM needs and is not here, as the reason of a skipped test; empty if it is all here."""
    packages = [package for program, package in HOST_PACKAGES.items() if not shutil.which(program)]
    if packages:
        return f"needs: sudo apt-get install {' '.join(packages)}"
    if not APT_SOURCES.exists() or not shutil.which("dpkg-deb"):
        return f"needs: Debian 12 or newer (there is no {APT_SOURCES} here)"
    return ""


def prepare(folder: Path = FOLDER) -> Path:
    """Fills `folder` unless it is already complete, and returns its absolute path.

    Two processes may call this at the same time. Nothing is at `folder` before everything is.

    Raises:
        EmulationError: something is missing on this machine, or a download failed.
    """
    if reason := missing():
        raise EmulationError(f"emulated ARM {reason}")
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _complete(folder):
            with tempfile.TemporaryDirectory(prefix=f"{folder.name}-", dir=folder.parent) as scratch:
                part = Path(scratch) / "arm"
                part.mkdir()
                _fill(part, Path(scratch) / "apt")
                shutil.rmtree(folder, ignore_errors=True)
                part.rename(folder)
    return folder


def _complete(folder: Path) -> bool:
    marker = folder / "made-by"
    return marker.exists() and marker.read_bytes() == Path(__file__).read_bytes()


def _fill(folder: Path, apt: Path) -> None:
    print("emulated ARM: fetching Debian's arm64 Python 3.11, numpy and ai-edge-litert, half a minute", file=sys.stderr)
    unpack_debian(folder / "debian", apt, "arm64", RELEASE, PACKAGES)
    _install_wheels(folder / "site")
    for processor, (part, features) in PROCESSORS.items():
        _add_processor(folder, processor, part, features)
    for processor in PROCESSORS:
        machine = run([folder / f"python-{processor}", "-c", CHECK], "try the emulated Python").strip()
        if machine != "aarch64":
            raise EmulationError(f"the emulated Python says that it runs on {machine!r}, not on 'aarch64'")
    (folder / "made-by").write_bytes(Path(__file__).read_bytes())


def unpack_debian(root: Path, apt: Path, architecture: str, release: str, packages: tuple[str, ...]) -> None:
    """Unpacks packages below `root`. Apt works in the folder `apt`; the host's own lists stay untouched.

    Raises:
        EmulationError: they cannot be fetched.
    """
    for name in ("lists/partial", "cache/archives/partial"):
        (apt / name).mkdir(parents=True)
    (apt / "status").touch()
    options = dict(line.split(":", 1) for line in APT_SOURCES.read_text().split("\n\n")[0].splitlines() if ":" in line)
    mirror = options["URIs"].split()[0]
    keys = options.get("Signed-By", "/usr/share/keyrings/debian-archive-keyring.gpg").strip()
    (apt / "sources.list").write_text(
        "".join(f"deb [signed-by={keys}] {mirror} {suite} main\n" for suite in (release, f"{release}-updates"))
    )
    configuration = apt / "apt.conf"
    configuration.write_text(APT_CONFIGURATION.format(apt=apt, architecture=architecture))
    environment = {**os.environ, "APT_CONFIG": str(configuration)}
    run(["apt-get", "-q", "update"], f"fetch the package lists of {mirror}", environment)
    run(["apt-get", "-q", "-y", "--download-only", "install", *packages], f"fetch packages of {mirror}", environment)
    archives = sorted((apt / "cache" / "archives").glob("*.deb"))
    if not archives:
        raise EmulationError(f"apt-get fetched no package from {mirror}")
    for archive in archives:
        run(["dpkg-deb", "-x", archive, root], f"unpack {archive.name}")


def _install_wheels(site: Path) -> None:
    platforms = [text for platform in PLATFORMS for text in ("--platform", f"{platform}_aarch64")]
    python = ["--implementation", "cp", "--abi", "cp311", "--python-version", "3.11", "--only-binary=:all:"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", *platforms, *python, "--target", site, *REQUIREMENTS]
    run(command, f"install {' and '.join(REQUIREMENTS)} for aarch64")


def _add_processor(folder: Path, processor: str, part: str, features: str) -> None:
    """Adds the files that this processor shows, next to links to the common ones, and a script that runs Python.

    The interpreter of LiteRT reads /proc/cpuinfo, and crashes on the host's, which qemu would show.
    """
    root = folder / processor
    for path in (folder / "debian").iterdir():
        (root / path.name).parent.mkdir(exist_ok=True)
        (root / path.name).symlink_to(Path("..") / "debian" / path.name)
    (root / "proc").mkdir()
    (root / "sys" / "devices" / "system" / "cpu").mkdir(parents=True)
    identity = (
        f"CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: {part}\nCPU revision\t: 3\n"
    )
    (root / "proc" / "cpuinfo").write_text(
        "".join(f"processor\t: {core}\nBogoMIPS\t: 108.00\nFeatures\t: {features}\n{identity}\n" for core in range(4))
    )
    runner = folder / f"python-{processor}"
    runner.write_text(RUNNER.format(processor=processor))
    runner.chmod(0o755)


def run(command: list, purpose: str, environment: dict[str, str] | None = None) -> str:
    """Runs a command and returns what it printed.

    Raises:
        EmulationError: it failed; `purpose` says at what.
    """
    done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True)
    if done.returncode:
        raise EmulationError(f"could not {purpose}: {(done.stderr or done.stdout).strip()[-1000:]}")
    return done.stdout


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    try:
        print(prepare(parser.parse_args().folder))
    except EmulationError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
