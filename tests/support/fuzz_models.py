"""Gives damaged models to hybrid_tf_runtime in processes of their own: none may crash, hang, or be refused in silence.

    python -m tests.support.fuzz_models SEEDS [--count 20000] [--first 0] [--keep FOLDER]

SEEDS is a folder of sound `.tflite` files. Model `i` depends on the seeds and on `i` alone. Prints what became of the
models as JSON, and keeps those that ended the process, took too long or were refused in silence. Exits with 1 when
there are any. Needs numpy, ai_edge_litert and hybrid_tf_runtime only.
"""

import numpy as np

from tests.support.fuzz_processes import Fuzzer

SECONDS = 20  # that one model may take, on a busy machine
START_SECONDS = 60  # for a process to import what it needs


def try_model(content):
    """Loads and runs a model in both engines; returns `ran`, or why it was refused."""
    from hybrid_tf_runtime import HybridTFRuntimeError, Interpreter

    try:
        for engine in ("standalone", "litert"):
            interpreter = Interpreter(content, num_threads=2, engine=engine)
            inputs = []
            for shape, dtype in zip(interpreter.input_shapes, interpreter.input_types, strict=True):
                inputs.append(np.ones(shape, dtype))
            interpreter.predict(inputs)
    except HybridTFRuntimeError as error:
        return str(error) or "SILENT"
    return "ran"


def work(_, models):
    """Tries models and writes a line for each: what became of it."""
    print("ready", flush=True)
    for _, content in models:
        print(" ".join(try_model(content).split()), flush=True)


def read(line):
    """Returns the outcome, and what is wrong."""
    if line == "SILENT":
        return [], "refused in silence"
    return ["ran" if line == "ran" else "refused"], ""


if __name__ == "__main__":
    Fuzzer("models", 2024, 20000, START_SECONDS, SECONDS, work, read).main(__doc__)
