"""Examples too many for memory: read from disk in every epoch, decoded on all cores."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from hybrid_tf.data.augment import BATCH, IMAGE, ORDER, augment, random_boxes, seed_of
from hybrid_tf.data.dataset import Normalisation, Shard
from hybrid_tf.data.in_memory import InMemory
from hybrid_tf.data.pipeline import finished, normalised, parallel_map
from hybrid_tf.errors import HybridTFError

_MEASURED_IMAGES = 2048  # images that the normalisation is measured on


class Records(Protocol):
    """Undecoded examples on disk.

    Attributes:
        size: number of the examples.
        labels: labels of the examples, int32 [size], or None when they are not known without reading everything.
        damage: message for the user when the examples turn out to be unreadable.
    """

    size: int
    labels: np.ndarray | None
    damage: str

    def select(self, positions: np.ndarray) -> Records:
        """Returns the records at `positions`."""

    def relabelled(self, new_labels: np.ndarray) -> Records:
        """Returns the records with label `new_labels[n]` instead of n."""

    def first(self, count: int) -> Records:
        """Returns at least min(count, size) records that are quick to read: a sample of all, for a smoke run."""

    def read(self, seed: tf.Tensor | None) -> tf.data.Dataset:
        """Returns tuples that describe one example each: in fixed order, or shuffled as `seed` [2] says."""

    def take(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the first `count` examples in fixed order, in the data set's shape: uint8 [n,H,W,C], int32 [n]."""

    def fitted(self, *record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the image in the data set's shape, uint8 [H,W,C], and its label, int32."""

    def whole(self, *record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the image in its own size, uint8 [h,w,C], and its label, int32."""


class Streaming:
    """Examples that stay on disk.

    Attributes:
        size: the number of examples.
        labels: labels of the examples, int32 [size], or None when they are not known.
        bytes_to_read: memory that `in_memory` would take, in bytes.
    """

    def __init__(self, records: Records, image_shape: tuple[int, int, int]) -> None:
        self._records = records
        self._image_shape = image_shape
        self.size = records.size
        self.labels = records.labels
        self.bytes_to_read = self.size * math.prod(image_shape)

    def select(self, positions: np.ndarray) -> Streaming:
        """Returns the examples at `positions`; their order is that of the files where it costs much to change."""
        return Streaming(self._records.select(positions), self._image_shape)

    def relabelled(self, new_labels: np.ndarray) -> Streaming:
        """Returns the examples with label `new_labels[n]` instead of n."""
        return Streaming(self._records.relabelled(new_labels), self._image_shape)

    def first(self, count: int) -> Streaming:
        """Returns at least min(count, size) examples that are quick to read."""
        return Streaming(self._records.first(count), self._image_shape)

    def in_memory(self) -> InMemory:
        """Returns these examples after reading them all. Raises HybridTFError when a file is damaged."""
        return InMemory(*self.take(self.size))

    def take(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the first min(count, size) examples: uint8 [n,H,W,C] and int32 [n]."""
        with self.clear_errors():
            return self._records.take(min(count, self.size))

    def images_to_measure(self) -> Iterator[np.ndarray]:
        """Yields the first images."""
        yield self.take(_MEASURED_IMAGES)[0]

    def batches(self, batch_size: int, normalisation: Normalisation) -> tf.data.Dataset:
        """Returns (float32 [B,H,W,C] normalised, int32 [B]) in order; the last batch may be smaller."""
        examples = parallel_map(self._records.read(None), self._records.fitted).batch(batch_size)
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
        resized_crops = augmentation.startswith("resized-crop")
        batch_augmentation = "flip" if resized_crops else augmentation

        def records(epoch: tf.Tensor) -> tf.data.Dataset:
            shuffled = self._records.read(seed_of(seed, ORDER, epoch)).take(steps * batch_size)
            numbered = shuffled.enumerate()
            if shard.count > 1:  # leave the images of other workers out before they are decoded
                numbered = numbered.filter(lambda position, _: position % batch_size // size == shard.index)
            return numbered.map(lambda position, record: (epoch, position, record))

        def example(epoch: tf.Tensor, position: tf.Tensor, record: Any) -> tuple[tf.Tensor, ...]:
            if resized_crops:  # from the whole image, before its edges are cut off
                image, label = self._records.whole(*record)
                image = self._resized_crop(image, seed_of(seed, IMAGE, epoch, position))
            else:
                image, label = self._records.fitted(*record)
            return epoch, position, image, label

        def batch(
            epoch: tf.Tensor, position: tf.Tensor, images: tf.Tensor, labels: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor]:
            batch_seed = seed_of(seed, BATCH, epoch[0], position[0] - first)
            return normalised(augment(images, batch_augmentation, batch_seed, first, batch_size), normalisation), labels

        # Every epoch is a whole number of batches, so batching may come after the epochs are joined.
        epochs_joined = tf.data.Dataset.range(first_epoch, epochs).flat_map(records)
        examples = parallel_map(epochs_joined, example).batch(size, drop_remainder=True)
        return finished(parallel_map(examples, batch), steps * max(epochs - first_epoch, 0))

    @contextmanager
    def clear_errors(self) -> Iterator[None]:
        """Within it, a failure to read these examples, e.g. in `model.fit`, is a HybridTFError of one line."""
        try:
            yield
        except tf.errors.OpError as error:
            if ours := re.search(r"HybridTFError: (.+)", error.message):  # raised by our Python code inside tf.data
                raise HybridTFError(ours[1]) from error
            if "IteratorGetNext" in str(error):
                raise HybridTFError(self._records.damage) from error
            raise

    def _resized_crop(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        height, width, channels = self._image_shape
        sides = tf.shape(image)[:2]
        box = random_boxes(1, sides[0], sides[1], seed)[0]
        corner = tf.cast(box[:2] * tf.cast(sides, tf.float32), tf.int32)
        size = tf.maximum(tf.cast((box[2:] - box[:2]) * tf.cast(sides, tf.float32), tf.int32), 1)
        image = image[corner[0] : corner[0] + size[0], corner[1] : corner[1] + size[1]]
        image = tf.image.resize(image, (height, width), antialias=True)
        return tf.ensure_shape(tf.cast(tf.round(image), tf.uint8), (height, width, channels))
