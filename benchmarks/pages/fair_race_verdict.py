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


def verdict(rows: list[Row]) -> str:
    """Returns in plain sentences in which costs hybrids win, and against what."""
    compared, basis = _compared(rows)
    if not compared:
        return "nothing can be compared."
    won, lost, both = [], [], []
    for cost in _costs(rows):
        duels = _duels(compared, cost)
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
    return f"{basis}, {'; '.join(parts)}.{_beyond(rows)}"


def verdict_table(rows: list[Row]) -> Table:
    """Returns for each cost how many hybrids win, and the ratios of the best, the middle and the worst of them."""
    compared, basis = _compared(rows)
    cells = []
    for cost in _costs(rows) if compared else []:
        duels = sorted(_duels(compared, cost), key=lambda duel: duel.ratio)
        wins = sum(duel.ratio < 1 for duel in duels)
        cells.append([cost, f"{wins} of {len(duels)}", *(duels[at].text for at in (0, len(duels) // 2, -1))])
    columns = ["a hybrid's cost over its rival's", "below 1", "least", "middle", "most"]
    return Table(basis, columns, cells)


def _costs(rows: list[Row]) -> list[str]:
    """Returns the names of the costs that were measured."""
    counted = all(row.instructions for row in rows)
    return [name for name in _COSTS if counted or not name.startswith("instructions")]


def _compared(rows: list[Row]) -> tuple[list[tuple[Row, list[Row]]], str]:
    """Returns each hybrid with the rivals it is compared with, and in words which these are.

    Where both sides are trained, these are all int8 networks that are at least as accurate; a hybrid that is more
    accurate than all of them has none, and is left out. Elsewhere it is the one whose file is nearest in size.
    """
    hybrids, rivals = [row for row in rows if row.is_hybrid], [row for row in rows if not row.is_hybrid]
    trained = [row for row in rivals if row.accuracy is not None]
    if trained and any(row.accuracy is not None for row in hybrids):
        pairs = [(one, [other for other in trained if _accuracy(other) >= _accuracy(one)]) for one in hybrids]
        basis = "against the cheapest int8 network that is at least as accurate"
        return [(one, others) for one, others in pairs if others and one.accuracy is not None], basis
    nearest = [(one, [min(rivals, key=lambda rival: _apart(one, rival))]) for one in hybrids] if rivals else []
    return nearest, "against the int8 network whose file is nearest in size, without accuracies"


def _accuracy(row: Row) -> float:
    return row.accuracy or 0


def _apart(one: Row, other: Row) -> float:
    return max(one.bytes / other.bytes, other.bytes / one.bytes)


def _duels(compared: list[tuple[Row, list[Row]]], name: str) -> list[_Duel]:
    cost = _COSTS[name]
    best = [(one, min(others, key=cost)) for one, others in compared]
    return [_Duel(one, rival, cost(one) / cost(rival)) for one, rival in best]


def _beyond(rows: list[Row]) -> str:
    """Returns a sentence about the hybrids that are more accurate than every trained rival."""
    trained = [row.accuracy for row in rows if not row.is_hybrid and row.accuracy is not None]
    above = [row for row in rows if row.is_hybrid and trained and row.accuracy and row.accuracy > max(trained)]
    names = ", ".join(row.label for row in above)
    return f" More accurate than every int8 network here: {names}." if above else ""
