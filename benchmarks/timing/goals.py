"""How fast the runtime is meant to be, and whether a measurement shows it."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.timing.engines import LCE
from benchmarks.timing.measurement import Latency, Measurement


@dataclass(frozen=True)
class Goal:
    """One ratio between two latencies.

    Attributes:
        text: what is compared.
        wanted: the ratio, or None where it is only given for comparison.
        measured: the ratio.
    """

    text: str
    wanted: float | None
    measured: float

    @property
    def verdict(self) -> str:
        """Whether the goal is reached, for a table."""
        if self.wanted is None:
            return ""
        return "yes" if self.measured >= self.wanted else "no"


_RIVALS: dict[str, Callable[[Latency], bool]] = {
    "LCE's default": lambda row: row.engine == "LCE, default",
    "LCE's fastest mode": lambda row: row.family == LCE and "int8" not in row.engine,
    "the twin in XNNPACK, float32": lambda row: row.engine == "twin, XNNPACK float32",
    "the twin in XNNPACK, int8": lambda row: row.engine == "twin, XNNPACK int8",
    "the twin in XNNPACK, int8 without AMX": lambda row: row.engine == "twin, XNNPACK int8 without AMX",
    "itself without fusion": lambda row: row.engine.endswith("no fusion"),
}
_WANTED = {  # of the rivals, in their order; fusion is to give 1.3 on one of the two
    "vgg19": (15, 4, 8, 2.5, None, 1.3),
    "resnet18": (10, 3, 5, 2, None, 1.3),
}
_TWO_THREADS = 1.6


def goals(measured: Measurement) -> list[Goal]:
    """Returns how many times faster ours is than its rivals with one thread, and with two threads than with one."""
    ours = measured.best(1)
    found = []
    wanted = _WANTED.get(measured.network.name, (None,) * len(_RIVALS))
    for (text, is_rival), ratio in zip(_RIVALS.items(), wanted, strict=True):
        if any(map(is_rival, measured.of(1))):
            found.append(Goal(text, ratio, measured.best(1, is_rival).median_ms / ours.median_ms))
    if measured.of(2):
        ratio = _TWO_THREADS if measured.network.name in _WANTED else None
        found.append(Goal("itself with one thread, given two", ratio, ours.median_ms / measured.best(2).median_ms))
    return found
