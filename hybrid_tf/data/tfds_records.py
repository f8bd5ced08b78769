"""The undecoded examples of one split that TensorFlow Datasets has prepared."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from hybrid_tf.data.pipeline import parallel_map
from hybrid_tf.errors import HybridTFError

_READ_TOGETHER = 256  # images of a batch when many are read into memory
_SHARDS_AT_ONCE = 16
_SHUFFLED_TOGETHER = 4096  # undecoded examples: for ImageNet about 450 MB
_EVALUATION_RESIZE = 256 / 224  # shorter side before the centre crop over that after it, as customary for ImageNet


@dataclass
class TfdsRecords:
    """Examples in the TFRecord shards of one split.

    Attributes:
        builder: TFDS's builder of the prepared data set.
        split: name of the split.
        image_shape: height, width and channels that images are brought to.
        centre_crop: whether to cut off the ends of the longer side (for photographs of any size) instead of changing
            the ratio of the sides.
        kept: whether each example of the split belongs to these records, bool [examples of the split].
        new_labels: the label to give instead of each label of the files, int32 [classes]; None leaves them.
    """

    builder: Any
    split: str
    image_shape: tuple[int, int, int]
    centre_crop: bool
    kept: np.ndarray
    new_labels: np.ndarray | None = None
    labels: None = None  # they are inside the records

    @property
    def size(self) -> int:
        """The number of examples."""
        return int(self.kept.sum())

    @property
    def damage(self) -> str:
        """What to tell the user when a record cannot be read."""
        return f"the prepared data set in {self.builder.data_dir} is damaged: delete that folder and run again"

    def select(self, positions: np.ndarray) -> TfdsRecords:
        """Returns the records at `positions`, in the order of the files, which TFDS has shuffled."""
        kept = np.zeros_like(self.kept)
        kept[np.flatnonzero(self.kept)[positions]] = True
        return replace(self, kept=kept)

    def relabelled(self, new_labels: np.ndarray) -> TfdsRecords:
        """Returns the records with label `new_labels[n]` instead of n."""
        return replace(self, new_labels=new_labels if self.new_labels is None else new_labels[self.new_labels])

    def first(self, count: int) -> TfdsRecords:
        """Returns the first min(count, size) records: a sample of all, because TFDS has shuffled them."""
        return replace(self, kept=self.kept & (np.cumsum(self.kept) <= count))

    def read(self, seed: tf.Tensor | None) -> tf.data.Dataset:
        """Returns tuples of one serialised example: in the order of the files, or shuffled as `seed` [2] says."""
        lengths = np.array(self._info.shard_lengths)
        starts = np.cumsum(lengths) - lengths
        used = np.maximum.reduceat(self.kept, starts)
        files = tf.constant(np.array([str(path) for path in self._info.filepaths])[used])
        starts = tf.constant(starts[used], tf.int64)
        kept = tf.constant(self.kept)

        def records(file: tf.Tensor, start: tf.Tensor) -> tf.data.Dataset:
            return tf.data.TFRecordDataset(file).enumerate(start).filter(lambda index, _: kept[index])

        if seed is None:
            shards = tf.data.Dataset.from_tensor_slices((files, starts))
            return shards.flat_map(records).map(lambda _, record: (record,)).prefetch(tf.data.AUTOTUNE)
        order = tf.random.experimental.stateless_shuffle(tf.range(len(files)), seed)
        shards = tf.data.Dataset.from_tensor_slices((tf.gather(files, order), tf.gather(starts, order)))
        mixed = shards.interleave(
            records, cycle_length=_SHARDS_AT_ONCE, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        )
        # Dataset.shuffle depends on TensorFlow's global seed, too; this depends on `seed` alone.
        windows = mixed.map(lambda _, record: record).batch(_SHUFFLED_TOGETHER).enumerate()
        shuffled = windows.map(
            lambda number, window: tf.random.experimental.stateless_shuffle(
                window, tf.random.experimental.stateless_fold_in(seed, number)
            )
        )
        return shuffled.prefetch(1).unbatch().map(lambda record: (record,))

    def take(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the first `count` examples in the order of the files: uint8 [n,H,W,C], int32 [n].

        Raises:
            HybridTFError: when the files hold fewer.
        """
        images = np.empty((count, *self.image_shape), np.uint8)
        labels = np.empty(count, np.int32)
        filled = 0
        examples = parallel_map(self.read(None).take(count), self.fitted)
        for some_images, some_labels in examples.batch(_READ_TOGETHER).prefetch(2):
            end = filled + len(some_labels)
            images[filled:end], labels[filled:end] = some_images.numpy(), some_labels.numpy()
            filled = end
        if filled < count:
            raise HybridTFError(f"{self.damage} (it has {filled} of {count} examples)")
        return images, labels

    def fitted(self, record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the image in `image_shape`, uint8 [H,W,C], and its label, int32."""
        image, label = self.whole(record)
        height, width, _ = self.image_shape
        if self.centre_crop:
            sides = tf.cast(tf.shape(image)[:2], tf.float32)
            scale = tf.reduce_max(_EVALUATION_RESIZE * tf.constant([height, width], tf.float32) / sides)
            sides = tf.cast(tf.round(sides * scale), tf.int32)
            image = tf.image.resize(image, sides, antialias=True)
            image = tf.image.crop_to_bounding_box(
                image, (sides[0] - height) // 2, (sides[1] - width) // 2, height, width
            )
        elif image.shape[:2] != (height, width):
            image = tf.image.resize(image, (height, width), antialias=True)
        if image.dtype != tf.uint8:
            image = tf.cast(tf.round(image), tf.uint8)
        return tf.ensure_shape(image, self.image_shape), label

    def whole(self, record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the image in its own size, uint8 [h,w,C], and its label, int32."""
        features = self.builder.info.features
        image_key, label_key = self.builder.info.supervised_keys
        example = features.deserialize_example(record, decoders={image_key: tfds.decode.SkipDecoding()})
        channels = self.image_shape[2]
        image = tf.io.decode_image(example[image_key], channels=channels, expand_animations=False)
        image = tf.ensure_shape(image, (*features[image_key].shape[:2], channels))
        label = example[label_key]
        return image, tf.cast(label if self.new_labels is None else tf.gather(self.new_labels, label), tf.int32)

    @property
    def _info(self) -> Any:
        return self.builder.info.splits[self.split]
