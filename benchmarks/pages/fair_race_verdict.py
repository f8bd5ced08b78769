"""Where hybrids win and where they do not: sentences and tables that follow from the figures alone."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.pages.markdown_tables import Table
from benchmarks.race.record import Row

_COSTS: dict[str, Callable[[Row], float]] = {
    "bytes": lambda row: row.bytes,
    "RAM": lambda row: row.ram,
    "time with one thread": lambda row: row.fastest("1")[0],
    "time with two threads": lambda row: row.fastest("2")[0],
    "instructions on a Cortex-A72": lambda row: row.fewest("cortex-a72")[0],
    "instructions on a Cortex-A76": lambda row: row.fewest("cortex-a76")[0],
    "energy": lambda row: row.energy_pj,
}


@dataclass(frozen=True)
class _Duel:
    """A hybrid against the rival that is hardest to beat in one cost; `ratio` is the hybrid's cost over the rival's."""

    hybrid: Row
    rival: Row
    ratio: float

    @property
    def text(self) -> str:
        return f"{self.ratio:.2f} ({self.hybrid.label} against {self.rival.label})"


@dataclass(frozen=True)
class _Comparison:
    """Hybrids, each with the rivals it is compared with, and in words which these are."""

    basis: str
    pairs: list[tuple[Row, list[Row]]]


def verdict(rows: list[Row]) -> str:
    """Returns in plain sentences in which costs hybrids win, and against what."""
    sentences = [_sentence(one, _costs(rows)) for one in _comparisons(rows)]
    return (" ".join(sentences) or "Nothing can be compared.") + _beyond(rows)


def _sentence(comparison: _Comparison, costs: list[str]) -> str:
    won, lost, both = [], [], []
    for cost in costs:
        duels = _duels(comparison, cost)
        wins = sum(duel.ratio < 1 for duel in duels)
        best = min(duels, key=lambda duel: duel.ratio)
        if wins == len(duels):
            won.append(f"{cost} (at best {best.ratio:.2f} times)")
        elif wins == 0:
            lost.append(f"{cost} (at best {best.ratio:.2f} times)")
        else:
            both.append(f"{cost} ({wins} of {len(duels)}, at best {best.ratio:.2f} times)")
    parts = [
        *([f"every hybrid wins in {', '.join(won)}"] if won else []),
        *([f"some do in {', '.join(both)}"] if both else []),
        *([f"no hybrid wins in {', '.join(lost)}"] if lost else []),
    ]
    return f"{comparison.basis}, {'; '.join(parts)}."


def verdict_tables(rows: list[Row]) -> list[Table]:
    """Returns for each cost how many hybrids win, and the ratios of the best, the middle and the worst of them.

    There is a table for each kind of rival.
    """
    tables = []
    for comparison in _comparisons(rows):
        cells = []
        for cost in _costs(rows):
            duels = sorted(_duels(comparison, cost), key=lambda duel: duel.ratio)
            wins = sum(duel.ratio < 1 for duel in duels)
            cells.append([cost, f"{wins} of {len(duels)}", *(duels[at].text for at in (0, len(duels) // 2, -1))])
        columns = [f"{comparison.basis}: a hybrid's cost over its rival's", "below 1", "least", "middle", "most"]
        tables.append(Table(comparison.basis, columns, cells))
    return tables


def _costs(rows: list[Row]) -> list[str]:
    """Returns the names of the costs that were measured."""
    counted = all(row.instructions for row in rows)
    return [name for name in _COSTS if counted or not name.startswith("instructions")]


def _comparisons(rows: list[Row]) -> list[_Comparison]:
    """Returns the comparisons that the rows allow.

    Where both sides are trained, each hybrid meets all int8 networks that are at least as accurate; a hybrid that is
    more accurate than all of them is left out there. Where a rival is not trained, each meets the one whose file is
    nearest in size.
    """
    hybrids, rivals = [row for row in rows if row.is_hybrid], [row for row in rows if not row.is_hybrid]
    trained = [row for row in rivals if row.accuracy is not None]
    pairs = [
        (one, [other for other in trained if _accuracy(other) >= one.accuracy])
        for one in hybrids
        if one.accuracy is not None
    ]
    comparisons = [
        _Comparison(
            "Against the cheapest trained int8 network that is at least as accurate",
            [(one, others) for one, others in pairs if others],
        )
    ]
    if len(trained) < len(rivals):
        nearest = [(one, [min(rivals, key=lambda rival: _apart(one, rival))]) for one in hybrids]
        basis = "Against the int8 network whose file is nearest in size, whatever the accuracy"
        comparisons.append(_Comparison(basis, nearest))
    return [one for one in comparisons if one.pairs]


def _accuracy(row: Row) -> float:
    return row.accuracy or 0


def _apart(one: Row, other: Row) -> float:
    return max(one.bytes / other.bytes, other.bytes / one.bytes)


def _duels(comparison: _Comparison, name: str) -> list[_Duel]:
    cost = _COSTS[name]
    best = [(one, min(others, key=cost)) for one, others in comparison.pairs]
    return [_Duel(one, rival, cost(one) / cost(rival)) for one, rival in best]


def _beyond(rows: list[Row]) -> str:
    """Returns a sentence about the hybrids that are more accurate than every trained rival."""
    trained = [row.accuracy for row in rows if not row.is_hybrid and row.accuracy is not None]
    above = [row for row in rows if row.is_hybrid and trained and row.accuracy and row.accuracy > max(trained)]
    names = ", ".join(row.label for row in above)
    return f" More accurate than every int8 network here: {names}." if above else ""
