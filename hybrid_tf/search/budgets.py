"""Budgets: what a network may take at most, as `file<=100kB` or `ms@BENCH.json<=2` say it. It needs no TensorFlow."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from hybrid_tf.analysis.energy import picojoules
from hybrid_tf.errors import HybridTFError, unknown
from hybrid_tf.graphs.memory import size
from hybrid_tf.micro.boards import BOARDS, Board

_BYTES = {"B": 1, "kB": 1000, "KiB": 1024, "MB": 1000**2, "MiB": 1024**2}
_COUNT = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
_PICOJOULES = {"pJ": 1, "nJ": 10**3, "uJ": 10**6, "mJ": 10**9}
_MILLISECONDS = {"": 1, "ms": 1, "us": 1e-3, "s": 1000}
LATENCY = "ms"
# Units of each cost, the factor to what it is counted in: bytes, MACs, pJ, ms.
UNITS: dict[str, Mapping[str, float]] = {
    "file": _BYTES,
    "flash": _BYTES,
    "ram": _BYTES,
    "macs": _COUNT,
    "energy": _PICOJOULES,
    LATENCY: _MILLISECONDS,
}
LABELS = {
    "file": "file",
    "flash": "flash",
    "ram": "peak activations",
    "macs": "MACs",
    "energy": "energy of one image",
    LATENCY: "latency",
}
_FORM = "COST<=NUMBER[UNIT], such as file<=100kB, ram<=64kB, macs<=20M, energy<=50uJ or ms@BENCH.json<=2"


@dataclass(frozen=True)
class Budget:
    """What a network may take at most of one cost.

    Attributes:
        cost: name of the cost, a key of UNITS.
        limit: largest value that is allowed, in bytes, MACs, pJ or ms.
        table: path of the latency table of `ms`; empty for other costs.
    """

    cost: str
    limit: float
    table: str = ""

    @classmethod
    def parse(cls, text: str) -> "Budget":
        """Returns the budget that a text describes. Raises HybridTFError for a text that is none, or a wrong unit."""
        found = re.fullmatch(r"\s*([^<=@\s]+)(?:@([^<=]+))?\s*<=\s*([0-9.eE+]+)\s*([A-Za-z]*)\s*", text)
        if not found:
            raise HybridTFError(f"budget '{text}' cannot be read: write {_FORM}")
        cost, table, number, unit = found[1], (found[2] or "").strip(), found[3], found[4]
        if cost not in UNITS:
            raise unknown("cost of a budget", cost, UNITS)
        if unit not in UNITS[cost]:
            valid = ", ".join(repr(name) if name else "no unit" for name in UNITS[cost])
            raise HybridTFError(f"budget '{text}' has the unknown unit '{unit}': {cost} takes {valid}")
        if bool(table) != (cost == LATENCY):
            fix = "name the table of the device: ms@BENCH.json<=2" if not table else f"only {LATENCY} takes a table"
            raise HybridTFError(f"budget '{text}' cannot be read: {fix}")
        try:
            limit = float(number) * UNITS[cost][unit]
        except ValueError:
            raise HybridTFError(f"budget '{text}' has no number: write {_FORM}") from None
        if not 0 < limit < math.inf:
            raise HybridTFError(f"budget '{text}' must be above 0: write {_FORM}")
        return cls(cost, limit, table)

    @property
    def name(self) -> str:
        """The cost, with its table: no two budgets of a search share it."""
        return f"{self.cost}@{self.table}" if self.table else self.cost

    @property
    def label(self) -> str:
        """What a person reads above a column of the cost."""
        return f"{LABELS[self.cost]} on {self.table}" if self.table else LABELS[self.cost]

    def text(self, value: float) -> str:
        """Returns a value of the cost as text, with its unit."""
        if UNITS[self.cost] is _BYTES:
            return size(value)
        if self.cost == "energy":
            return picojoules(value)
        return f"{value:.3g} ms" if self.cost == LATENCY else f"{value:,.0f}"

    def __str__(self) -> str:
        return f"{self.name} at most {self.text(self.limit)}"


def find_board(name: str) -> Board:
    """Returns the board of micro-report that is called `name`. Raises HybridTFError when there is none."""
    found = next((board for board in BOARDS if board.name.lower() == name.lower()), None)
    if found is None:
        raise unknown("board", name, [board.name for board in BOARDS])
    return found


def read_budgets(texts: Iterable[str], board: str | None = None) -> tuple[Budget, ...]:
    """Returns the budgets that texts describe, with flash and RAM of a board.

    Raises:
        HybridTFError: for a text that is none, two budgets for one cost, no budget at all, an unknown board, or a
            latency table of a computer beside the board of a microcontroller.
    """
    found = [Budget.parse(text) for text in texts]
    if board is not None:
        device = find_board(board)
        for budget in found:
            if budget.cost == LATENCY:
                raise HybridTFError(
                    f"{budget.table} was measured on another processor than the {device.processor.split(',')[0]} of "
                    f"{device.name}, which hybrid-tf-benchmark cannot measure: leave the budget of ms out, or --board"
                )
        given = {budget.cost for budget in found}
        found += [
            Budget(cost, limit) for cost, limit in (("flash", device.flash), ("ram", device.ram)) if cost not in given
        ]
    if not found:
        raise HybridTFError("a search needs a budget: give --budget or --board; a budget is " + _FORM)
    names = [budget.name for budget in found]
    for name in names:
        if names.count(name) > 1:
            raise HybridTFError(f"there are two budgets for {name}: give one of them")
    return tuple(found)


def excess(budgets: Sequence[Budget], costs: Mapping[str, float]) -> float:
    """Returns the largest cost as a multiple of its budget: what fits has at most 1."""
    return max(costs[budget.name] / budget.limit for budget in budgets)
