"""What a search found: the Pareto front, the best networks with the commands that make them again, table and page."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from hybrid_tf.errors import HybridTFError
from hybrid_tf.runs.names import FILE, INT8_FILE, REPORT
from hybrid_tf.runs.run import load_run
from hybrid_tf.search.budgets import Budget
from hybrid_tf.search.latency import LatencyTable
from hybrid_tf.search.search import Search
from hybrid_tf.search.space import INT8
from hybrid_tf.search.trials import FAILED, FINISHED, HALVED, RUNNING, TRAINED, Tried, tried
from hybrid_tf.study.figures import Series, legend_entry, scatter
from hybrid_tf.study.page import write_page
from hybrid_tf.study.report_page import Figure
from hybrid_tf.system.files import write_json
from hybrid_tf.tables import percent, table
from hybrid_tf.training.settings import train_command

PAGE, RESULT = "search.html", "search.json"
_HYBRID, _NOT_BINARY = "with binary layers", "without binary layers"
_STYLES = {_HYBRID: 0, _NOT_BINARY: 1}


@dataclass(frozen=True)
class Best:
    """One of the best networks.

    Attributes:
        tried: its trial.
        file: path of its file, which was verified.
        test_accuracy: top-1 accuracy of its Keras network on the test images, 0 to 1, which chose nothing.
        commands: commands that make run and file again.
    """

    tried: Tried
    file: Path
    test_accuracy: float
    commands: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns the network as JSON values."""
        return self.tried.to_dict() | {
            "file": str(self.file),
            "test_accuracy": self.test_accuracy,
            "commands": list(self.commands),
        }


@dataclass(frozen=True)
class Result:
    """What a search found so far.

    Attributes:
        folder: folder of the search.
        budgets: budgets of the search.
        tables: latency tables, by path.
        trials: trials that were trained or are.
        front: numbers of the trials on the Pareto front of held-out accuracy and all budgeted costs.
        best: most accurate trials of the front whose run folders are on this computer.
    """

    folder: Path
    budgets: tuple[Budget, ...]
    tables: dict[str, LatencyTable]
    trials: tuple[Tried, ...]
    front: tuple[int, ...]
    best: tuple[Best, ...]

    @property
    def finished(self) -> list[Tried]:
        """The trials that were trained to the end, the most accurate first."""
        return _finished(self.trials)

    def count(self, outcome: str) -> int:
        """Returns the number of trials with an outcome."""
        return sum(one.outcome == outcome for one in self.trials)

    @property
    def verdict(self) -> str:
        """Whether binary layers were worth it within the budgets, in a sentence."""
        firsts = [next((one for one in self.finished if one.has_binary is binary), None) for binary in (True, False)]
        texts = [f"{percent(one.accuracy)} ({one.candidate})" if one else "none" for one in firsts]
        hybrid, other = firsts
        text = f"Best with binary layers: {texts[0]}; best without: {texts[1]}"
        if not (hybrid and other):
            return text
        if hybrid.accuracy == other.accuracy:
            return f"Both are equally accurate on the held-out images. {text}"
        wins = "with" if hybrid.accuracy > other.accuracy else "without"
        return f"A network {wins} binary layers wins on the held-out images. {text}"

    @property
    def coverage(self) -> list[tuple[Tried, Tried | None]]:
        """Each finished fixed plan, and one of the front that is at least as accurate at no more of any cost."""
        front = [one for one in self.finished if one.number in self.front]
        return [
            (one, next((other for other in front if _at_least_as_good(other, one)), None))
            for one in self.finished
            if one.fixed
        ]

    def to_dict(self) -> dict[str, Any]:
        """Returns the result as JSON values; costs in bytes, MACs, pJ and ms."""
        return {
            "search": str(self.folder),
            "budgets": {budget.name: budget.limit for budget in self.budgets},
            "latency_tables": {
                path: {"processor": found.processor, "error": found.error} for path, found in self.tables.items()
            },
            "verdict": self.verdict,
            "front": list(self.front),
            "fixed_plans": {one.number: other.number if other else None for one, other in self.coverage},
            "best": [one.to_dict() for one in self.best],
            "trials": [one.to_dict() for one in self.trials],
        }

    def table(self) -> Table:
        """Returns the finished trials as a table, the most accurate first; those of the front are marked."""
        columns = ["trial", "front", "network", "held out", *(budget.label for budget in self.budgets)]
        rows = [
            [
                one.number,
                "*" if one.number in self.front else "",
                f"{one.candidate}{' (fixed plan)' if one.fixed else ''}",
                percent(one.accuracy),
                *(budget.text(one.costs[budget.name]) for budget in self.budgets),
            ]
            for one in self.finished
        ]
        return table(f"{self.folder}: {'; '.join(map(str, self.budgets))}", columns, rows)

    def lines(self) -> list[str]:
        """Returns what a person should know beside the table."""
        counts = ", ".join(f"{self.count(state)} {state}" for state in (FINISHED, HALVED, FAILED, RUNNING))
        found = [f"trials: {counts}", self.verdict]
        for one in self.tables.values():
            found.append(f"{one.path}: {one.processor}; its networks within {percent(one.error)} of what was measured")
        for one in self.best:
            found.append(
                f"trial {one.tried.number}, {percent(one.test_accuracy)} of the test images, verified: {one.file}"
            )
            found += [f"  {command}" for command in one.commands]
        return found


def result_of(search: Search, best: int) -> Result:
    """Returns what a search found, with `best` of the front, and writes `search.html` and `search.json`.

    Raises:
        HybridTFError: when no trial was trained to its end, or the files cannot be written.
    """
    trials = tuple(one for one in tried(search.study) if one.outcome in TRAINED)
    finished = _finished(trials)
    if not finished:
        errors = [one.error for one in trials if one.error]
        raise HybridTFError(f"no trial of {search.folder} came to its end" + (f": {errors[-1]}" if errors else ""))
    numbers = {trial.number for trial in search.study.best_trials}
    front = tuple(one.number for one in finished if one.number in numbers)
    here = [one for one in finished if one.number in numbers and (Path(one.folder) / REPORT).exists()]
    found = Result(search.folder, search.budgets, search.costs.tables, trials, front, tuple(map(_best, here[:best])))
    write_json(search.folder / RESULT, found.to_dict())
    write_search_page(found, search.folder / PAGE)
    return found


def write_search_page(result: Result, path: Path) -> None:
    """Writes the page about a search. Raises HybridTFError when the file cannot be written."""
    write_page(
        path,
        "search.html",
        title=f"Search {result.folder.name}",
        result=result,
        figures=[_against(result, budget) for budget in result.budgets],
        others=[one for one in result.trials if one.outcome != FINISHED],
    )


def _against(result: Result, budget: Budget) -> Figure:
    finished, (unit, times) = result.finished, _UNITS[budget.cost]
    points = [
        Series(
            _STYLES[_HYBRID if one.has_binary else _NOT_BINARY], [one.costs[budget.name] / times], [100 * one.accuracy]
        )
        for one in finished
    ]
    front = [number for number, one in enumerate(finished) if one.number in result.front]
    single = len(result.budgets) == 1 and len(front) > 1  # of several costs the front is no line in one of them
    legend = [(*legend_entry(style), name) for name, style in _STYLES.items()]
    caption = f"Held-out accuracy against the {budget.label}" + (
        "; the dotted line is the Pareto front." if single else "."
    )
    svg = scatter(points, f"{budget.label} ({unit})", "held-out accuracy (%)", front if single else ())
    return Figure(svg, caption, legend)


# Units of the figures, and how many of a budget's each is.
_UNITS = {
    "file": ("kB", 1e3),
    "flash": ("kB", 1e3),
    "ram": ("kB", 1e3),
    "macs": ("million", 1e6),
    "energy": ("uJ", 1e6),
    "ms": ("ms", 1.0),
}


def _best(one: Tried) -> Best:
    run = load_run(one.folder)
    out = run.folder.relative_to(Path.cwd()) if run.folder.is_relative_to(Path.cwd()) else run.folder
    int8 = one.candidate.precision == INT8
    convert = f"hybrid-tf convert {out}" + (" --int8" if int8 else "")
    file = out / (INT8_FILE if int8 else FILE)
    return Best(one, file, run.report.test_accuracy, (f"{train_command(run.config)} --out {out}", convert))


def _finished(trials: Iterable[Tried]) -> list[Tried]:
    return sorted((one for one in trials if one.outcome == FINISHED), key=_order)


def _order(one: Tried) -> tuple[float, float]:
    return -one.accuracy, next(iter(one.costs.values()))


def _at_least_as_good(one: Tried, other: Tried) -> bool:
    return one.accuracy >= other.accuracy and all(one.costs[name] <= value for name, value in other.costs.items())
