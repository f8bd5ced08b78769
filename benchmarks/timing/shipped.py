"""Measures how long each file of the trained networks takes for one image, in every engine a user would pick.

python -m benchmarks.timing.shipped [--rounds 20] [--json FILE] [--smoke] [--update-docs]

One thread. In each round it is the turn of every file in every engine, so that all have the same share of whatever else
happens on the machine. --update-docs writes hybrid_tf/pretrained/measured.json and, once everything is measured, the
table of docs/choosing.md.
"""

import argparse
import datetime
import sys
import time
from contextlib import ExitStack, closing
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from benchmarks.pages.choosing import check_page, update
from benchmarks.pages.measured_record import IMAGES, RIVAL, SMOKE, earlier, files_to_measure, measuring_options
from benchmarks.timing import networks
from benchmarks.timing.engine_process import EngineProcess
from benchmarks.timing.engines import LCE, LCE_MODES, OURS, TWIN, Engine
from benchmarks.timing.machine import Clock, machine
from benchmarks.timing.measurement import PAUSE_SECONDS, Latency, compare_scores, cpu_seconds, latency
from benchmarks.timing.result_tables import NOISY
from hybrid_tf.errors import HybridTFError
from hybrid_tf.pretrained.measured import BUSY, LITERT, RUNTIME, Measured
from hybrid_tf.runs.names import FILE
from hybrid_tf.system.files import write_json
from hybrid_tf.tables import show, table
from hybrid_tf_runtime import HybridTFRuntimeError, kernels

_Turn = tuple[EngineProcess, Path]


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, metavar="N", default=20, help="how often everything has its turn (20)")
    options = measuring_options(parser)
    if options.rounds < 1:
        parser.error("--rounds is a whole number from 1")
    try:
        _run(options)
    except (HybridTFError, HybridTFRuntimeError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def _run(options: argparse.Namespace) -> None:
    if options.update_docs:
        check_page()
    rounds = 2 if options.smoke else options.rounds
    found = files_to_measure(SMOKE if options.smoke else None)
    wanted = [
        Engine(RUNTIME, OURS, networks.HYBRID, {"kernels": kernels()[0], "fusion": True}),
        *(Engine(f"LCE, {mode}", LCE, networks.HYBRID, LCE_MODES[mode]) for mode in LCE_MODES if mode != "reference"),
        Engine(LITERT, TWIN, networks.HYBRID),
    ]
    with ExitStack() as stack:
        processes = [stack.enter_context(closing(EngineProcess(engine))) for engine in wanted]
        turns = [
            (process, path)
            for file, path in found
            for process in processes
            if process.engine.family != TWIN or not file.weights["binary"]
        ]
        _compare(turns)
        times, busy = _rounds(turns, processes, rounds)
    latencies = {turn: latency(turn[0].engine, 1, times[turn]) for turn in turns}
    ms: dict[Path, dict[str, float]] = {path: {} for _, path in found}
    for (_, path), one in latencies.items():
        ms[path][one.engine] = round(one.median_ms, 4)
    about = {"date": datetime.date.today().isoformat(), **machine(), BUSY: round(busy, 2)}
    files = tuple(replace(file, ms=ms[path]) for file, path in found)
    measured = Measured(IMAGES, about | {"rounds": rounds}, earlier().instructions, files)
    _show(latencies, busy)
    if options.json:
        write_json(options.json, asdict(measured))
    if options.update_docs:
        if busy > NOISY:
            raise HybridTFError("nothing was written: other programs were running, stop them and measure again")
        update(measured)


def _show(latencies: dict[_Turn, Latency], busy: float) -> None:
    cells = [
        [
            f"{path.parent.name} {path.name}",
            one.engine,
            f"{one.median_ms:.3f}",
            f"{one.p95_ms:.3f}",
            f"{one.spread:.0%}",
        ]
        for (_, path), one in latencies.items()
    ]
    columns = ["file", "engine", "median ms", "95 % within ms", "spread"]
    show(False, None, table("One image, one thread", columns, cells))
    noisy = sum(one.spread > NOISY for one in latencies.values())
    print(
        f"{noisy} of {len(latencies)} latencies differ by more than {NOISY:.0%} between rounds; other programs kept "
        f"{busy:.2f} processors busy",
        file=sys.stderr,
    )


def _compare(turns: list[_Turn]) -> None:
    """Compares the scores of all engines on float files; int8 results differ, and the cards have the accuracies.

    Raises:
        HybridTFError: when two engines that run the same file do not agree.
    """
    images = _noise(networks.CHECKED_IMAGES)
    for path in dict.fromkeys(path for _, path in turns if path.name == FILE):
        processes = [process for process, at in turns if at == path]
        for process in processes:
            process.call("load", path, [1], images[:1])
        compare_scores(processes, [1], images)


def _rounds(
    turns: list[_Turn], processes: list[EngineProcess], rounds: int
) -> tuple[dict[_Turn, list[list[float]]], float]:
    """Returns the milliseconds of each run in each round, and how many processors were busy with something else."""
    image = _noise(1)
    times: dict[_Turn, list[list[float]]] = {turn: [] for turn in turns}
    clock = Clock(cpu_seconds(processes))
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        first = number * len(turns) // rounds  # each round starts with another one
        for process, path in turns[first:] + turns[:first]:
            process.call("load", path, [1], image)
            time.sleep(PAUSE_SECONDS)
            times[process, path].append(process.call("burst", 1))
    return times, clock.others(cpu_seconds(processes))


def _noise(count: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((count, *RIVAL.input_shape), np.float32)


if __name__ == "__main__":
    main()
