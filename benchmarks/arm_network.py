"""Runs a network inside emulated ARM, between marks for count_instructions.c: see arm_instructions.py.

arm_network.py ours|litert FILE
"""

import ctypes
import sys

import numpy as np

MARK = 32343
RUNS = 3


def main() -> None:
    """Runs the command. The marks have the numbers of the inferences that they end, from 1 on."""
    engine, file = sys.argv[1:]
    if engine == "ours":
        from hybrid_tf_runtime import Interpreter

        interpreter = Interpreter(file).interpreter
    else:
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(file, num_threads=1)
        interpreter.allocate_tensors()
    system = ctypes.CDLL(None)
    (image,) = interpreter.get_input_details()
    interpreter.set_tensor(image["index"], np.random.default_rng(0).random(image["shape"], np.float32))
    interpreter.invoke()  # the first one prepares things
    system.syscall(MARK, 0)
    for run in range(1, RUNS + 1):
        interpreter.invoke()
        system.syscall(MARK, run)


if __name__ == "__main__":
    main()
