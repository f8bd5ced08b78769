"""The instructions of files on emulated 64-bit ARM, several emulators at a time."""

import os
import re
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

from benchmarks.counting.emulated_networks import PROCESSORS, EmulatedNetworks
from benchmarks.race.kept import Kept, digest_of
from hybrid_tf.pretrained.measured import LITERT, RUNTIME
from runtime.compile_library import SOURCES
from runtime.emulation import arm
from runtime.emulation.instruction_counts import run
from runtime.wheels import make_wheel

_PROGRAMS = {RUNTIME: "ours", LITERT: "litert"}  # of arm_network.py; LCE has no wheel for 64-bit ARM
Counts = dict[str, dict[str, int]]


class Counter:
    """Counts, or knows from before. Use it with `with`."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._engine = {RUNTIME: digest_of(SOURCES), LITERT: ""}

    def __enter__(self) -> "Counter":
        self._folder = tempfile.TemporaryDirectory()
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    @cached_property
    def _emulated(self) -> EmulatedNetworks:
        """The emulator with our wheel, which takes a minute: made when something is not known yet."""
        print("compiling for 64-bit ARM", file=sys.stderr, flush=True)
        folder = Path(self._folder.name)
        return EmulatedNetworks(folder, make_wheel("aarch64", folder))

    def count(self, files: list[tuple[Path, str, list[str]]]) -> list[Counts]:
        """Returns for each file the instructions of one image, by engine and processor.

        Args:
            files: paths, digests of the files and names of the engines that run them.

        Raises:
            EmulationError: when 64-bit ARM cannot be emulated here.
        """
        jobs = [
            (number, engine, processor)
            for number, (_, _, engines) in enumerate(files)
            for engine in engines
            if engine in _PROGRAMS
            for processor in PROCESSORS
        ]

        def one(job: tuple[int, str, str]) -> int:
            path, digest, _ = files[job[0]]
            parts = ("instructions", digest, job[1], job[2], self._engine[job[1]], *arm.REQUIREMENTS)
            return self._kept.get(parts, lambda: self._instructions(path, job[1], job[2]))

        found: list[Counts] = [{} for _ in files]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for (number, engine, processor), count in zip(jobs, pool.map(one, jobs), strict=True):
                found[number].setdefault(engine, {})[processor] = count
        return found

    def _instructions(self, path: Path, engine: str, processor: str) -> int:
        print(f"counting {path.parent.name}/{path.name}, {engine}, {processor}", file=sys.stderr, flush=True)
        return self._emulated.instructions(processor, _PROGRAMS[engine], path)


def about() -> dict[str, str]:
    """Returns what is counted with."""
    qemu = re.search(r"version (\S+)", run(["qemu-aarch64", "--version"]).stdout)
    return {
        "QEMU": qemu[1] if qemu else "of an unknown version",
        "hybrid-tf-runtime": version("hybrid-tf-runtime"),
        **dict(requirement.split("==") for requirement in arm.REQUIREMENTS),
    }
