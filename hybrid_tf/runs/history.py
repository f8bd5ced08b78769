"""The history of a run: loss, accuracy and learning rate of each epoch, as a table and as curves."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

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
        limit = readable_limit([row[key] for row in rows for key in (name, f"val_{name}") if key in row])
        if limit is not None:
            axes.set_ylim(top=limit)
            axes.set_title(f"values above {limit:.3g} are cut off", fontsize="small")
        axes.grid(alpha=0.3)
        axes.legend()
    with atomic_path(folder / CURVES) as path:
        figure.savefig(path, dpi=120)


def readable_limit(values: Sequence[float]) -> float | None:
    """Returns where to cut an axis off, so that few values far above the others do not hide these; `None` for nowhere.

    Far is more than five times the outer fence, the upper quartile and three times the distance of the quartiles
    (J. W. Tukey, Exploratory Data Analysis, 1977); few is a fifth of all. A loss that falls as usual is shown whole.
    """
    finite = np.array([value for value in values if np.isfinite(value)])
    if not len(finite):
        return None
    low, high = np.quantile(finite, [0.25, 0.75])
    fence = float(high + 3 * (high - low))
    return fence if 0 < 5 * fence < finite.max() and np.mean(finite > fence) <= 0.2 else None
