"""Measures all engines on one network, so that each has the same share of whatever else happens on the machine."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from benchmarks.timing import networks
from benchmarks.timing.engine_process import EngineProcess
from benchmarks.timing.engines import Engine
from benchmarks.timing.machine import Clock
from hybrid_tf.errors import HybridTFError

PAUSE_SECONDS = 0.02  # threads that wait for more work keep a processor busy for milliseconds
# Of the largest score. Engines round differently, which gave 3e-6; one wrong sign inside gives a hundred times as much.
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Latency:
    """How long one engine takes for one image.

    Attributes:
        engine: its name.
        family: as in `Engine`.
        fused: whether it is ours with fusion.
        threads: that it was allowed.
        median_ms: of the rounds' medians.
        p95_ms: of all runs.
        spread: between the 10th and the 90th percentile of the rounds' medians, divided by `median_ms`.
        runs: how many there were.
    """

    engine: str
    family: str
    fused: bool
    threads: int
    median_ms: float
    p95_ms: float
    spread: float
    runs: int


@dataclass(frozen=True)
class Agreement:
    """How the scores of one engine compare with those of the first that runs the same network.

    Attributes:
        engine: its name.
        reference: the name of the first one; for the int8 twin it is the float32 twin.
        top1: share of images with the same best class.
        max_difference: largest difference between two scores, divided by the largest score of the reference.
    """

    engine: str
    reference: str
    top1: float
    max_difference: float


@dataclass(frozen=True)
class Measurement:
    """What was measured on one network.

    Attributes:
        network: its row in `networks`.
        bytes: size of each file.
        latencies: of each number of threads and engine.
        agreements: of each engine.
        busy_elsewhere: how many processors other processes kept busy meanwhile, on average.
        steps: of our fastest engine with the fewest threads, as `hybrid_tf_runtime.benchmark` gives them.
    """

    network: networks.Network
    bytes: dict[str, int]
    latencies: list[Latency]
    agreements: list[Agreement]
    busy_elsewhere: float
    steps: list[dict[str, Any]]

    def of(self, threads: int) -> list[Latency]:
        """Returns the latencies with so many threads."""
        return [row for row in self.latencies if row.threads == threads]

    def best(self, threads: int, wanted: Callable[[Latency], bool] = lambda row: row.fused) -> Latency:
        """Returns the shortest latency among the wanted ones, ours with fusion if nothing is said."""
        return min(filter(wanted, self.of(threads)), key=lambda row: row.median_ms)


def measure(
    network: networks.Network,
    processes: list[EngineProcess],
    thread_counts: list[int],
    rounds: int,
    say: Callable[[str], None],
) -> Measurement:
    """Makes the files, checks that the engines agree, and measures them in turns.

    Args:
        network: which.
        processes: one for each engine.
        thread_counts: to measure each engine with.
        rounds: how often it is each engine's turn, with each number of threads.
        say: is told what is being done.

    Raises:
        HybridTFError: when an engine fails or two that run the same file do not agree.
    """
    say(f"{network.title}: files")
    files, images = networks.network_files(network), networks.images(network)
    say(f"{network.title}: loading and comparing {len(processes)} engines")
    for process in processes:
        process.call("load", files[process.engine.file], thread_counts, images[:1])
    agreements = compare_scores(processes, thread_counts, images)
    say(f"{network.title}: {rounds} rounds")
    times, busy_elsewhere = _rounds(processes, thread_counts, rounds)
    latencies = [latency(process.engine, threads, times[process, threads]) for process, threads in times]
    sizes = {kind: path.stat().st_size for kind, path in files.items()}
    measured = Measurement(network, sizes, latencies, agreements, busy_elsewhere, [])
    name = measured.best(min(thread_counts)).engine
    best = next(process for process in processes if process.engine.name == name)
    return replace(measured, steps=best.call("steps", files[best.engine.file], min(thread_counts)))


def compare_scores(processes: list[EngineProcess], thread_counts: list[int], images: np.ndarray) -> list[Agreement]:
    """Compares what the loaded networks compute; a row for each engine, with the last number of threads.

    Args:
        processes: one for each engine, with a network loaded.
        thread_counts: it is loaded with.
        images: float32 [N, height, width, channels].

    Raises:
        HybridTFError: when two engines that run the same file do not agree.
    """
    first: dict[str, tuple[str, np.ndarray]] = {}
    rows = []
    for process in processes:
        engine = process.engine
        for threads in thread_counts:
            scores = process.call("scores", threads, images)
            reference, expected = first.setdefault(_compared(engine), (engine.name, scores))
            top1 = float(np.mean(scores.argmax(axis=1) == expected.argmax(axis=1)))
            difference = float(np.max(np.abs(scores - expected)) / np.max(np.abs(expected)))
            if engine.file != networks.INT8 and not (top1 == 1 and difference <= _TOLERANCE):
                raise HybridTFError(
                    f"'{engine.name}' with num_threads={threads} and '{reference}' compute different scores, up to "
                    f"{difference:.1e} of the largest one, and the same class for {top1:.0%} of the images: one of "
                    "them is wrong, and its speed means nothing"
                )
        rows.append(Agreement(engine.name, reference, top1, difference))
    return rows


def _compared(engine: Engine) -> str:
    """Returns whose scores an engine's are compared with: both hybrids are computed alike by all, twins differ."""
    return engine.file if engine.file in (networks.HYBRID, networks.HYBRID_INT8) else networks.FLOAT32


def _rounds(
    processes: list[EngineProcess], thread_counts: list[int], rounds: int
) -> tuple[dict[tuple[EngineProcess, int], list[list[float]]], float]:
    """Returns the milliseconds of each run in each round, and how many processors were busy with something else."""
    turns = [(process, threads) for threads, process in product(thread_counts, processes)]
    times = {turn: [] for turn in turns}
    clock = Clock(cpu_seconds(processes))
    for number in range(rounds):
        first = number * len(turns) // rounds  # each round starts with another one
        for process, threads in turns[first:] + turns[:first]:
            time.sleep(PAUSE_SECONDS)
            times[process, threads].append(process.call("burst", threads))
    return times, clock.others(cpu_seconds(processes))


def cpu_seconds(processes: list[EngineProcess]) -> float:
    """Returns the processor time that this process and those of the engines have used."""
    return time.process_time() + sum(process.call("cpu_seconds") for process in processes)


def latency(engine: Engine, threads: int, rounds: list[list[float]]) -> Latency:
    """Returns the latency of an engine from the milliseconds of each run in each round."""
    medians = [float(np.median(times)) for times in rounds]
    median, low, high = np.median(medians), *np.percentile(medians, (10, 90))
    runs = np.concatenate(rounds)
    p95, spread = np.percentile(runs, 95), (high - low) / median
    return Latency(
        engine.name, engine.family, engine.is_fused, threads, float(median), float(p95), float(spread), len(runs)
    )
