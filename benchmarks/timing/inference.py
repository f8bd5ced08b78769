"""Measures how long hybrid networks take for one image, next to Larq Compute Engine and to full precision.

python -m benchmarks.timing.inference [--networks vgg19 resnet18] [--threads 1 2] [--rounds 20] [--json FILE]
  [--update-docs]
"""

import argparse
import contextlib
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from benchmarks.timing import networks
from benchmarks.timing.engine_process import EngineProcess
from benchmarks.timing.engines import Engine, engines
from benchmarks.timing.machine import machine
from benchmarks.timing.measurement import Measurement, measure
from benchmarks.timing.performance_page import check_page, write_page
from benchmarks.timing.result_tables import NOISY, goal_table, latency_table, warnings
from hybrid_tf.errors import HybridTFError
from hybrid_tf.system.files import write_json
from hybrid_tf.tables import show, table
from hybrid_tf_runtime import HybridTFRuntimeError, kernels

_ALL_NETWORKS, _ALL_THREADS = list(networks.NETWORKS), [1, 2]


def main() -> None:
    """Runs the command."""
    try:
        _run(_options())
    except (HybridTFError, HybridTFRuntimeError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--networks", nargs="+", metavar="NAME", default=_ALL_NETWORKS, help="default: all")
    parser.add_argument("--threads", nargs="+", type=int, metavar="N", default=_ALL_THREADS, help="default: 1 2")
    parser.add_argument("--rounds", type=int, metavar="N", default=20, help="how often each engine has its turn (20)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where everything that was measured goes too")
    parser.add_argument("--smoke", action="store_true", help="one small network, two rounds: whether it all works")
    parser.add_argument(
        "--update-docs", action="store_true", help="write the tables of docs/performance.md and its figure"
    )
    options = parser.parse_args()
    if min(options.rounds, *options.threads) < 1:
        parser.error("--threads and --rounds are whole numbers from 1")
    complete = not options.smoke and (options.networks, options.threads) == (_ALL_NETWORKS, _ALL_THREADS)
    if options.update_docs and not complete:
        parser.error("--update-docs is for all networks, with one thread and two")
    return options


def _run(options: argparse.Namespace) -> None:
    chosen = [networks.SMALL] if options.smoke else [networks.find_network(name) for name in options.networks]
    rounds = 2 if options.smoke else options.rounds
    if options.update_docs:
        check_page(options.networks)
    about = machine()
    results = []
    with _started(engines(kernels(), "amx_int8" in about["features"])) as processes:
        for network in chosen:
            results.append(measure(network, processes, sorted(set(options.threads)), rounds, _say))
            _show(results[-1])
    if options.json:
        write_json(options.json, {"machine": about, "rounds": rounds, "networks": [asdict(one) for one in results]})
    if options.update_docs:
        if max(one.busy_elsewhere for one in results) > NOISY:
            raise HybridTFError("the page was not written: other programs were running, stop them and measure again")
        write_page(about, rounds, results)


@contextlib.contextmanager
def _started(wanted: list[Engine]) -> Iterator[list[EngineProcess]]:
    processes = [EngineProcess(engine) for engine in wanted]
    try:
        yield processes
    finally:
        for process in processes:
            process.close()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _show(measured: Measurement) -> None:
    threads = sorted({row.threads for row in measured.latencies})
    parts = [latency_table(measured, count) for count in threads]
    parts += [goal_table(measured)] if threads[0] == 1 else []
    show(False, None, *(table(*part) for part in parts), *(f"warning: {text}" for text in warnings(measured)))


if __name__ == "__main__":
    main()
