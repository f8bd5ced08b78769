"""The measuring of the race: instructions first, as emulation keeps the processors busy, then times, task by task."""

import datetime
import hashlib
import sys
from collections.abc import Container
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.race import instructions, latencies
from benchmarks.race.files import files
from benchmarks.race.kept import Kept, digest_of
from benchmarks.race.record import Race, Row
from benchmarks.race.tasks import Entry, Task
from benchmarks.timing.machine import machine
from hybrid_tf.analysis.cost import file_cost
from hybrid_tf.analysis.energy_profiles import DEFAULT, energy_profile
from hybrid_tf.pretrained.measured import BUSY
from hybrid_tf.system.files import read_json
from runtime.compile_library import SOURCES

_CARD = "card.json"  # of a shipped network: what each of its files gives, checked by tests


@dataclass(frozen=True)
class Starter:
    """A file that is going to be measured.

    Attributes:
        task: whose images it takes.
        entry: what it is.
        path: of the file.
        sha256: of its content.
        engines: names of those that run it.
    """

    task: Task
    entry: Entry
    path: Path
    sha256: str
    engines: list[str]


def line_up(task: Task, runs: Path | None, only: Container[str] | None = None) -> list[Starter]:
    """Returns what races in a task, its files made; `only` those of these names, if there are any.

    Raises:
        HybridTFError: when a run is damaged or a file cannot be made.
    """
    entries = [entry for entry in task.entries(runs) if only is None or entry.name in only]
    return [
        Starter(
            task,
            entry,
            path,
            hashlib.sha256(path.read_bytes()).hexdigest(),
            latencies.engines_for(path, entry.is_hybrid),
        )
        for entry, path in files(task, entries)
    ]


def measure(starters: list[Starter], kept: Kept, rounds: int, *, resume: bool, emulate: bool) -> Race:
    """Measures everything.

    Args:
        starters: task by task.
        kept: what is known from before.
        rounds: how often each file in each engine has its turn.
        resume: whether to take times that are kept.
        emulate: whether to count instructions.

    Raises:
        HybridTFError, EmulationError: when an engine or the emulator fails.
    """
    counts: list[instructions.Counts] = [{} for _ in starters]
    if emulate:
        with instructions.Counter(kept) as counter:
            counts = counter.count([(one.path, one.sha256, one.engines) for one in starters])
    measured = [
        _times(task, [*group], kept, rounds, resume=resume) for task, group in groupby(starters, lambda one: one.task)
    ]
    ms = {digest: times for one in measured for digest, times in one["ms"].items()}
    about = machine() | {
        "date": ", ".join(dict.fromkeys(one["date"] for one in measured)),
        "rounds": rounds,
        BUSY: max(one["busy"] for one in measured),
    }
    rows = [_row(one, kept, ms[one.sha256], count) for one, count in zip(starters, counts, strict=True)]
    return Race(about, instructions.about() if emulate else {}, DEFAULT, tuple(rows))


def _times(task: Task, group: list[Starter], kept: Kept, rounds: int, *, resume: bool) -> dict[str, Any]:
    """Returns the times by digest of the file, how many processors others kept busy, and the date."""
    parts = ("times", task.name, str(rounds), digest_of(SOURCES), *(one.sha256 for one in group))

    def anew() -> dict[str, Any]:
        print(f"{task.name}: {len(group)} files, {rounds} rounds", file=sys.stderr, flush=True)
        found, busy = latencies.measure([(one.path, one.engines) for one in group], task.input_shape, rounds)
        by_digest = {one.sha256: found[one.path] for one in group}
        return {"ms": by_digest, "busy": round(busy, 2), "date": datetime.date.today().isoformat()}

    return kept.get(parts, anew) if resume else kept.put(parts, anew())


def _row(one: Starter, kept: Kept, ms: dict[str, Any], counts: instructions.Counts) -> Row:
    cost = file_cost(one.path, [energy_profile(DEFAULT)])
    trained = one.entry.path is not None
    return Row(
        task=one.task.name,
        name=one.entry.name,
        is_hybrid=one.entry.is_hybrid,
        int8=one.entry.int8,
        sha256=one.sha256,
        bytes=one.path.stat().st_size,
        ram=cost.peak.bytes,
        energy_pj=cost.energies[0].total,
        accuracy=kept.get(("accuracy", one.sha256), lambda: _accuracy(one.path)) if trained else None,
        ms=ms,
        instructions=counts,
    )


def _accuracy(path: Path) -> float:
    """Returns the share of the whole test set that a trained file gets right: of a shipped one its card says it."""
    from hybrid_tf.deploy.evaluation import evaluate_file

    if (path.parent / _CARD).exists():
        return read_json(path.parent / _CARD)[path.name]["runtime"]
    print(f"evaluating {path.parent.name}/{path.name}", file=sys.stderr, flush=True)
    return evaluate_file(path, engine="runtime").accuracy
