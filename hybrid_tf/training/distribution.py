"""Training on several processors or computers, with TensorFlow's own strategies.

`mirrored`: all GPUs of this computer. `multi-worker`: one process on each computer, which all run the same command with
their own `TF_CONFIG`. Every step trains on the batch that one processor would have trained on, each replica on its part
of it, so that the loss is that of one processor but for rounding.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field

import tensorflow as tf

from hybrid_tf.data import Shard
from hybrid_tf.errors import HybridTFError, unknown

STRATEGIES = ("mirrored", "multi-worker")
LOST = (  # errors that the other workers get when one is lost
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
)


@dataclass(frozen=True)
class Workers:
    """Who trains together; one processor unless said otherwise.

    Attributes:
        strategy: the TensorFlow distribution strategy.
        index: number of this process among the workers; 0 is the chief, who alone writes the run folder.
        count: number of processes.
    """

    strategy: tf.distribute.Strategy = field(default_factory=tf.distribute.get_strategy)
    index: int = 0
    count: int = 1

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run folder."""
        return self.index == 0

    @property
    def replicas(self) -> int:
        """Copies of the network, over all processes."""
        return self.strategy.num_replicas_in_sync

    @property
    def shard(self) -> Shard:
        """The shard of every batch that this process trains on."""
        return Shard(self.index, self.count)

    def distributed(self, make: Callable[[], tf.data.Dataset], batch_size: int | None = None) -> tf.data.Dataset:
        """Returns the data set that `make` returns, for `model.fit` under the strategy.

        Args:
            make: function that returns this process's data set.
            batch_size: number of images of a whole step, which are divided among the replicas; without it every replica
                gets whole batches.
        """
        if self.replicas == 1:
            return make()

        def part(_: tf.distribute.InputContext) -> tf.data.Dataset:
            if batch_size is not None:
                return make().rebatch(batch_size // self.replicas, drop_remainder=True)
            local = self.replicas // self.count  # each takes the next batch
            return make().flat_map(lambda *batch: tf.data.Dataset.from_tensors(batch).repeat(local))

        return self.strategy.distribute_datasets_from_function(part)

    def synchronise(self, model: tf.keras.Model) -> None:
        """Has the batch norms of `model` measure the whole batch, as one processor does, not their replica's part."""
        if self.replicas > 1:
            for layer in model.layers:
                if isinstance(layer, tf.keras.layers.BatchNormalization):
                    layer.fused, layer.synchronized = False, True

    def check_batch_size(self, batch_size: int) -> None:
        """Raises HybridTFError when the replicas cannot have equal parts of a batch."""
        if batch_size % self.replicas:
            raise HybridTFError(
                f"--batch-size {batch_size} cannot be divided among {self.replicas} replicas: choose a multiple"
            )

    def check_agreement(self, *numbers: int) -> None:
        """Waits for the other processes; raises HybridTFError when they have read other numbers from the run folder."""
        if self.count == 1:
            return
        own = tf.constant([*numbers, *(number * number for number in numbers)], tf.float32)
        total = self.strategy.reduce(tf.distribute.ReduceOp.SUM, self.strategy.run(lambda: own), axis=None)
        if not all(map(float.__eq__, map(float, total), (self.replicas * float(number) for number in own))):
            raise HybridTFError("the workers do not find the same run in --out: it must be on a disk that they share")


def workers_of(name: str | None) -> Workers:
    """Returns the workers of a strategy, of which this process is one; to be called before TensorFlow is used.

    Args:
        name: name of the strategy, one of STRATEGIES; None for a single processor.

    Raises:
        HybridTFError: when there is no such strategy, or `TF_CONFIG` does not say who the workers are.
    """
    if name is None:
        return Workers()
    if name not in STRATEGIES:
        raise unknown("strategy", name, STRATEGIES)
    if name == "mirrored":
        return Workers(tf.distribute.MirroredStrategy())
    index, count = _place(os.environ.get("TF_CONFIG", ""))
    try:
        return Workers(tf.distribute.MultiWorkerMirroredStrategy(), index, count)
    except RuntimeError as error:
        raise HybridTFError(f"--strategy multi-worker cannot start: {error}") from error
    except tf.errors.OpError as error:
        raise HybridTFError(f"--strategy multi-worker cannot start: {error.message}") from error


def _place(text: str) -> tuple[int, int]:
    """Returns the number of this process among the workers, the chief first, and how many there are."""
    example = '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'
    try:
        config = json.loads(text)
        jobs = {kind: len(config["cluster"].get(kind, ())) for kind in ("chief", "worker")}
        kind, index = config["task"]["type"], int(config["task"]["index"])
        if not 0 <= index < jobs[kind]:
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise HybridTFError(
            f"--strategy multi-worker needs TF_CONFIG in the environment, on the first worker for example {example}"
        ) from error
    return index + (jobs["chief"] if kind == "worker" else 0), sum(jobs.values())
