"""A data set: its splits, its classes, its normalisation and its standard augmentation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from hybrid_tf.config import AUGMENTATIONS
from hybrid_tf.errors import HybridTFError, unknown

if TYPE_CHECKING:  # TensorFlow takes seconds to import
    import tensorflow as tf

    from hybrid_tf.data.manifest import Manifest


@dataclass(frozen=True)
class Normalisation:
    """x = (pixel - mean) / std with pixels in 0..255; `mean` and `std` hold one number per channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def apply(self, images: np.ndarray) -> np.ndarray:
        """Returns `images` [..., C] of pixels in 0..255 as normalised float32 of the same shape."""
        return (images.astype(np.float32) - np.float32(self.mean)) / np.float32(self.std)

    def to_dict(self) -> dict[str, list[float]]:
        """Returns the numbers as plain lists, for JSON."""
        return {"mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Sequence[float]]) -> Normalisation:
        """Returns the normalisation that `to_dict` described."""
        return cls(tuple(map(float, values["mean"])), tuple(map(float, values["std"])))

    @classmethod
    def measure(cls, images: Iterable[np.ndarray]) -> Normalisation:
        """Returns what gives all the uint8 `images` [N,H,W,C], some at a time, mean 0 and deviation 1 per channel."""
        counts = sum(np.stack([_histogram(some[..., c]) for c in range(some.shape[-1])]) for some in images)
        levels = np.arange(256)
        weights = counts / counts.sum(axis=1, keepdims=True)
        mean = weights @ levels
        std = np.sqrt((weights * (levels - mean[:, None]) ** 2).sum(axis=1))
        std[std == 0] = 1.0  # a channel without contrast
        return cls(tuple(map(float, mean)), tuple(map(float, std)))


def _histogram(pixels: np.ndarray) -> np.ndarray:
    return np.bincount(pixels.ravel(), minlength=256)


class Shard(NamedTuple):
    """Shard `index`, counted from 0, of `count` equal shards of every batch: what one of several workers trains on."""

    index: int = 0
    count: int = 1

    def of(self, batch_size: int) -> tuple[int, int]:
        """Returns the number, from 0, of the shard's first image in a batch of `batch_size`, and the shard's size."""
        size = batch_size // self.count
        return self.index * size, size


WHOLE = Shard()


class Examples(Protocol):
    """The images and labels of one split, in memory or streamed from disk, in an order that never changes.

    Attributes:
        size: number of the examples.
        labels: labels of the examples, int32 [size]; None when they are not known without reading everything.
    """

    size: int
    labels: np.ndarray | None

    def batches(self, batch_size: int, normalisation: Normalisation) -> tf.data.Dataset:
        """Returns (float32 [B,H,W,C] normalised, int32 [B]) in the fixed order; the last batch may be smaller."""

    def take(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the first min(count, size) examples: uint8 [n,H,W,C] and int32 [n]."""

    def relabelled(self, new_labels: np.ndarray) -> Examples:
        """Returns the examples with label `new_labels[n]`, int32, instead of n."""

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
        """Returns what `train_batches` describes; its batch size is at most `size`."""

    def clear_errors(self) -> AbstractContextManager[None]:
        """Within it, a failure to read these examples, e.g. in `model.fit`, is a HybridTFError of one line."""


@dataclass(frozen=True)
class Dataset:
    """A data set, split for training.

    Attributes:
        name: name that `load_dataset` needs to load the data set again.
        class_names: the name of every label, in the order of the labels.
        image_shape: height, width and channels of an image.
        normalisation: normalisation, measured on the training images or with the constants the field agrees on.
        augmentation: name of the data set's standard augmentation, one of AUGMENTATIONS.
        train: the images to train on.
        validation: the held-out part of the training images; None when nothing is held out.
        test: the test images.
        manifest: manifest of a folder of images; None for other data sets.
    """

    name: str
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    normalisation: Normalisation
    augmentation: str
    train: Examples
    validation: Examples | None
    test: Examples
    manifest: Manifest | None = None

    def for_classes(self, class_names: Sequence[str]) -> Dataset:
        """Returns the data set with the labels of a network that tells `class_names` apart: names say what is equal.

        Raises:
            HybridTFError: naming the classes that the network does not know.
        """
        known = {name: label for label, name in reversed([*enumerate(class_names)])}  # of equal names the first counts
        strange = [name for name in self.class_names if name not in known]
        if strange:
            more = f" and {len(strange) - 5} more" if len(strange) > 5 else ""
            listed = ", ".join(class_names[:10]) + (", ..." if len(class_names) > 10 else "")
            raise HybridTFError(
                f"data set '{self.name}' has classes that the network does not know: {', '.join(strange[:5])}{more}; "
                f"it knows {listed}: remove or rename them"
            )
        new_labels = np.array([known[name] for name in self.class_names], np.int32)
        if np.array_equal(new_labels, np.arange(len(new_labels))):
            return replace(self, class_names=tuple(class_names))
        parts = (part and part.relabelled(new_labels) for part in (self.train, self.validation, self.test))
        train, validation, test = parts
        return replace(self, class_names=tuple(class_names), train=train, validation=validation, test=test)


def epoch_steps(dataset: Dataset, batch_size: int) -> int:
    """Returns the number of steps in an epoch: whole batches, one for a data set smaller than a batch."""
    return dataset.train.size // min(batch_size, dataset.train.size)


def train_batches(
    dataset: Dataset,
    *,
    batch_size: int,
    seed: int,
    first_epoch: int,
    epochs: int,
    augmentation: str,
    shard: Shard = WHOLE,
) -> tuple[tf.data.Dataset, int]:
    """Returns the shuffled, augmented training batches of epochs first_epoch..epochs-1 back to back.

    The order and the augmentation of an epoch depend on `seed` and the epoch alone, so that a run resumed at an epoch
    sees what the unbroken run would have seen.

    Args:
        dataset: data set that the images come from.
        batch_size: number of images in a step. Images that do not fill a batch are left out of that epoch; a data set
            smaller than one batch is one step.
        seed: seed of the order and of the augmentation.
        first_epoch: the first epoch, counted from 0.
        epochs: number of epochs of the whole run.
        augmentation: name of the augmentation, one of AUGMENTATIONS.
        shard: shard of every batch to return; its count divides the batch size.

    Returns:
        The batches, (float32 [B,H,W,C] normalised, int32 [B]), and the number of steps in one epoch.

    Raises:
        HybridTFError: when there is no such augmentation.
    """
    if augmentation not in AUGMENTATIONS:
        raise unknown("augmentation", augmentation, AUGMENTATIONS)
    batch_size = min(batch_size, dataset.train.size)
    batches = dataset.train.shuffled_batches(
        batch_size,
        dataset.normalisation,
        seed=seed,
        first_epoch=first_epoch,
        epochs=epochs,
        augmentation=augmentation,
        shard=shard,
    )
    return batches, epoch_steps(dataset, batch_size)
