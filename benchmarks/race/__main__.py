"""The fair race: hybrid networks beside the int8 networks that a user would pick instead, measured in one run.

python -m benchmarks.race [--only 28x28x1] [--runs FOLDER] [--rounds 20] [--json FILE] [--resume] [--update-docs]

For each size of image: bytes, RAM, modelled energy, accuracy of what is trained, instructions for one image on an
emulated Cortex-A72 and A76, and times on this machine with one thread and two. Every file runs in each engine a user
could pick for it, all files and engines in turns. Files with random weights are made once and kept in
build/benchmarks, and so are instructions and accuracies until the file or the runtime changes; times are measured anew,
with --resume only those of tasks that a command which was broken off has not finished. Example:

    python -m benchmarks.race --only 28x28x1 --runs runs/fair_race --json race.json
"""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks.pages.fair_race import check_page, tables, write_page
from benchmarks.race.kept import Kept
from benchmarks.race.measuring import line_up, measure
from benchmarks.race.record import write_race
from benchmarks.race.tasks import TASKS, find_task
from hybrid_tf.errors import HybridTFError
from hybrid_tf.system.files import write_json
from hybrid_tf.tables import show, table
from hybrid_tf_runtime import HybridTFRuntimeError
from runtime.emulation.errors import EmulationError

_SMOKE_ENTRIES = ("resnet20-xnor", "resnet20 x0.25")


def main() -> None:
    """Runs the command."""
    options = _options()
    try:
        _run(options)
    except (EmulationError, HybridTFError, HybridTFRuntimeError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.race", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", metavar="TASK", help=f"one task: {', '.join(TASKS)}")
    parser.add_argument("--runs", type=Path, metavar="FOLDER", help="runs of trained networks that race too")
    parser.add_argument("--rounds", type=int, metavar="N", default=20, help="how often everything has its turn (20)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where everything that was measured goes too")
    parser.add_argument("--resume", action="store_true", help="take the times of tasks that were finished before")
    parser.add_argument(
        "--smoke", action="store_true", help="two files, two rounds, no emulation: whether it all works"
    )
    parser.add_argument("--update-docs", action="store_true", help="write docs/fair-race.json, .md and .png")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds is a whole number from 1")
    if options.update_docs and (options.only or options.smoke):
        parser.error("--update-docs is for all tasks")
    return options


def _run(options: argparse.Namespace) -> None:
    if options.update_docs:
        check_page()
    chosen = [find_task(options.only)] if options.only else [*TASKS.values()]
    rounds = 2 if options.smoke else options.rounds
    if options.smoke:
        chosen = chosen[:1]
    only = _SMOKE_ENTRIES if options.smoke else None
    starters = [starter for task in chosen for starter in line_up(task, options.runs, only)]
    race = measure(starters, Kept(), rounds, resume=options.resume, emulate=not options.smoke)
    show(False, None, *(table(*one) for one in tables(race)))
    if options.json:
        write_json(options.json, asdict(race))
    if options.update_docs:
        write_race(race)
        write_page(race)


if __name__ == "__main__":
    main()
