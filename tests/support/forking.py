"""Forks a process that has an interpreter, idle and in the middle of a run; the children run and give it up.

python -m tests.support.forking MODEL THREADS FORKS. Prints the exit codes of the children of an idle parent, whether
all of a running one are good (most load the network again), and whether the parent still computes the same.
"""

import os
import signal
import sys
import threading

import numpy as np

from hybrid_tf_runtime import Interpreter

_CHILD_SECONDS = 10  # a child takes milliseconds; one that hangs is ended
_WRONG, _LOADED_AGAIN = 1, 2  # exit codes of children


def main() -> None:
    """Runs the program."""
    path, threads, forks = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    held = [Interpreter(path, threads)]
    samples = np.random.default_rng(0).standard_normal((2, *held[0].input_shapes[0][1:]), np.float32)
    expected = held[0].predict(samples)
    children = Children(held, samples, expected)
    print("idle", children.ends(forks))
    stop = threading.Event()
    runner = threading.Thread(target=run_until, args=[stop, held[0], samples])
    runner.start()
    print("running", set(children.ends(forks)) <= {0, _LOADED_AGAIN})
    stop.set()
    runner.join()
    print("parent", np.array_equal(held[0].predict(samples), expected))


def run_until(stop: threading.Event, interpreter: Interpreter, samples: np.ndarray) -> None:
    """Runs a network over and over."""
    while not stop.is_set():
        interpreter.predict(samples)


class Children:
    """Processes that use an interpreter of their parent and give it up."""

    def __init__(self, held: list[Interpreter], samples: np.ndarray, expected: np.ndarray) -> None:
        """`held` has the only reference to the interpreter, which is to give `expected` for `samples`."""
        self._held, self._samples, self._expected = held, samples, expected

    def ends(self, forks: int) -> list[int]:
        """Returns the different exit codes of so many children; 0 is good with what the parent had loaded."""
        return sorted({self._end() for _ in range(forks)})

    def _end(self) -> int:
        child = os.fork()
        if child == 0:
            signal.alarm(_CHILD_SECONDS)
            before = id(self._held[0].interpreter)
            good = np.array_equal(self._held[0].predict(self._samples), self._expected)
            code = _WRONG if not good else 0 if id(self._held[0].interpreter) == before else _LOADED_AGAIN
            del self._held[0]
            os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    main()
