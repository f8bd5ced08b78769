"""The history of a run: loss, accuracy and learning rate of each epoch, as a table and as curves."""

import csv
import io
from pathlib import Path

from hybrid_tf.errors import HybridTFError
from hybrid_tf.runs.names import CURVES, HISTORY
from hybrid_tf.system.files import atomic_path, write_text


def read_history(folder: Path) -> list[dict[str, float]]:
    """Returns a row for each finished epoch of the run in `folder`, none when there is no history yet.

    Raises:
        HybridTFError: when `history.csv` is damaged.
    """
    path = folder / HISTORY
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    except (TypeError, ValueError, OSError) as error:
        raise HybridTFError(f"{path} is damaged ({error}): restore it, or train again in another folder") from error
    return [row | {"epoch": int(row["epoch"])} for row in rows]


def write_history(folder: Path, rows: list[dict[str, float]]) -> None:
    """Writes a row for each finished epoch. Raises HybridTFError when the folder cannot be written."""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(folder / HISTORY, text.getvalue())


def plot_curves(folder: Path, rows: list[dict[str, float]]) -> None:
    """Draws loss and accuracy over the epochs to `curves.png`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.5), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for key, label in ((name, "training"), (f"val_{name}", "validation")):
            if key in rows[0]:
                axes.plot([row["epoch"] for row in rows], [row[key] for row in rows], label=label, marker=".")
        axes.set(xlabel="epoch", ylabel=name)
        axes.grid(alpha=0.3)
        axes.legend()
    with atomic_path(folder / CURVES) as path:
        figure.savefig(path, dpi=120)
