"""A folder of images: one sub-folder a class."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from hybrid_tf.data.images import IMAGE_SUFFIXES, load_image, load_whole_image, read_header
from hybrid_tf.data.source import Source
from hybrid_tf.data.streaming import Streaming
from hybrid_tf.errors import HybridTFError

_TEST_FOLDERS = ("test", "validation", "val")
_DEFAULT_SIZE = (64, 64)
_LARGEST_OWN_SIZE = 256  # a side; larger images are photographs, which nobody trains on in full size unasked
_LAYOUT = "<class>/<image>, or train/<class>/<image> and test/<class>/<image>"


@dataclass
class FileRecords:
    """Image files and their labels.

    Attributes:
        paths: paths of the image files, str [size].
        labels: labels of the images, int32 [size].
        image_shape: height, width and channels that images are brought to.
    """

    paths: np.ndarray
    labels: np.ndarray
    image_shape: tuple[int, int, int]

    @property
    def size(self) -> int:
        """The number of files."""
        return len(self.paths)

    @property
    def damage(self) -> str:
        """What to tell the user when a file cannot be read."""
        return f"cannot read the images in {Path(self.paths[0]).parent.parent}: do its files still exist?"

    def select(self, positions: np.ndarray) -> FileRecords:
        """Returns the files at `positions`, in that order."""
        return FileRecords(self.paths[positions], self.labels[positions], self.image_shape)

    def first(self, count: int) -> FileRecords:
        """Returns all of them: choosing some does not save time."""
        return self

    def read(self, seed: tf.Tensor | None) -> tf.data.Dataset:
        """Returns (path, label): in order, or shuffled as `seed` [2] says."""
        order = tf.range(self.size)
        if seed is not None:
            order = tf.random.experimental.stateless_shuffle(order, seed)
        paths, labels = tf.constant(self.paths), tf.constant(self.labels)
        return tf.data.Dataset.from_tensor_slices((tf.gather(paths, order), tf.gather(labels, order)))

    def fitted(self, path: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the image in `image_shape`, uint8 [H,W,C], and its label, int32."""
        image = tf.numpy_function(lambda name: load_image(name.decode(), self.image_shape), [path], tf.uint8)
        return tf.ensure_shape(image, self.image_shape), label

    def whole(self, path: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the image in its own size, uint8 [h,w,C], and its label, int32."""
        channels = self.image_shape[2]
        image = tf.numpy_function(lambda name: load_whole_image(name.decode(), channels), [path], tf.uint8)
        return tf.ensure_shape(image, (None, None, channels)), label


def load_folder(root: Path, input_size: tuple[int, int] | None, channels: int | None) -> Source:
    """Returns the data set in the folder `root`.

    Args:
        root: folder with <class>/<image>, or with train/<class>/<image> and test/<class>/<image> (`validation` and
            `val` do, too).
        input_size: height and width in pixels; by default those of the images when they are all equal and no side is
            above 256, else 64x64.
        channels: number of channels, 1 or 3; by default 3 unless all images are grey.

    Raises:
        HybridTFError: naming the class or the file that is not as it must be.
    """
    root = root.resolve()
    in_splits = bool(_subfolders(root / "train"))
    train = _files_by_class(root / "train" if in_splits else root)
    _check_classes(root, train)
    test = {}
    if in_splits:
        test_folder = next((root / name for name in _TEST_FOLDERS if (root / name).is_dir()), None)
        test = _files_by_class(test_folder) if test_folder else {}
        for name in test.keys() - train.keys():
            raise HybridTFError(f"class '{name}' is in {test_folder} but not in {root / 'train'}: add or remove it")
    size, own_channels = _own_shape([path for files in (train, test) for paths in files.values() for path in paths])
    image_shape = (*(input_size or size), channels or own_channels)
    class_names = tuple(train)

    def examples(files: dict[str, list[Path]]) -> Streaming:
        paths = np.array([str(path) for name in files for path in files[name]])
        labels = np.array([class_names.index(name) for name in files for _ in files[name]], np.int32)
        return Streaming(FileRecords(paths, labels, image_shape), image_shape)

    return Source(
        name=str(root),
        class_names=class_names,
        image_shape=image_shape,
        augmentation="crop-flip",
        train=examples(train),
        test=examples(test) if any(test.values()) else None,
    )


def _subfolders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise HybridTFError(f"cannot read {folder}: {error.strerror}") from error


def _files_by_class(folder: Path) -> dict[str, list[Path]]:
    def is_image(path: Path) -> bool:
        return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".") and path.is_file()

    try:
        return {path.name: sorted(filter(is_image, path.iterdir())) for path in _subfolders(folder)}
    except OSError as error:
        raise HybridTFError(f"cannot read {error.filename}: {error.strerror}") from error


def _check_classes(root: Path, files: dict[str, list[Path]]) -> None:
    if not any(files.values()):
        raise HybridTFError(f"there are no images in {root}: expected {_LAYOUT}")
    if len(files) < 2:
        raise HybridTFError(f"{root} has one class, '{next(iter(files))}': at least two are needed as {_LAYOUT}")
    for name, paths in files.items():
        if len(paths) < 2:
            raise HybridTFError(
                f"class '{name}' in {root} has {len(paths)} images: at least 2 are needed; add or remove"
            )


def _own_shape(paths: list[Path]) -> tuple[tuple[int, int], int]:
    # Reading all headers also finds files that are no images before the training starts.
    with ThreadPoolExecutor(8) as pool:
        headers = list(pool.map(read_header, paths))
    sizes = Counter((header.height, header.width) for header in headers)
    size = next(iter(sizes)) if len(sizes) == 1 else _DEFAULT_SIZE
    if max(size) > _LARGEST_OWN_SIZE:
        size = _DEFAULT_SIZE
    return size, 1 if all(header.grey for header in headers) else 3
