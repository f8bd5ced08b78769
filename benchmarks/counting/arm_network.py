"""Runs a network inside emulated ARM, between marks for count_instructions.c: see arm_instructions.py.

arm_network.py ours|profile|litert FILE
"""

import ctypes
import json
import sys
from typing import Any

import numpy as np

MARK = 32343
RUNS = 3


def main() -> None:
    """Runs the command. The marks have the numbers of the inferences that they end, from 1 on.

    With `profile`, the runtime reads the clock before its first step and after each step, and the steps are printed.
    """
    engine, file = sys.argv[1:]
    if engine == "litert":
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(file, num_threads=1)
        interpreter.allocate_tensors()
        count(interpreter)
    else:
        from hybrid_tf_runtime import Interpreter

        network = Interpreter(file, profile=engine == "profile")
        count(network.interpreter)
        if engine == "profile":
            json.dump(network.profile(), sys.stdout)


def count(interpreter: Any) -> None:
    """Runs inferences of random numbers, the first of which, which prepares things, has the mark 0."""
    system = ctypes.CDLL(None)
    (image,) = interpreter.get_input_details()
    values = np.random.default_rng(0).random(image["shape"], np.float32)
    interpreter.set_tensor(image["index"], values if image["dtype"] == np.float32 else (values * 127).astype(np.int8))
    interpreter.invoke()
    system.syscall(MARK, 0)
    for run in range(1, RUNS + 1):
        interpreter.invoke()
        system.syscall(MARK, run)


if __name__ == "__main__":
    main()
