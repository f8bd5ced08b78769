"""Plans and ways of training side by side, on the same data with the same budget: a table and two figures."""

import re
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path

from matplotlib.axes import Axes
from rich.table import Table

from hybrid_tf.analysis.energy_profiles import DEFAULT, energy_profile
from hybrid_tf.analysis.network_cost import model_cost
from hybrid_tf.config import Config
from hybrid_tf.deploy.conversion import convert_run, file_size, metadata_of
from hybrid_tf.errors import HybridTFError
from hybrid_tf.graphs.memory import size
from hybrid_tf.models.plan import Plan
from hybrid_tf.runs.names import FILE, REPORT, ROW
from hybrid_tf.runs.run import Run
from hybrid_tf.study.figures import SERIES, pareto_front
from hybrid_tf.system.files import atomic_path, read_json, write_json
from hybrid_tf.tables import percent, table
from hybrid_tf.training.session import train
from hybrid_tf.version import __version__

TABLE = "compare.json"
FIGURE = "compare.png"
_MARKERS = "osD^vPX*"


@dataclass(frozen=True)
class Entry:
    """What is compared: settings under a name, trained once for each seed.

    Attributes:
        name: name in tables and, without signs, of run folders.
        config: settings of the runs; their seed, teacher and start are not used.
        seeds: number of runs, which have the seeds 0, 1, ...
        teacher: name of the entry whose first run these runs imitate.
        start: name of the entry whose first run these runs start from.
    """

    name: str
    config: Config
    seeds: int = 1
    teacher: str | None = None
    start: str | None = None

    def runs(self, folder: Path) -> list[tuple[Config, Path]]:
        """Returns the settings and the folder of each run; the folders are in `folder`."""
        named = {"teacher": self.teacher, "start_from": self.start}
        others = {name: str(run_path(folder, entry, 0)) if entry else None for name, entry in named.items()}
        return [
            (self.config.with_changes(seed=seed, **others), run_path(folder, self.name, seed))
            for seed in range(self.seeds)
        ]


def run_path(folder: Path, name: str, seed: int) -> Path:
    """Returns where the run of an entry with a seed is."""
    return folder / f"{re.sub('[^a-zA-Z0-9_]+', '-', name)}-{seed}"


@dataclass(frozen=True)
class Row:
    """What one entry gave.

    Attributes:
        name: name of the entry.
        plan: text of the plan.
        run: path of the first run's folder, from which the file is.
        accuracies: top-1 accuracy of each run's Keras model on all test images, 0 to 1.
        held_out: top-1 accuracy of each run on the held-out training images, 0 to 1; empty where none were held out.
        file_accuracy: top-1 accuracy of the `.tflite` on the first test images, 0 to 1.
        agreement: fraction of the first test images to which the `.tflite` and Keras give the same class.
        compared: number of test images that the `.tflite` and Keras were compared on.
        weight_bytes: memory of the weights, in bytes.
        compression: memory of the full-precision twin's weights over that of this network's.
        file_bytes: size of the `.tflite`, in bytes.
        twin_bytes: size of the `.tflite` of the full-precision twin, in bytes.
        file_ratio: `twin_bytes` over `file_bytes`.
        energy: modelled energy of one image, in pJ.
        binary_macs, float_macs: numbers of binary and float32 multiply-accumulates of one image.
    """

    name: str
    plan: str
    run: str
    accuracies: tuple[float, ...]
    held_out: tuple[float, ...]
    file_accuracy: float
    agreement: float
    compared: int
    weight_bytes: int
    compression: float
    file_bytes: int
    twin_bytes: int
    file_ratio: float
    energy: float
    binary_macs: int
    float_macs: int

    @property
    def accuracy(self) -> float:
        """Mean of `accuracies`."""
        return statistics.fmean(self.accuracies)

    @property
    def spread(self) -> float:
        """Standard deviation of `accuracies`, 0 for a single run."""
        return statistics.stdev(self.accuracies) if len(self.accuracies) > 1 else 0.0


def compare(
    entries: Sequence[Entry], folder: Path, *, resume: bool = False, finished: bool = False, samples: int = 1000
) -> list[Row]:
    """Trains, converts and verifies every entry; writes `compare.json` and `compare.png`.

    Args:
        entries: entries to compare; one that others imitate or start from comes before them.
        folder: folder that the runs go to, one folder each.
        resume: whether to continue what is unfinished in `folder`, and keep what is finished.
        finished: whether to train nothing, and leave out what is not finished.
        samples: number of test images to verify each file on.

    Returns:
        A row for each entry, in the order given.

    Raises:
        HybridTFError: as training and conversion do, and when nothing is finished.
    """
    wanted = {entry.name: entry.runs(folder) for entry in entries}
    if finished:
        wanted = {name: [run for run in runs if (run[1] / REPORT).exists()] for name, runs in wanted.items()}
    if not any(wanted.values()):
        raise HybridTFError(f"no run in {folder} is finished: leave --finished out to train")
    runs = {name: [train(*run, resume=resume) for run in found] for name, found in wanted.items() if found}
    rows = [row_of(found, name, samples) for name, found in runs.items()]
    write_json(folder / TABLE, [asdict(row) for row in rows])
    config = entries[0].config
    plot(folder / FIGURE, rows, f"{config.dataset}, {config.run_epochs} epochs")
    return rows


def row_of(runs: Sequence[Run], name: str, samples: int) -> Row:
    """Returns the row of an entry from its finished runs, each converted and verified on `samples` test images."""
    return combined([row_of_run(run, name, samples) for run in runs])


def combined(rows: Sequence[Row]) -> Row:
    """Returns the row of an entry from those of its runs: the accuracies of all, the rest of the first."""
    every = {field: tuple(chain(*(getattr(row, field) for row in rows))) for field in ("accuracies", "held_out")}
    return replace(rows[0], **every)


def row_of_run(run: Run, name: str, samples: int) -> Row:
    """Returns the row of one finished run, which is kept in its folder.

    The run is converted and verified again only when its report, `samples` or our version has changed, or its file is
    gone.
    """
    path, report = run.folder / ROW, run.report
    of = {"version": __version__, "samples": samples, "report": report.to_dict()}
    stored = read_json(path) if path.exists() and (run.folder / FILE).exists() else {}
    if stored.get("of") == of:
        return replace(Row(**stored["row"]), name=name, run=str(run.folder))
    conversion, verification = convert_run(run.folder, samples=samples)
    twin_bytes = _twin_file_bytes(run)
    cost = model_cost(run.spec.build(), name, [energy_profile(DEFAULT)])
    held_out = report.validation_accuracy
    row = Row(
        name=name,
        plan=run.config.plan,
        run=str(run.folder),
        accuracies=(report.test_accuracy,),
        held_out=() if held_out is None else (held_out,),
        file_accuracy=verification.file_accuracy,
        agreement=verification.top1_agreement,
        compared=verification.images,
        weight_bytes=report.weights.bytes,
        compression=report.compression,
        file_bytes=conversion.bytes,
        twin_bytes=twin_bytes,
        file_ratio=twin_bytes / conversion.bytes,
        energy=cost.energies[0].total,
        binary_macs=cost.macs("binary"),
        float_macs=cost.macs("float32"),
    )
    write_json(path, {"of": of, "row": asdict(row)})
    return row


def _twin_file_bytes(run: Run) -> int:
    """Returns the size of the `.tflite` of a run's full-precision twin."""
    twin = run.spec.twin()
    return file_size(twin.build(), replace(metadata_of(run), plan=str(twin.plan)))


def rows_table(rows: Sequence[Row], title: str) -> Table:
    """Returns the rows as a table: accuracies, fraction of images with the same class, file sizes in bytes."""
    title = f"{title}; .tflite compared on {rows[0].compared:,} test images"
    columns = ["", "Keras", ".tflite", "same class", "weights", "compression", "file", "full precision", "ratio"]
    cells = [
        [
            row.name,
            accuracy_text(row),
            percent(row.file_accuracy),
            percent(row.agreement),
            size(row.weight_bytes),
            f"{row.compression:.2f}x",
            f"{row.file_bytes:,}",
            f"{row.twin_bytes:,}",
            f"{row.file_ratio:.2f}x",
        ]
        for row in rows
    ]
    return table(title, columns, cells)


def accuracy_text(row: Row) -> str:
    """Returns the mean accuracy, with the standard deviation and the number of runs where there are several."""
    several = len(row.accuracies)
    return percent(row.accuracy) + (f" ± {100 * row.spread:.2f} ({several})" if several > 1 else "")


def plot(path: Path, rows: Sequence[Row], title: str) -> None:
    """Draws accuracy against memory and against energy, with the Pareto fronts, to a PNG file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    _scatter(left, rows, [row.weight_bytes / 1000 for row in rows], "memory of the weights (kB)")
    _scatter(right, rows, [row.energy / 1e6 for row in rows], "modelled energy of one image (uJ)")
    left.set_ylabel("test accuracy (%)")
    right.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    figure.suptitle(title)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)


def _scatter(axes: Axes, rows: Sequence[Row], costs: list[float], label: str) -> None:
    accuracies = [100 * row.accuracy for row in rows]
    front = sorted((costs[number], accuracies[number]) for number in pareto_front(costs, accuracies))
    axes.plot(*zip(*front, strict=True), color="0.6", linestyle=":", zorder=1)
    for number, (row, x, y) in enumerate(zip(rows, costs, accuracies, strict=True)):
        style = {"color": SERIES[number % len(SERIES)], "marker": _MARKERS[number % len(_MARKERS)]}
        axes.errorbar(x, y, 100 * row.spread, markersize=8, linestyle="", label=row.name, **style)
    axes.set(xscale="log", xlabel=label)
    axes.margins(0.15)
    axes.grid(alpha=0.3)


def plan_entries(config: Config, plans: Sequence[str], seeds: int) -> list[Entry]:
    """Returns an entry for each plan, all with the settings of `config`. Raises HybridTFError for a wrong plan."""
    parsed = [str(Plan.parse(plan)) for plan in plans]
    return [Entry(plan, config.with_changes(plan=plan), seeds) for plan in parsed]
