"""Examples that fit in memory: shuffled by index, augmented a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import tensorflow as tf

from hybrid_tf.data.augment import BATCH, ORDER, augment, seed_of
from hybrid_tf.data.dataset import Normalisation, Shard
from hybrid_tf.data.pipeline import finished, normalised, parallel_map

_MEASURED_TOGETHER = 256


class InMemory:
    """Some of the images of one array; the splits of a data set share it.

    Attributes:
        size: the number of examples.
        labels: labels of the examples, int32 [size].
        bytes_to_read: further memory that `in_memory` would take, in bytes: 0.
    """

    bytes_to_read = 0

    def __init__(self, images: np.ndarray, labels: np.ndarray, indices: np.ndarray | None = None) -> None:
        """Takes all images (uint8 [N,H,W,C]), all labels (int32 [N]) and the indices of these examples, in order."""
        self._images = images
        self._all_labels = labels
        self._indices = np.arange(len(labels)) if indices is None else indices
        self.size = len(self._indices)
        self.labels = labels[self._indices]

    def select(self, positions: np.ndarray) -> InMemory:
        """Returns the examples at `positions`, in that order, without a copy of their images."""
        return InMemory(self._images, self._all_labels, self._indices[positions])

    def relabelled(self, new_labels: np.ndarray) -> InMemory:
        """Returns the examples with label `new_labels[n]` instead of n, without a copy of their images."""
        return InMemory(self._images, new_labels[self._all_labels], self._indices)

    def first(self, count: int) -> InMemory:
        """Returns all of them: there is nothing to save by choosing."""
        return self

    def in_memory(self) -> InMemory:
        """Returns these examples: they are in memory already."""
        return self

    def take(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the first min(count, size) examples: uint8 [n,H,W,C] and int32 [n]."""
        return self._images[self._indices[:count]], self.labels[:count]

    def images_to_measure(self) -> Iterator[np.ndarray]:
        """Yields all images, some at a time."""
        for start in range(0, self.size, _MEASURED_TOGETHER):
            yield self._images[self._indices[start : start + _MEASURED_TOGETHER]]

    def batches(self, batch_size: int, normalisation: Normalisation) -> tf.data.Dataset:
        """Returns (float32 [B,H,W,C] normalised, int32 [B]) in order; the last batch may be smaller."""
        chosen = tf.data.Dataset.from_tensor_slices(self._indices).batch(batch_size)
        examples = parallel_map(chosen, lambda indices: self._gather(indices, None))
        batches = parallel_map(examples, lambda images, labels: (normalised(images, normalisation), labels))
        return finished(batches, -(-self.size // batch_size))

    def shuffled_batches(
        self,
        batch_size: int,
        normalisation: Normalisation,
        *,
        seed: int,
        first_epoch: int,
        epochs: int,
        augmentation: str,
        shard: Shard,
    ) -> tf.data.Dataset:
        """Returns the batches of epochs first_epoch..epochs-1, each a function of `seed` and the epoch alone."""
        first, size = shard.of(batch_size)
        steps = self.size // batch_size

        def plan(epoch: tf.Tensor) -> tf.data.Dataset:
            order = tf.random.experimental.stateless_shuffle(self._indices, seed_of(seed, ORDER, epoch))
            order = tf.reshape(order[: steps * batch_size], [steps, batch_size])
            return tf.data.Dataset.from_tensor_slices((tf.repeat(epoch, steps), tf.range(steps, dtype=tf.int64), order))

        def batch(epoch: tf.Tensor, step: tf.Tensor, chosen: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            images, labels = self._gather(chosen[first : first + size], size)
            images = augment(images, augmentation, seed_of(seed, BATCH, epoch, step), first, batch_size)
            return normalised(images, normalisation), labels

        plans = tf.data.Dataset.range(first_epoch, epochs).flat_map(plan)
        return finished(parallel_map(plans, batch), steps * max(epochs - first_epoch, 0))

    def clear_errors(self) -> AbstractContextManager[None]:
        """Nothing can fail any more: all images have been read."""
        return nullcontext()

    def _gather(self, indices: tf.Tensor, count: int | None) -> tuple[tf.Tensor, tf.Tensor]:
        # By NumPy, because a tensor would be one more copy of all images, and tf.data would make another.
        images, labels = tf.numpy_function(
            lambda chosen: (self._images[chosen], self._all_labels[chosen]), [indices], (tf.uint8, tf.int32)
        )
        return tf.ensure_shape(images, (count, *self._images.shape[1:])), tf.ensure_shape(labels, (count,))
