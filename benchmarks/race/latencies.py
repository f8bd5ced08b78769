"""The times of a task's files: every file in every engine has its turn in each round."""

import sys
import time
from contextlib import ExitStack, closing
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.timing import networks
from benchmarks.timing.engine_process import EngineProcess
from benchmarks.timing.engines import LCE, LCE_MODES, OURS, TWIN, Engine
from benchmarks.timing.machine import Clock
from benchmarks.timing.measurement import PAUSE_SECONDS, cpu_seconds
from hybrid_tf.pretrained.measured import LITERT, RUNTIME
from hybrid_tf_runtime import HybridTFRuntimeError, Interpreter, kernels

THREADS = (1, 2)
_FIRST_ROUNDS = 2  # which do not count: our runtime tries there how to divide steps
_ENGINES = (
    Engine(RUNTIME, OURS, networks.HYBRID, {"kernels": kernels()[0], "fusion": True}),
    Engine(LITERT, TWIN, networks.INT8),
    *(Engine(f"LCE, {mode}", LCE, networks.HYBRID, LCE_MODES[mode]) for mode in LCE_MODES if mode != "reference"),
)

Times = dict[Path, dict[str, dict[str, list[float]]]]


def claims(path: Path) -> bool:
    """Whether our runtime runs anything of a file; what it does not, LiteRT runs as it would without."""
    try:
        return bool(Interpreter(path, profile=True).profile())
    except HybridTFRuntimeError as error:  # it checks files, and knows fewer operators than LiteRT
        print(f"in LiteRT alone: {error}", file=sys.stderr, flush=True)
        return False


def engines_for(path: Path, is_hybrid: bool) -> list[str]:
    """Returns the engines a user could pick for a file; LiteRT alone cannot run binary layers."""
    if is_hybrid:
        return [engine.name for engine in _ENGINES if engine.family != TWIN]
    return [LITERT, *([RUNTIME] if claims(path) else [])]


def measure(files: list[tuple[Path, list[str]]], shape: tuple[int, int, int], rounds: int) -> tuple[Times, float]:
    """Measures files in turns.

    Args:
        files: paths, with the names of the engines that run them.
        shape: of an image.
        rounds: how many count.

    Returns:
        By file, engine and number of threads the median of the rounds' medians in milliseconds and their 10th and 90th
        percentile; and how many processors other programs kept busy meanwhile.

    Raises:
        HybridTFError: when an engine fails.
    """
    image = np.random.default_rng(1).standard_normal((1, *shape), np.float32)
    used = {name for _, names in files for name in names}
    with ExitStack() as stack:
        processes = {
            engine.name: stack.enter_context(closing(EngineProcess(engine)))
            for engine in _ENGINES
            if engine.name in used
        }
        turns = [(path, name, count) for (path, names), count in product(files, THREADS) for name in names]
        for path, names in files:
            for name in names:
                processes[name].call("hold", path, list(THREADS), image)
        medians: dict[tuple[Path, str, int], list[float]] = {turn: [] for turn in turns}
        clock = Clock(cpu_seconds([*processes.values()]))
        for number in range(-_FIRST_ROUNDS, rounds):
            text = f"round {number + 1} of {rounds}" if number >= 0 else "warming up"
            print(text, file=sys.stderr, flush=True)
            first = max(0, number) * len(turns) // rounds  # each round starts with another one
            for path, name, count in turns[first:] + turns[:first]:
                time.sleep(PAUSE_SECONDS)
                burst = processes[name].call("burst_of", path, count)
                if number >= 0:
                    medians[path, name, count].append(float(np.median(burst)))
        busy = clock.others(cpu_seconds([*processes.values()]))
    found: Times = {path: {name: {} for name in names} for path, names in files}
    for (path, name, count), values in medians.items():
        found[path][name][str(count)] = [round(float(value), 4) for value in np.percentile(values, (50, 10, 90))]
    return found, busy
