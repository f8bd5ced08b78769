"""A folder of images: one sub-folder a class."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import tensorflow as tf

from hybrid_tf.data.images import load_image, load_images, load_whole_image
from hybrid_tf.data.manifest import TEST, TRAIN, VALIDATION
from hybrid_tf.data.pixels import WHITE
from hybrid_tf.data.scan import scan_folder
from hybrid_tf.data.source import Source
from hybrid_tf.data.streaming import Streaming
from hybrid_tf.system.parallel import in_parts


@dataclass
class FileRecords:
    """Image files and their labels.

    Attributes:
        paths: paths of the image files, bytes [size], because they need not be UTF-8.
        labels: labels of the images, int32 [size].
        image_shape: height, width and channels that images are brought to.
        background: colour behind transparent pixels.
    """

    paths: np.ndarray
    labels: np.ndarray
    image_shape: tuple[int, int, int]
    background: str

    @property
    def size(self) -> int:
        """The number of files."""
        return len(self.paths)

    @property
    def damage(self) -> str:
        """What to tell the user when a file cannot be read."""
        folder = Path(os.fsdecode(self.paths[0])).parent.parent
        return f"cannot read the images in {folder}: do its files still exist?"

    def select(self, positions: np.ndarray) -> FileRecords:
        """Returns the files at `positions`, in that order."""
        return replace(self, paths=self.paths[positions], labels=self.labels[positions])

    def relabelled(self, new_labels: np.ndarray) -> FileRecords:
        """Returns the files with label `new_labels[n]` instead of n."""
        return replace(self, labels=new_labels[self.labels])

    def first(self, count: int) -> FileRecords:
        """Returns all of them: choosing some does not save time."""
        return self

    def read(self, seed: tf.Tensor | None) -> tf.data.Dataset:
        """Returns (path, label): in order, or shuffled as `seed` [2] says."""
        order = tf.range(self.size)
        if seed is not None:
            order = tf.random.experimental.stateless_shuffle(order, seed)
        paths, labels = tf.constant(self.paths, tf.string), tf.constant(self.labels)
        return tf.data.Dataset.from_tensor_slices((tf.gather(paths, order), tf.gather(labels, order)))

    def take(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the first `count` images, uint8 [n,H,W,C], and their labels, int32 [n]; raises as `load_image`."""
        images = np.empty((count, *self.image_shape), np.uint8)
        load = partial(load_images, image_shape=self.image_shape, background=self.background)
        done = 0
        # Without tf.data, which takes as long as the decoding.
        for some in in_parts(load, self.paths[:count], "decoding images"):
            images[done : done + len(some)] = some
            done += len(some)
        return images, self.labels[:count]

    def fitted(self, path: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the image in `image_shape`, uint8 [H,W,C], and its label, int32."""
        image = tf.numpy_function(
            lambda name: load_image(os.fsdecode(name), self.image_shape, self.background), [path], tf.uint8
        )
        return tf.ensure_shape(image, self.image_shape), label

    def whole(self, path: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the image in its own size, uint8 [h,w,C], and its label, int32."""
        channels = self.image_shape[2]
        image = tf.numpy_function(
            lambda name: load_whole_image(os.fsdecode(name), channels, self.background), [path], tf.uint8
        )
        return tf.ensure_shape(image, (None, None, channels)), label


def load_folder(
    root: Path,
    input_size: tuple[int, int] | None,
    channels: int | None,
    *,
    validation: float,
    seed: int,
    skip_unreadable: bool = False,
    background: str = WHITE,
) -> Source:
    """Returns the data set in the folder `root`, divided as `scan_folder` says.

    Args:
        root: folder with <class>/<image>, or with train/<class>/<image> and test/<class>/<image>, and validation
            images likewise.
        input_size: height and width in pixels; by default those of the images when they are all equal and no side is
            above 256, else 64x64.
        channels: number of channels, 1 or 3; by default 3 unless all images are grey.
        validation: fraction of the training images that is held out.
        seed: seed of the choice of held-out images.
        skip_unreadable: whether image files that cannot be read are left out.
        background: colour behind transparent pixels.

    Raises:
        HybridTFError: naming the class or the files that are not as they must be.
    """
    manifest = scan_folder(root.resolve(), validation=validation, seed=seed, skip_unreadable=skip_unreadable)
    *size, own_channels = manifest.own_shape
    image_shape = (*(input_size or size), channels or own_channels)
    labels = {name: label for label, name in enumerate(manifest.class_names)}

    def examples(split: str) -> Streaming | None:
        files = manifest.mixed(split)
        paths = np.array([os.fsencode(manifest.root / file.path) for file in files], object)
        found = FileRecords(paths, np.array([labels[file.name] for file in files], np.int32), image_shape, background)
        return Streaming(found, image_shape) if files else None

    return Source(
        name=str(manifest.root),
        class_names=manifest.class_names,
        image_shape=image_shape,
        augmentation="crop-flip",
        train=examples(TRAIN),
        validation=examples(VALIDATION),
        test=examples(TEST),
        manifest=manifest,
    )
