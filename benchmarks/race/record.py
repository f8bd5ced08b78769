"""What the race has measured: a row for each file, kept as JSON, from which the page is made."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hybrid_tf.errors import HybridTFError
from hybrid_tf.system.files import read_json, write_json

PATH = Path(__file__).parents[2] / "docs" / "fair-race.json"


@dataclass(frozen=True)
class Row:
    """A file, and what it costs.

    Attributes:
        task: size of the images, as in `Task.name`.
        name: what tables call it.
        is_hybrid: whether it has binary layers.
        int8: whether its full-precision sections are int8.
        sha256: of the file.
        bytes: size of the file.
        ram: bytes of the activations at their peak.
        energy_pj: modelled energy of one image.
        accuracy: share of the test images it gets right; `None` where it is not trained.
        ms: for one image: by engine, by number of threads, the median of the rounds, their 10th and 90th percentile.
        instructions: for one image: by engine, by emulated processor.
    """

    task: str
    name: str
    is_hybrid: bool
    int8: bool
    sha256: str
    bytes: int
    ram: int
    energy_pj: float
    accuracy: float | None
    ms: dict[str, dict[str, list[float]]]
    instructions: dict[str, dict[str, int]]

    @property
    def label(self) -> str:
        """Name and precision."""
        return f"{self.name}, {'int8' if self.int8 else 'float'}"

    def fastest(self, threads: str) -> tuple[float, str]:
        """Returns the milliseconds with so many threads in the fastest engine, and its name."""
        return min((counts[threads][0], engine) for engine, counts in self.ms.items())

    def fewest(self, processor: str) -> tuple[int, str]:
        """Returns the instructions on a processor in the engine that needs fewest, and its name."""
        return min((counts[processor], engine) for engine, counts in self.instructions.items())


@dataclass(frozen=True)
class Race:
    """All rows, and what they were measured with.

    Attributes:
        times: the machine, versions, date, rounds, and how many processors other programs kept busy.
        counts: what the instructions were counted with.
        energy: the profile of the energy model.
        rows: task by task.
    """

    times: dict[str, Any]
    counts: dict[str, Any]
    energy: str
    rows: tuple[Row, ...]

    def of(self, task: str) -> list[Row]:
        """Returns the rows of a task."""
        return [row for row in self.rows if row.task == task]


def read_race(path: Path = PATH) -> Race:
    """Returns what was measured. Raises HybridTFError when the file is missing or damaged."""
    stored = read_json(path)
    try:
        return Race(**stored | {"rows": tuple(Row(**row) for row in stored["rows"])})
    except (KeyError, TypeError) as error:
        raise HybridTFError(f"{path} is no record of this version ({error!r}): measure again") from error


def write_race(race: Race, path: Path = PATH) -> None:
    """Writes the record. Raises HybridTFError when it cannot."""
    write_json(path, asdict(race))
