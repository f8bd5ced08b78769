"""What was measured of the trained networks: `measured.json`, read without TensorFlow.

`benchmarks/README.md` names the commands that measure. docs/choosing.md and `hybrid-tf models` show what is in it.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.table import Table

from hybrid_tf.errors import HybridTFError
from hybrid_tf.runs.names import INT8_FILE
from hybrid_tf.system.files import read_json, write_json
from hybrid_tf.tables import table

PATH = Path(__file__).parent / "measured.json"
RUNTIME, LITERT = "hybrid-tf-runtime", "LiteRT"  # engines by these names; those of LCE begin with LCE
LCE = "LCE"
BUSY, NOISY = "processors busy with others", 0.1  # of `Measured.times`; how many of them make times doubtful
_SIZES = 7  # of the columns; the others are speeds
COLUMNS = ("network", "file", "accuracy", "weights", "binary", "bytes", "RAM", "ms", "LCE ms", "LiteRT ms")


@dataclass(frozen=True)
class MeasuredFile:
    """A file of a trained network, and what was measured of it.

    Attributes:
        name: of the trained network, or of a rival that is not shipped.
        network, plan, width: what it is.
        file: `model.tflite` or `model.int8.tflite`.
        sha256: of the file that was measured.
        accuracy: share of the test images that the file gets right in hybrid-tf-runtime; `None` of a rival with random
            weights, which has a size and a speed only.
        weights: how many there are, by precision: `full_precision` (int8 in an int8 file) and `binary`.
        bytes: size of the file.
        peak_activation_bytes: the most memory that its activations need at once, as `hybrid-tf inspect` says it.
        ms: for one image with one thread, by engine: hybrid-tf-runtime, LCE's interpreter in each of its modes, and of
            files without binary layers LiteRT with XNNPACK.
        instructions: for one image, by emulated processor, with hybrid-tf-runtime.
    """

    name: str
    network: str
    plan: str
    width: float
    file: str
    sha256: str
    accuracy: float | None
    weights: dict[str, int]
    bytes: int
    peak_activation_bytes: int
    ms: dict[str, float]
    instructions: dict[str, int]

    @property
    def lce_ms(self) -> float:
        """Milliseconds in the fastest mode of LCE's interpreter."""
        return min(value for engine, value in self.ms.items() if engine.startswith(LCE))

    def cells(self) -> list[str]:
        """Returns the texts of its row under `columns`."""
        count = sum(self.weights.values())
        times = self.ms[RUNTIME], self.lce_ms, self.ms.get(LITERT)
        return [
            self.name,
            "int8" if self.file == INT8_FILE else "float",
            "-" if self.accuracy is None else f"{100 * self.accuracy:.2f} %",
            f"{count:,}",
            f"{100 * self.weights['binary'] / count:.0f} %",
            f"{self.bytes:,}",
            f"{self.peak_activation_bytes:,}",
            *("-" if value is None else f"{value:.3f}" for value in times),
            *(f"{number / 1e6:.2f}" for number in self.instructions.values()),
        ]


@dataclass(frozen=True)
class Measured:
    """All that was measured of the trained networks.

    Attributes:
        images: what the accuracy is of.
        times: what the times were measured on: the date, the machine, versions, rounds.
        instructions: what the instructions were counted with: the date, versions.
        files: two of each network.
    """

    images: str
    times: dict[str, Any]
    instructions: dict[str, Any]
    files: tuple[MeasuredFile, ...]

    @property
    def trained(self) -> "Measured":
        """The same without rivals that nobody has trained."""
        return replace(self, files=tuple(file for file in self.files if file.accuracy is not None))

    @property
    def columns(self) -> list[str]:
        """The names of the columns of `MeasuredFile.cells`, instructions in millions."""
        return [*COLUMNS, *(f"{name.removeprefix('cortex-').upper()} M" for name in self.files[0].instructions)]

    def tables(self) -> list[Table]:
        """Returns a table of accuracy and size, and one of speed: together they are too wide for a terminal."""
        rows = [file.cells() for file in self.files]
        parts = {
            "trained networks: accuracy and size": range(_SIZES),
            "trained networks: speed": [0, 1, *range(_SIZES, len(self.columns))],
        }
        return [
            table(title, [self.columns[one] for one in kept], [[row[one] for one in kept] for row in rows])
            for title, kept in parts.items()
        ]

    @property
    def sources(self) -> list[str]:
        """Where the numbers come from, a line each, and whether to trust the times."""
        times, counts = (
            {key: ", ".join(text) if isinstance(text, list) else text for key, text in one.items()}
            for one in (self.times, self.instructions)
        )
        rounds, busy = times.pop("rounds"), float(times.pop(BUSY))
        doubts = f"other programs kept {busy:.2f} processors busy meanwhile, so the times are doubtful"
        return [
            f"accuracy: of {self.images}, in hybrid-tf-runtime; RAM: bytes of the activations at their peak",
            f"ms: one image, one thread, median of {rounds} interleaved rounds; {_listed(times)}",
            *([doubts] if busy > NOISY else []),
            f"instructions, in millions: one image, in emulation; {_listed(counts)}",
        ]


def read_measured(path: Path = PATH) -> Measured:
    """Returns what was measured. Raises HybridTFError when the file is missing or damaged."""
    stored = read_json(path)
    try:
        files = tuple(MeasuredFile(**row) for row in stored["files"])
        return Measured(**stored | {"files": files})
    except (KeyError, TypeError) as error:
        raise HybridTFError(f"{path} is no record of this version ({error!r}): restore it") from error


def write_measured(measured: Measured, path: Path = PATH) -> None:
    """Writes the record. Raises HybridTFError when it cannot."""
    write_json(path, asdict(measured))


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())
