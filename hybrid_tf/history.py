"""The record of a run's epochs: `history.csv`, its checkpoints, its best weights and its curves."""

import csv
import io
import math
from pathlib import Path
from typing import Any

import tensorflow as tf

from hybrid_tf.errors import HybridTFError
from hybrid_tf.files import atomic_path, write_text
from hybrid_tf.run import BEST

HISTORY = "history.csv"
CURVES = "curves.png"
CHECKPOINTS = "checkpoints"


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


def _write_history(folder: Path, rows: list[dict[str, float]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(folder / HISTORY, text.getvalue())


class Recorder(tf.keras.callbacks.Callback):
    """Writes each epoch to the run folder, and restores the last one.

    The history is written before the checkpoint, and cut to the checkpoint's epoch when it is restored: whenever the
    process is killed, the two agree.
    """

    def __init__(self, folder: Path, first_counted: int = 0) -> None:
        """Takes the run folder, and how many epochs come before those of which the best counts."""
        super().__init__()
        self.folder = folder
        self.rows: list[dict[str, float]] = []
        self.monitor = "val_accuracy"
        self._first_counted = first_counted
        self._epoch = tf.Variable(0, dtype=tf.int64, trainable=False)

    def follow(self, network: tf.keras.Model, optimizer: tf.keras.optimizers.Optimizer) -> None:
        """From here on the checkpoints are those of `network` and of the optimizer of its trainable weights."""
        self._network = network
        checkpoint = tf.train.Checkpoint(model=network, optimizer=optimizer, epoch=self._epoch)
        self._manager = tf.train.CheckpointManager(checkpoint, str(self.folder / CHECKPOINTS), max_to_keep=1)
        optimizer.build(network.trainable_variables)  # else its state is restored late, at the first step

    def finished_epochs(self) -> int:
        """Returns the number of epochs behind the last checkpoint, 0 without one. Raises as `restore` does."""
        path = tf.train.latest_checkpoint(str(self.folder / CHECKPOINTS))
        if path is None:
            return 0
        try:
            return int(tf.train.load_variable(path, "epoch/.ATTRIBUTES/VARIABLE_VALUE"))
        except tf.errors.OpError as error:
            raise self._damaged(path) from error

    def restore(self) -> None:
        """Restores weights, optimiser state and history of the last checkpoint.

        Raises:
            HybridTFError: when the checkpoint is damaged.
        """
        path = self._manager.latest_checkpoint
        try:
            self._manager.checkpoint.restore(path).assert_existing_objects_matched()
        except (tf.errors.OpError, AssertionError, ValueError) as error:
            raise self._damaged(path) from error
        epochs = int(self._epoch.numpy())
        self.rows = read_history(self.folder)[:epochs]
        if len(self.rows) < epochs:
            raise HybridTFError(f"{self.folder / HISTORY} has fewer epochs than the checkpoint: restore it from a copy")

    def _damaged(self, path: str) -> HybridTFError:
        return HybridTFError(
            f"checkpoint {path} is damaged: delete {self.folder / CHECKPOINTS} to train from the start"
        )

    @property
    def best(self) -> dict[str, float] | None:
        """The row of the best epoch on the validation images; without validation images, of the last.

        None as long as there are no epochs but those that come before.
        """
        rows = self.rows[self._first_counted :]
        if rows and self.monitor in rows[-1]:
            return max(rows, key=lambda row: row[self.monitor])
        return rows[-1] if rows else None

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Stops a run whose loss is no longer finite, before it overwrites good weights."""
        if not math.isfinite(logs["loss"]):
            raise HybridTFError(
                f"the loss became {logs['loss']} in epoch {len(self.rows) + 1}, step {batch + 1}: lower "
                f"--learning-rate; the weights of the epochs before are in {self.folder}"
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes the epoch's row, the weights if they are the best, and the checkpoint."""
        rate = float(self.model.optimizer.learning_rate)
        self.rows.append(
            {"epoch": epoch + 1, **{key: float(value) for key, value in logs.items()}, "learning_rate": rate}
        )
        if self.best is self.rows[-1]:
            with atomic_path(self.folder / BEST) as path:
                self._network.save_weights(path)
        _write_history(self.folder, self.rows)
        self._epoch.assign(epoch + 1)
        try:
            self._manager.save()
        except tf.errors.OpError as error:
            raise HybridTFError(f"cannot write a checkpoint to {self.folder}: {error.message}") from error


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
