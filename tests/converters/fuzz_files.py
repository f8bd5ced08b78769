"""Gives damaged `.tflite` files to `inspect`, `lint` and `verify`: none may crash them, hang, or fill the memory.

    PYTHONPATH=tests/converters:tests/runtime python tests/converters/fuzz_files.py SEEDS [--count N] [--keep FOLDER]

SEEDS is a folder of sound `.tflite` files. File `i` depends on the seeds and on `i` alone. It goes through the three in
a process that takes many, one after the other, with 2 GB of memory beyond what Python and TensorFlow take. Prints what
became of the files as JSON, and keeps those that went wrong. Exits with 1 when there are any.
"""

import argparse
import json
import os
import resource
import selectors
import subprocess
import sys
import time
from collections import Counter
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

SECONDS = 5  # of processor time that one file may take
SILENCE = 120  # seconds without a word
START_SECONDS = 1200  # for a process to load TensorFlow and to read the seeds, on a busy machine
MEMORY = 2 << 30


def files(folder, first, count):
    """Yields the numbers, seeds and contents of mutated files."""
    import numpy as np
    from mutations import Mutator

    mutators = [(path.stem, Mutator(path.read_bytes())) for path in sorted(Path(folder).glob("*.tflite"))]
    for number in range(first, first + count):
        rng = np.random.default_rng([8, number])
        name, mutator = mutators[rng.integers(len(mutators))]
        yield number, name, mutator.mutate(rng)


class Readers:
    """The three commands' library calls."""

    def __init__(self, folder):
        from hybrid_tf.converters import verification  # isort: skip  chooses legacy Keras
        import tensorflow as tf
        from small_networks import full_precision_network, random_images, residual_network

        tf.keras.backend.clear_session()  # layers have the names that fuzz_seeds.py gave them
        self._path = Path(folder) / "file.tflite"
        self._images = random_images(2)
        self._models = {"residual": residual_network(), "full_precision": full_precision_network()}
        # What is computed of the model alone does not depend on the file.
        verification.trace_model = cache(verification.trace_model)
        verification._keras = cache(verification._keras)
        self._traced, self._keras_with = {}, verification._keras_with
        verification._keras_with = self._cached_keras_with

    def _cached_keras_with(self, model, *what):
        key = repr((model.name, what))
        if key not in self._traced:
            if len(self._traced) >= 20:  # each holds a graph, and few files have other shapes or scales
                self._traced.clear()
            self._traced[key] = self._keras_with(model, *what)
        return self._traced[key]

    def try_file(self, name, content):
        """Returns what became of a file in each, e.g. `read read refused`; a fault of ours is in capital letters."""
        self._path.write_bytes(content)
        model = self._models.get(name, self._models["residual"])
        return " ".join(self._outcome(read) for read in (self._inspect, self._lint, lambda: self._verify(model)))

    @staticmethod
    def _outcome(read):
        from hybrid_tf.errors import HybridTFError

        try:
            return read() or "read"
        except HybridTFError as error:
            return "refused" if str(error) else "SILENT"
        except BaseException as error:
            return f"FAULT:{error!r}".replace(" ", "_")[:200]

    def _inspect(self):
        from hybrid_tf.analysis.inspection import inspect_file

        found = inspect_file(self._path)
        json.dumps(found.to_dict())
        found.tables()

    def _lint(self):
        from hybrid_tf.converters import lint_file

        json.dumps([item.to_dict() for item in lint_file(self._path)])

    def _verify(self, model):
        from hybrid_tf.converters import verify

        return "passed" if verify(model, self._path, self._images).passed else "differs"


def work(folder, first, count):
    """Tries files and writes a line for each: processor time and what became of it."""
    with TemporaryDirectory() as scratch:
        readers = Readers(scratch)
        for seed in Path(folder).glob("*.tflite"):  # so that everything is loaded before memory is bounded
            readers.try_file(seed.stem, seed.read_bytes())
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY,) * 2)
        print("ready", flush=True)
        for _, name, content in files(folder, first, count):
            start = sum(os.times()[:4])
            outcome = readers.try_file(name, content)
            print(f"{sum(os.times()[:4]) - start:.2f} {outcome}", flush=True)


def fuzz(folder, first, count, keep, say=print):
    """Tries files in child processes; returns counts of the outcomes and the failures, by number."""
    outcomes, failures = Counter(), {}
    number, last = first, first + count
    while number < last:
        arguments = [folder, "--first", number, "--count", last - number, "--work"]
        command = [sys.executable, __file__, *map(str, arguments)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
            done, hung = _read_outcomes(child, number, outcomes, failures)
            child.kill()
            status = child.wait()
        if done < 0:
            raise SystemExit(f"the process that reads files did not start: exit status {status}")
        number += done
        if number < last:
            failures[number] = "hang" if hung else f"exit status {status}"
            number += 1
        say(f"{number - first} files, {len(failures)} failures", file=sys.stderr)
    for failed in failures if keep else ():
        keep.mkdir(parents=True, exist_ok=True)
        [(_, _, content)] = files(folder, failed, 1)
        (keep / f"{failed}.tflite").write_bytes(content)
    return outcomes, failures


def _read_outcomes(child, number, outcomes, failures):
    """Reads lines until the child ends or is silent too long; returns how many files it tried, and whether it hung."""
    selector = selectors.DefaultSelector()
    selector.register(child.stdout, selectors.EVENT_READ)
    pending, done = b"", -1
    while selector.select(START_SECONDS if done < 0 else SILENCE):
        chunk = os.read(child.stdout.fileno(), 65536)
        if not chunk:
            return done, False
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            if done >= 0:
                seconds, _, outcome = line.decode(errors="replace").partition(" ")
                outcomes.update(zip(("inspect", "lint", "verify"), outcome.split(), strict=False))
                if float(seconds) > SECONDS or outcome != outcome.lower():
                    failures[number + done] = f"{seconds} s: {outcome}"
            done += 1
    return done, True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", type=Path)
    parser.add_argument("--count", type=int, default=50000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the files that went wrong")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(arguments.seeds, arguments.first, arguments.count)
        return
    start = time.monotonic()
    outcomes, failures = fuzz(arguments.seeds, arguments.first, arguments.count, arguments.keep)
    counts = {f"{command} {outcome}": number for (command, outcome), number in sorted(outcomes.items())}
    seconds = round(time.monotonic() - start, 1)
    print(json.dumps({"files": arguments.count, "seconds": seconds, **counts, "failures": failures}))
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
