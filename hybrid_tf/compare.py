"""One network under several plans, with the same data and the same budget: a table and a figure."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.table import Table

from hybrid_tf.analysis.memory import size
from hybrid_tf.config import Config
from hybrid_tf.deploy import convert_run, file_size, metadata_of
from hybrid_tf.files import atomic_path, write_json
from hybrid_tf.plan import FULL_PRECISION, Plan
from hybrid_tf.run import Run
from hybrid_tf.tables import percent, table
from hybrid_tf.training import train

TABLE = "compare.json"
FIGURE = "compare.png"


@dataclass(frozen=True)
class Row:
    """What one plan gave.

    Attributes:
        plan: its text.
        run: the run folder.
        keras_accuracy: top-1 of the Keras model on all test images, 0 to 1.
        file_accuracy: top-1 of the `.tflite` on the first test images.
        agreement: share of those images to which both give the same class.
        compared: their number.
        weight_bytes: memory of the weights.
        compression: of the weights, against the full-precision twin.
        file_bytes: size of the `.tflite`.
        twin_bytes: size of the `.tflite` of the same network in full precision.
        file_ratio: `twin_bytes` over `file_bytes`.
    """

    plan: str
    run: str
    keras_accuracy: float
    file_accuracy: float
    agreement: float
    compared: int
    weight_bytes: int
    compression: float
    file_bytes: int
    twin_bytes: int
    file_ratio: float


def compare(config: Config, plans: list[str], folder: Path, *, resume: bool = False, samples: int = 1000) -> list[Row]:
    """Trains, converts and verifies a network under each of `plans`; writes `compare.json` and `compare.png`.

    Args:
        config: the settings that all share; its plan is not used.
        plans: texts of plans.
        folder: where the runs go, one folder each.
        resume: continue what is unfinished in `folder`, and keep what is finished.
        samples: test images to verify each file on.

    Returns:
        A row for each plan, in the order given.

    Raises:
        HybridTFError: as training and conversion do.
    """
    configs = [config.with_changes(plan=str(Plan.parse(plan))) for plan in plans]
    runs = [train(item, folder / Plan.parse(item.plan).file_name, resume=resume) for item in configs]
    twin = twin_file_bytes(runs[0])
    rows = [row_of(run, twin, samples) for run in runs]
    write_json(folder / TABLE, [asdict(row) for row in rows])
    _plot(folder / FIGURE, rows, f"{config.network}, {config.dataset}, {runs[0].report['epochs']} epochs")
    return rows


def row_of(run: Run, twin_bytes: int, samples: int) -> Row:
    """Converts and verifies a finished run; returns its row."""
    conversion, verification = convert_run(run.folder, samples=samples)
    report: dict[str, Any] = run.report
    return Row(
        plan=run.config.plan,
        run=str(run.folder),
        keras_accuracy=report["test_accuracy"],
        file_accuracy=verification.file_accuracy,
        agreement=verification.top1_agreement,
        compared=verification.images,
        weight_bytes=report["weights"]["bytes"],
        compression=report["compression"],
        file_bytes=conversion.bytes,
        twin_bytes=twin_bytes,
        file_ratio=twin_bytes / conversion.bytes,
    )


def twin_file_bytes(run: Run) -> int:
    """Returns the size of the `.tflite` of a run's full-precision twin."""
    plan = str(FULL_PRECISION)
    return file_size(run.build(plan), replace(metadata_of(run), plan=plan))


def rows_table(rows: list[Row], title: str) -> Table:
    """Returns the rows as a table: accuracies, share of images with the same class, file sizes in bytes."""
    title = f"{title}; .tflite compared on {rows[0].compared:,} test images"
    columns = ["plan", "Keras", ".tflite", "same class", "weights", "compression", "file", "full precision", "ratio"]
    cells = [
        [
            row.plan,
            percent(row.keras_accuracy),
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


def _plot(path: Path, rows: list[Row], title: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for row in rows:
        axes.scatter(row.weight_bytes / 1000, 100 * row.keras_accuracy, s=70, label=row.plan)
    axes.set(xscale="log", xlabel="memory of the weights (kB)", ylabel="test accuracy (%)", title=title)
    axes.margins(0.15)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    axes.grid(alpha=0.3)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)
