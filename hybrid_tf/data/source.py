"""A source of data, before validation images are held out and small data sets are read into memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hybrid_tf.data.dataset import Normalisation

if TYPE_CHECKING:
    from hybrid_tf.data.in_memory import InMemory
    from hybrid_tf.data.manifest import Manifest
    from hybrid_tf.data.streaming import Streaming


@dataclass
class Source:
    """The original splits of a data set.

    Attributes:
        name: name that `load_dataset` needs to load the data set again.
        class_names: the name of every label, in the order of the labels.
        image_shape: height, width and channels of an image.
        augmentation: name of the standard augmentation, one of `config.AUGMENTATIONS`.
        train: all training examples, without those of `validation`.
        test: all test examples; None when the data set has none of its own.
        validation: validation examples of the data set's own; None when some of `train` have to be held out.
        manifest: manifest of a folder of images, which divides them; None for other data sets.
        normalisation: normalisation with the constants the field agrees on; None when it has to be measured.
    """

    name: str
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    augmentation: str
    train: InMemory | Streaming
    test: InMemory | Streaming | None
    validation: Streaming | None = None
    manifest: Manifest | None = None
    normalisation: Normalisation | None = None
