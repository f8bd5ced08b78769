"""The recorder of a training: after each epoch it writes the history, the checkpoint and the best weights."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf

from hybrid_tf.errors import HybridTFError
from hybrid_tf.runs.history import read_history, write_history
from hybrid_tf.runs.names import BEST, CHECKPOINTS, HISTORY
from hybrid_tf.runs.resuming import resume_command
from hybrid_tf.runs.weights import save_weights
from hybrid_tf.training.divergence import DivergedError


class Position(NamedTuple):
    """How far a training is: its finished epochs, and the finished steps of the next one."""

    epochs: int
    steps: int


def never() -> bool:
    """Returns False: the training is not to be interrupted."""
    return False


def ignored(row: dict[str, float]) -> None:
    """Does nothing with the history row of an epoch."""


class Recorder(tf.keras.callbacks.Callback):
    """Writes each epoch to the run folder, and restores the last one.

    The history is written before the checkpoint, and cut to the checkpoint's epoch when it is restored: whenever the
    process is killed, the two agree.

    Attributes:
        folder: the run folder.
        output: folder to write to: the run folder for the chief, another one for the other workers.
        rows: history row of each finished epoch.
        steps: number of finished steps of the epoch under way.
        interrupted: function that returns whether to stop, with a checkpoint, after the present step or validation.
    """

    def __init__(
        self,
        folder: Path,
        output: Path,
        first_counted: int = 0,
        patience: int = 0,
        after_epoch: Callable[[dict[str, float]], None] = ignored,
    ) -> None:
        """Takes what a recorder needs to know.

        Args:
            folder: the run folder.
            output: folder to write to.
            first_counted: number of epochs that come before those of which the best counts.
            patience: number of epochs without a better one after which the training ends; 0 for never.
            after_epoch: function that is called with the row of each epoch, once all is written.
        """
        super().__init__()
        self.folder = folder
        self.output = output
        self.rows: list[dict[str, float]] = []
        self.steps = 0
        self.interrupted: Callable[[], bool] = never
        self._first_counted = first_counted
        self._patience = patience
        self._after_epoch = after_epoch
        self._epoch = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._step = tf.Variable(0, dtype=tf.int64, trainable=False)

    def follow(self, network: tf.keras.Model, trained: tf.keras.Model) -> None:
        """From here on the checkpoints are those of `network`, which is trained as, or within, `trained`."""
        self._network = network
        scores = tf.zeros((1, network.output_shape[-1]))
        trained.compiled_loss.build(scores)  # else the sums behind loss and accuracy do not exist before the first step
        trained.compiled_metrics.build(scores, scores)
        self._sums = [value for metric in trained.metrics for value in metric.variables]
        self._saved_sums = [tf.Variable(value, trainable=False) for value in self._sums]
        trained.optimizer.build(network.trainable_variables)  # else its state is restored late, at the first step
        checkpoint = tf.train.Checkpoint(
            model=network, optimizer=trained.optimizer, epoch=self._epoch, step=self._step, sums=self._saved_sums
        )
        self._manager = tf.train.CheckpointManager(checkpoint, str(self.output / CHECKPOINTS), max_to_keep=1)

    def position(self) -> Position:
        """Returns where the last checkpoint is. Raises as `restore` does."""
        folder = self.folder / CHECKPOINTS
        path = tf.train.latest_checkpoint(str(folder))
        if path is None:
            if (folder / "checkpoint").exists():  # it names a checkpoint
                raise self._damaged(folder / "checkpoint")
            return Position(0, 0)
        try:
            reader = tf.train.load_checkpoint(path)
            epoch, step = (f"{name}/.ATTRIBUTES/VARIABLE_VALUE" for name in ("epoch", "step"))
            return Position(int(reader.get_tensor(epoch)), int(reader.get_tensor(step)))
        except (tf.errors.OpError, RuntimeError, ValueError) as error:
            raise self._damaged(path) from error

    def restore(self) -> None:
        """Restores weights, optimiser state and history of the last checkpoint.

        Raises:
            HybridTFError: when the checkpoint is damaged.
        """
        path = tf.train.latest_checkpoint(str(self.folder / CHECKPOINTS))
        try:
            self._manager.checkpoint.restore(path).assert_existing_objects_matched().expect_partial()
        except (tf.errors.OpError, AssertionError, RuntimeError, ValueError) as error:
            raise self._damaged(path) from error
        epochs = int(self._epoch.numpy())
        self.steps = int(self._step.numpy())
        self.rows = read_history(self.folder)[:epochs]
        if len(self.rows) < epochs:
            raise HybridTFError(f"{self.folder / HISTORY} has fewer epochs than the checkpoint: restore it from a copy")

    def _damaged(self, path: str) -> HybridTFError:
        return HybridTFError(
            f"checkpoint {path} is damaged: delete {self.folder / CHECKPOINTS} to train from the start with "
            f"`{resume_command(self.folder)}`"
        )

    @property
    def best(self) -> dict[str, float] | None:
        """The row of the best epoch on the validation images; without validation images, of the last.

        Best is the highest accuracy, of equal ones the lowest loss, of equal ones the first: few images give few
        different accuracies. None as long as there are no epochs but those that come before.
        """
        rows = self.rows[self._first_counted :]
        if rows and "val_accuracy" in rows[-1]:
            return max(rows, key=lambda row: (row["val_accuracy"], -row["val_loss"]))
        return rows[-1] if rows else None

    @property
    def out_of_patience(self) -> bool:
        """Whether so many epochs have brought no better one that the training ends before its last epoch."""
        best = self.best
        return bool(self._patience and best) and len(self.rows) - best["epoch"] >= self._patience

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Goes on with the sums behind loss and accuracy where a checkpoint within the epoch left them."""
        if self.steps:
            for value, saved in zip(self._sums, self._saved_sums, strict=True):
                value.assign(saved)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Stops a run whose loss is no longer finite, before it overwrites good weights, or that is interrupted."""
        if not math.isfinite(logs["loss"]):
            raise DivergedError
        self.steps += 1
        if self.interrupted() and batch + 1 < self.params["steps"]:
            for value, saved in zip(self._sums, self._saved_sums, strict=True):
                saved.assign(value)
            self._save()
            self._stop(f"after step {self.steps} of epoch {len(self.rows) + 1}")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes the epoch's row, the weights if they are the best, and the checkpoint."""
        rate = float(self.model.optimizer.learning_rate.numpy())
        self.rows.append(
            {"epoch": epoch + 1, **{key: float(value) for key, value in logs.items()}, "learning_rate": rate}
        )
        self.steps = 0
        if self.best is self.rows[-1]:
            save_weights(self._network, self.output / BEST)
        write_history(self.output, self.rows)
        self._save()
        if self.out_of_patience:
            self.model.stop_training = True
        self._after_epoch(self.rows[-1])
        if self.interrupted():
            self._stop(f"after epoch {len(self.rows)}")

    def _save(self) -> None:
        self._epoch.assign(len(self.rows))
        self._step.assign(self.steps)
        try:
            self._manager.save()
        except tf.errors.OpError as error:
            raise write_error(self.folder, error) from error

    def _stop(self, where: str) -> None:
        raise KeyboardInterrupt(f"stopped {where}, which is saved: `{resume_command(self.folder)}` continues there")


def write_error(folder: Path, error: tf.errors.OpError) -> HybridTFError:
    """Returns the error for what TensorFlow could not write to a run folder."""
    reason = "No space left on device" if "No space left on device" in error.message else error.message
    return HybridTFError(f"cannot write to {folder} ({reason}): make room there, then `{resume_command(folder)}`")
