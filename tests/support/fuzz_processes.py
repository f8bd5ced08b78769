"""What the programs that try damaged files share: processes that try one file after the other, until one ends them."""

import argparse
import json
import os
import selectors
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np

from tests.support.mutations import Mutator

_PROGRAM = sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv[1:])]  # a file, -m and a module, or -c and a text


@dataclass(frozen=True)
class Fuzzer:
    """A program that damages sound files, and tries what becomes of them.

    Attributes:
        what: the files are, in what is printed.
        seed: file `i` depends on it, on the sound files and on `i` alone.
        count: of files when none is given.
        start_seconds: until a process says that it is ready, on a busy machine.
        seconds: until the next line.
        work: work(seeds, files) prints a line when it is ready, then one for each file: (name of the seed, content). It
            runs in a process of its own: the program's with --work.
        read: read(line) returns the outcomes to count, and what is wrong, if anything.
    """

    what: str
    seed: int
    count: int
    start_seconds: int
    seconds: int
    work: Callable[[Path, Iterator[tuple[str, bytes]]], None]
    read: Callable[[str], tuple[Iterable[str], str]]

    def main(self, doc: str) -> None:
        """Runs the program."""
        parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("seeds", type=Path)
        parser.add_argument("--count", type=int, default=self.count)
        parser.add_argument("--first", type=int, default=0)
        parser.add_argument("--keep", type=Path, help=f"folder for the {self.what} that went wrong")
        parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
        arguments = parser.parse_args()
        if arguments.work:
            self.work(arguments.seeds, self._files(arguments.seeds, arguments.first, arguments.count))
            return
        start = time.monotonic()
        outcomes, failures = self._fuzz(arguments.seeds, arguments.first, arguments.count, arguments.keep)
        facts = {self.what: arguments.count, "seconds": round(time.monotonic() - start, 1)}
        print(json.dumps(facts | dict(sorted(outcomes.items())) | {"failures": failures}))
        sys.exit(bool(failures))

    def _files(self, folder, first, count):
        """Yields the name of the sound file and the content of each damaged one."""
        mutators = [(path.stem, Mutator(path.read_bytes())) for path in sorted(folder.glob("*.tflite"))]
        for number in range(first, first + count):
            rng = np.random.default_rng([self.seed, number])
            name, mutator = mutators[rng.integers(len(mutators))]
            yield name, mutator.mutate(rng)

    def _fuzz(self, folder, first, count, keep):
        """Tries files in processes; returns counts of the outcomes and the failures, by number."""
        outcomes, failures = Counter(), {}
        number, last = first, first + count

        def fail(why):
            failures[number] = why
            if keep:
                keep.mkdir(parents=True, exist_ok=True)
                [(_, content)] = self._files(folder, number, 1)
                (keep / f"{number}.tflite").write_bytes(content)

        while number < last:
            arguments = [folder, "--first", number, "--count", last - number, "--work"]
            command = [sys.executable, *_PROGRAM, *map(str, arguments)]
            with TemporaryFile() as errors, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) as child:
                is_ready = False
                try:
                    for line in self._lines(child.stdout):
                        if is_ready:
                            found, wrong = self.read(line)
                            outcomes.update(found)
                            if wrong:
                                fail(wrong)
                            number += 1
                        is_ready = True
                    end = f"exit status {child.wait()}"
                except TimeoutError:
                    child.kill()
                    end = "hang"
                errors.seek(0)
                end += f": {' '.join(errors.read().decode(errors='replace').split())[-300:]}"
            if not is_ready:
                raise SystemExit(f"the process that tries {self.what} did not start: {end}")
            if number < last:
                fail(end)
                number += 1
            print(f"{number - first} {self.what}, {len(failures)} failures", file=sys.stderr)
        return outcomes, failures

    def _lines(self, output):
        """Yields lines until there are no more. Raises TimeoutError when one takes too long."""
        selector = selectors.DefaultSelector()
        selector.register(output, selectors.EVENT_READ)
        pending, limit = b"", self.start_seconds
        while any(selector.select(limit / 4) for _ in range(4)):  # a machine that stands still uses up one part only
            chunk = os.read(output.fileno(), 65536)
            if not chunk:
                return
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                yield line.decode(errors="replace")
                limit = self.seconds
        raise TimeoutError
