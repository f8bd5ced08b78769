"""Runs every model of samples in a folder in interpreters of both engines, each in a thread, and alone, and compares.

python -m tests.support.two_interpreters FOLDER
"""

import sys
from pathlib import Path
from threading import Barrier, Thread

import numpy as np

from hybrid_tf_runtime import Interpreter

IMAGES = 10
ENGINES = ("litert", "standalone", "standalone")


def run(path, seed, barrier=None):
    """Returns what a model computes, on two threads of its own, after everybody has come to the barrier."""
    interpreter = Interpreter(path, num_threads=2, engine=ENGINES[seed])
    rng = np.random.default_rng(seed)
    inputs = []
    for shape, dtype in zip(interpreter.input_shapes, interpreter.input_types, strict=True):
        inputs.append((rng.normal(size=(IMAGES, *shape[1:])) * 10).astype(dtype))
    if barrier:
        barrier.wait()
    outputs = interpreter.predict(inputs)
    return outputs if isinstance(outputs, list) else [outputs]


def main():
    for path in sorted(Path(sys.argv[1]).glob("*.tflite")):
        if any(shape[:1] != (1,) for shape in Interpreter(path).input_shapes):  # no samples: single operators
            continue
        results, barrier = {}, Barrier(len(ENGINES))

        def work(seed, path=path, results=results, barrier=barrier):
            results[seed] = run(path, seed, barrier)

        threads = [Thread(target=work, args=(seed,)) for seed in range(len(ENGINES))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for seed in range(len(ENGINES)):
            for together, alone in zip(results[seed], run(path, seed), strict=True):
                assert np.array_equal(together, alone), f"{path}: another result in threads"
        print(path.name, "agrees")


if __name__ == "__main__":
    main()
