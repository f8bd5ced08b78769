"""Any image-classification set of TensorFlow Datasets, by its name."""

from __future__ import annotations

import os
import re
import textwrap
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from hybrid_tf.data.dataset import Normalisation
from hybrid_tf.data.source import Source
from hybrid_tf.data.streaming import Streaming
from hybrid_tf.data.tfds_prepare import prepare, quiet
from hybrid_tf.data.tfds_records import TfdsRecords
from hybrid_tf.errors import HybridTFError, unknown

_DEFAULT_SIZE = (224, 224)  # where images have many sizes
_NOT_MIRROR_SYMMETRIC = frozenset(
    ["binary_alpha_digits", "cmaterdb", "emnist", "kmnist", "mnist", "mnist_corrupted", "omniglot", "svhn_cropped"]
)
_IMAGENET = Normalisation(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))  # the field's constants


def in_catalog(name: str) -> bool:
    """Returns whether TFDS has a data set of this name, which may continue with "/config" and ":version"."""
    if not re.fullmatch(r"\w+(/\w[\w.-]*)?(:[\d.*]+)?", name):  # it becomes part of a path
        return False
    return re.split("[/:]", name)[0] in tfds.list_builders(with_community_datasets=False)


def load_from_catalog(
    name: str,
    well_known: list[str],
    input_size: tuple[int, int] | None,
    channels: int | None,
    data_dir: str | Path | None,
) -> Source:
    """Returns a data set of TFDS, after preparing it when that has not been done.

    Args:
        name: name of the data set, as `tfds.load` takes it.
        well_known: names to list when `name` does not exist.
        input_size: height and width in pixels; by default the data set's own, or 224x224 where it has many.
        channels: number of channels, 1 or 3; by default the data set's own.
        data_dir: folder in which TFDS keeps its files; by default the one that TFDS chooses.

    Raises:
        HybridTFError: when there is no such data set, it does not hold labelled images, it cannot be downloaded, or its
            files are damaged.
    """
    if not in_catalog(name):
        raise _unknown(name, well_known)
    builder = _open(name, data_dir)
    image_key, label_key = _supervised_keys(name, builder)
    own_shape = builder.info.features[image_key].shape
    any_size = None in own_shape[:2]
    image_shape = (
        *(input_size or (_DEFAULT_SIZE if any_size else own_shape[:2])),
        channels or (1 if own_shape[2] == 1 else 3),
    )
    with quiet():
        prepare(builder)

    def examples(split: str) -> Streaming:
        kept = np.ones(builder.info.splits[split].num_examples, bool)
        return Streaming(TfdsRecords(builder, split, image_shape, any_size, kept), image_shape)

    train, validation, test = _splits(name, builder, examples)
    return Source(
        name=name,
        class_names=tuple(builder.info.features[label_key].names),
        image_shape=image_shape,
        augmentation=_augmentation(builder.name, any_size),
        train=train,
        validation=validation,
        test=test,
        normalisation=_IMAGENET if builder.name == "imagenet2012" and image_shape[2] == 3 else None,
    )


def _unknown(name: str, well_known: list[str]) -> HybridTFError:
    near = []  # a catalogue of hundreds is too long to list; of two names nearly alike the well-known one is meant
    if not get_close_matches(name.lower(), well_known, cutoff=0.8):
        near = get_close_matches(name.lower(), tfds.list_builders(with_community_datasets=False), n=1, cutoff=0.5)
    error = unknown("data set", name, dict.fromkeys([*well_known, *near]))
    return HybridTFError(f"{error}, any other image data set of TensorFlow Datasets, or the path of a folder")


def _open(name: str, data_dir: str | Path | None) -> Any:
    root = os.fspath(data_dir or tfds.core.constants.DATA_DIR)
    if root.startswith("~"):  # of Path only here, because it would spoil "gs://..."
        root = str(Path(root).expanduser())
    with quiet():
        try:
            return tfds.builder(name, data_dir=data_dir and root)
        except Exception as error:  # of the data set's own code, or of parsing its files
            try:
                tfds.builder(name, data_dir=Path(root, ".absent"))
            except Exception:  # so it was not the files
                reason = textwrap.shorten(str(error), 200)
                raise HybridTFError(f"TensorFlow Datasets cannot open '{name}': {reason}") from error
            folder = Path(root, re.split("[/:]", name)[0])
            raise HybridTFError(
                f"the prepared data set in {folder} is damaged: delete that folder and run again"
            ) from error


def _supervised_keys(name: str, builder: Any) -> tuple[str, str]:
    keys = builder.info.supervised_keys
    if keys and len(keys) == 2 and all(isinstance(key, str) for key in keys):
        image, label = (builder.info.features[key] for key in keys)
        if (
            isinstance(image, tfds.features.Image)
            and image.np_dtype == np.uint8
            and isinstance(label, tfds.features.ClassLabel)
        ):
            return keys
    raise HybridTFError(f"data set '{name}' has no images with one class each: choose an image-classification set")


def _splits(name: str, builder: Any, examples: Any) -> tuple[Streaming, Streaming | None, Streaming | None]:
    splits = builder.info.splits
    if "train" not in splits:
        raise HybridTFError(f"data set '{name}' has no training images: choose another (it has {', '.join(splits)})")
    if builder.info.file_format != tfds.core.FileFormat.TFRECORD:
        raise HybridTFError(
            f"the prepared data set in {builder.data_dir} is not in TFRecord files: "
            f"delete that folder and run `tfds build {name}`"
        )
    # Some test splits, e.g. ImageNet's, have no labels; TFDS says -1 for them.
    labelled = [split for split in ("test", "validation") if split in splits and examples(split).take(1)[1][0] >= 0]
    if len(labelled) == 2:
        return examples("train"), examples("validation"), examples("test")
    return examples("train"), None, examples(labelled[0]) if labelled else None


def _augmentation(name: str, any_size: bool) -> str:
    if any_size:
        return "resized-crop-flip"
    return "crop" if name in _NOT_MIRROR_SYMMETRIC else "crop-flip"
