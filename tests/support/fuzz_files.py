"""Gives damaged `.tflite` files to `inspect`, `lint`, `verify` and `convert`: none may crash, hang, or fill the memory.

    python -m tests.support.fuzz_files SEEDS [--count N] [--keep FOLDER]

SEEDS is a folder of sound `.tflite` files. File `i` depends on the seeds and on `i` alone. It goes through the four in
a process that takes many, one after the other, with 2 GB of memory beyond what Python and TensorFlow take. Prints what
became of the files as JSON, and keeps those that went wrong. Exits with 1 when there are any.
"""

import json
import os
import resource
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.fuzz_processes import Fuzzer

SECONDS = 5  # of processor time that one file may take
SILENCE = 120  # seconds without a word
START_SECONDS = 1200  # for a process to load TensorFlow and to read the seeds, on a busy machine
MEMORY = 2 << 30


class Readers:
    """The four commands' library calls."""

    def __init__(self, folder):
        from hybrid_tf.compiler import verification  # isort: skip  chooses legacy Keras
        import tensorflow as tf

        from tests.support.small_networks import full_precision_network, random_images, residual_network

        tf.keras.backend.clear_session()  # layers have the names that fuzz_seeds.py gave them
        self._path = Path(folder) / "file.tflite"
        self._images = random_images(2)
        self._models = {"residual": residual_network(), "full_precision": full_precision_network()}
        # What is computed of the model alone does not depend on the file, and TensorFlow keeps each traced graph with a
        # custom gradient for good: traced anew, they take all the memory within 25,000 files.
        verification.trace_model = cache(verification.trace_model)
        verification.plan_int8 = cache(verification.plan_int8)
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
        reads = (self._inspect, self._lint, lambda: self._verify(model), self._convert)
        return " ".join(self._outcome(read) for read in reads)

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
        from hybrid_tf.compiler import lint_file

        json.dumps([item.to_dict() for item in lint_file(self._path)])

    def _verify(self, model):
        from hybrid_tf.compiler import verify

        return "passed" if verify(model, self._path, self._images).passed else "differs"

    def _convert(self):
        from hybrid_tf.compiler import Metadata
        from hybrid_tf.compiler.float_files import compile_float, noise, verify_float

        file = compile_float(self._path.read_bytes(), str(self._path), Metadata())
        return "passed" if verify_float(file, noise(file, 1)).passed else "differs"


def work(seeds, files):
    """Tries files and writes a line for each: processor time and what became of it."""
    with TemporaryDirectory() as scratch:
        readers = Readers(scratch)
        for seed in seeds.glob("*.tflite"):  # so that everything is loaded before memory is bounded
            readers.try_file(seed.stem, seed.read_bytes())
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY,) * 2)
        print("ready", flush=True)
        for name, content in files:
            start = sum(os.times()[:4])
            outcome = readers.try_file(name, content)
            print(f"{sum(os.times()[:4]) - start:.2f} {outcome}", flush=True)


def read(line):
    """Returns the outcome in each command, and what is wrong."""
    seconds, _, outcome = line.partition(" ")
    found = zip(("inspect", "lint", "verify", "convert"), outcome.split(), strict=False)
    wrong = f"{seconds} s: {outcome}" if float(seconds) > SECONDS or outcome != outcome.lower() else ""
    return [f"{command} {what}" for command, what in found], wrong


if __name__ == "__main__":
    Fuzzer("files", 8, 50000, START_SECONDS, SILENCE, work, read).main(__doc__)
