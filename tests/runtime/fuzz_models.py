"""Gives damaged models to hybrid_tf_runtime in processes of their own: none may crash, hang, or be refused in silence.

    python tests/runtime/fuzz_models.py SEEDS [--count 20000] [--first 0] [--keep FOLDER]

SEEDS is a folder of sound `.tflite` files. Model `i` depends on the seeds and on `i` alone. Prints what became of the
models as JSON, and keeps those that ended the process or took too long. Exits with 1 when there are any.
Needs numpy, ai_edge_litert and hybrid_tf_runtime only.
"""

import argparse
import json
import os
import selectors
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
from mutations import Mutator

SECONDS = 20  # that one model may take, on a busy machine
START_SECONDS = 60  # for a process to import what it needs


def models(folder, first, count):
    """Yields the numbers and contents of mutated models."""
    mutators = [Mutator(path.read_bytes()) for path in sorted(Path(folder).glob("*.tflite"))]
    for number in range(first, first + count):
        rng = np.random.default_rng([2024, number])
        yield number, mutators[rng.integers(len(mutators))].mutate(rng)


def try_model(content):
    """Loads and runs a model; returns `ran`, or why it was refused."""
    from hybrid_tf_runtime import HybridTFRuntimeError, Interpreter

    try:
        interpreter = Interpreter(content, num_threads=2)
        inputs = []
        for shape, dtype in zip(interpreter.input_shapes, interpreter.input_types, strict=True):
            inputs.append(np.ones(shape, dtype))
        interpreter.predict(inputs)
    except HybridTFRuntimeError as error:
        return str(error) or "SILENT"
    return "ran"


def work(folder, first, count):
    """Tries models and writes a line for each: its number and what became of it."""
    print("ready", flush=True)
    for number, content in models(folder, first, count):
        result = " ".join(try_model(content).split())
        print(f"{number} {result}", flush=True)


def fuzz(folder, first, count, keep):
    """Tries models in child processes; returns counts of the outcomes and the failures, by number."""
    outcomes, failures = Counter(), {}
    number, last = first, first + count
    while number < last:
        command = [
            sys.executable,
            __file__,
            str(folder),
            "--first",
            str(number),
            "--count",
            str(last - number),
            "--work",
        ]
        with TemporaryFile() as errors, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) as child:
            said, hung = _read_outcomes(child, outcomes)
            if hung:
                child.kill()
            status = child.wait()
            number += said
            if number < last:
                errors.seek(0)
                complaint = " ".join(errors.read().decode(errors="replace").split())[-300:]
                failures[number] = f"{'hang' if hung else f'exit status {status}'}: {complaint}"
                _keep(folder, number, keep)
                number += 1
    return outcomes, failures


def _read_outcomes(child, outcomes):
    """Reads lines until the child ends or is silent too long; returns how many models it tried, and whether it hung."""
    selector = selectors.DefaultSelector()
    selector.register(child.stdout, selectors.EVENT_READ)
    pending, said, limit = b"", -1, START_SECONDS
    while selector.select(limit):
        chunk = os.read(child.stdout.fileno(), 65536)
        if not chunk:
            return max(said, 0), False
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            said, limit = said + 1, SECONDS
            outcome = line.decode(errors="replace").partition(" ")[2]
            if outcome:
                outcomes["ran" if outcome == "ran" else "silent" if outcome == "SILENT" else "refused"] += 1
    return max(said, 0), True


def _keep(folder, number, keep):
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        [(_, content)] = models(folder, number, 1)
        (keep / f"{number}.tflite").write_bytes(content)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", type=Path)
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the models that failed")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(arguments.seeds, arguments.first, arguments.count)
        return
    start = time.monotonic()
    outcomes, failures = fuzz(arguments.seeds, arguments.first, arguments.count, arguments.keep)
    seconds = time.monotonic() - start
    print(json.dumps({"models": arguments.count, "seconds": round(seconds, 1), **outcomes, "failures": failures}))
    sys.exit(bool(failures or outcomes["silent"]))


if __name__ == "__main__":
    main()
