"""The loading of a data set by name or path: validation images are held out, the normalisation is measured."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hybrid_tf.data.dataset import Dataset, Normalisation
from hybrid_tf.data.pixels import WHITE, check_colour
from hybrid_tf.data.scan import TEST_SHARE
from hybrid_tf.data.split import stratified_split
from hybrid_tf.errors import HybridTFError
from hybrid_tf.system.files import folder_of

if TYPE_CHECKING:
    from hybrid_tf.data.in_memory import InMemory
    from hybrid_tf.data.source import Source
    from hybrid_tf.data.streaming import Streaming

MEMORY_LIMIT = 2 * 1000**3  # bytes of all images of a data set; larger ones are streamed from disk

_WELL_KNOWN = [
    "digits",
    "mnist",
    "fashion_mnist",
    "kmnist",
    "emnist",
    "svhn_cropped",
    "cifar10",
    "cifar100",
    "stl10",
    "imagenette",
    "oxford_flowers102",
    "imagenet2012",
]
_MOST_HELD_OUT = 0.9


def dataset_names() -> list[str]:
    """Returns the names of well-known data sets; any other image-classification set of TFDS works, too."""
    return list(_WELL_KNOWN)


def load_dataset(
    name: str,
    *,
    input_size: tuple[int, int] | None = None,
    channels: int | None = None,
    validation: float = 0.1,
    seed: int = 0,
    data_dir: str | Path | None = None,
    limit: int | None = None,
    skip_unreadable: bool = False,
    background: str = WHITE,
) -> Dataset:
    """Returns a data set; small ones are read into memory, others are streamed from disk.

    Args:
        name: "digits", a name in TensorFlow Datasets, or the path of a folder of images (one sub-folder a class).
        input_size: height and width of the images in pixels; by default those of the data set.
        channels: number of channels, 1 or 3; by default that of the data set.
        validation: fraction of the training images that is held out, 0 or more and below 0.9; 0 holds out none.
        seed: seed of the choice of held-out images. The test images never depend on it.
        data_dir: folder in which TFDS keeps its files; by default TFDS_DATA_DIR or ~/tensorflow_datasets, as TFDS says.
        limit: largest number of training, validation and test images each, for smoke runs.
        skip_unreadable: whether files of a folder that cannot be read are left out, instead of an error.
        background: colour behind transparent pixels of a folder's images: a name or "#rrggbb".

    Raises:
        HybridTFError: when the data set does not exist, cannot be read or downloaded, or an argument is not valid.
    """
    _check_arguments(input_size, channels, validation, seed, limit, background)
    if folder := folder_of(os.fspath(name)):
        from hybrid_tf.data.folder import load_folder

        options = {"skip_unreadable": skip_unreadable, "background": background}
        source = load_folder(folder, input_size, channels, validation=validation, seed=seed, **options)
        return _dataset(source, source.train, source.validation, source.test, limit)
    source = _source(os.fspath(name), input_size, channels, data_dir)
    train, test = source.train, source.test
    if limit is not None:
        train, test = train.first(_enough(limit, validation, test is None)), test and test.first(limit)
    if train.labels is None:  # then they can only be known, to hold out a fair share of every class, after reading all
        train, test = _in_memory_if_small(train, test)
    if test is None:
        # The test images are the same in every run: what is measured on them is compared between runs.
        train, test = _divided(train, round(TEST_SHARE * train.size), seed=0, every_class=True)
    else:
        test, _ = _divided(test, 0, seed=0)
    if source.validation and validation > 0:
        held_out = source.validation.first(limit) if limit else source.validation
    else:
        train, held_out = _hold_out(source.name, train, validation, seed)
    return _dataset(source, train, held_out, test, limit)


def _dataset(
    source: Source,
    train: InMemory | Streaming,
    held_out: InMemory | Streaming | None,
    test: InMemory | Streaming,
    limit: int | None,
) -> Dataset:
    train, held_out, test = (part and part.select(np.arange(part.size)[:limit]) for part in (train, held_out, test))
    train, held_out, test = _in_memory_if_small(train, held_out, test)
    return Dataset(
        name=source.name,
        class_names=source.class_names,
        image_shape=source.image_shape,
        normalisation=source.normalisation or Normalisation.measure(train.images_to_measure()),
        augmentation=source.augmentation,
        train=train,
        validation=held_out,
        test=test,
        manifest=source.manifest,
    )


def _check_arguments(
    input_size: tuple[int, int] | None,
    channels: int | None,
    validation: float,
    seed: int,
    limit: int | None,
    background: str,
) -> None:
    if input_size is not None and (len(input_size) != 2 or min(input_size) < 1):
        raise HybridTFError(f"input size {input_size} is not valid: give a height and a width in pixels")
    if channels not in (None, 1, 3):
        raise HybridTFError(f"{channels} channels are not possible: choose 1 (grey) or 3 (RGB)")
    check_share(validation)
    if seed < 0:
        raise HybridTFError(f"seed {seed} is not valid: choose 0 or more")
    if limit is not None and limit < 1:
        raise HybridTFError(f"limit {limit} is not valid: choose 1 or more images")
    check_background(background)


def check_background(background: str) -> None:
    """Raises HybridTFError for what is no colour."""
    try:
        check_colour(background)
    except ValueError as error:
        raise HybridTFError(f"background '{background}' is no colour: name one, or give #rrggbb") from error


def check_share(validation: float) -> None:
    """Raises HybridTFError when there is no holding out this fraction of the training images."""
    if not 0 <= validation < _MOST_HELD_OUT:
        raise HybridTFError(f"validation share {validation} is not valid: choose 0 or more and below {_MOST_HELD_OUT}")


def _source(name: str, input_size: tuple[int, int] | None, channels: int | None, data_dir: str | Path | None) -> Source:
    if name == "digits":
        from hybrid_tf.data.digits import load_digits

        return load_digits(input_size, channels)
    from hybrid_tf.data.catalog import in_catalog, load_from_catalog

    if (os.sep in name or "/" in name) and not in_catalog(name):  # TFDS has names like "imagenette/160px"
        raise HybridTFError(
            f"there is no folder {name}: {_near_folder(name)}give the path of a folder with one sub-folder a class; "
            "--dataset names it, of a run too whose images were moved"
        )
    if not in_catalog(name) and (near := _near_folder(name)):
        raise HybridTFError(f"there is no folder {name}, nor a data set of that name: {near}give its path")
    return load_from_catalog(name, dataset_names(), input_size, channels, data_dir)


def _near_folder(name: str) -> str:
    """Returns a question about the folder with the nearest name that is where `name` is not, if there is one."""
    with suppress(OSError, RuntimeError):
        path = Path(name).expanduser()
        folders = [folder.name for folder in path.parent.iterdir() if folder.is_dir()]
        if near := get_close_matches(path.name, folders, n=1):
            return f"did you mean the folder '{path.parent / near[0]}'? "
    return ""


def _enough(limit: int, validation: float, test_too: bool) -> int:
    """Returns how many training images give `limit` of each part that is taken from them."""
    smallest_share = min(validation, 1 - validation) if validation else 1.0
    return math.ceil(limit / smallest_share / (TEST_SHARE if test_too else 1))


def _in_memory_if_small(*parts: InMemory | Streaming | None) -> list[InMemory | Streaming | None]:
    if sum(part.bytes_to_read for part in parts if part) > MEMORY_LIMIT:
        return list(parts)
    return [part and part.in_memory() for part in parts]


def _divided(
    examples: InMemory | Streaming, count: int, seed: int, *, every_class: bool = False
) -> tuple[InMemory | Streaming, InMemory | Streaming]:
    labels = np.zeros(examples.size, np.int32) if examples.labels is None else examples.labels
    first, second = stratified_split(labels, count, seed, every_class=every_class)
    return examples.select(first), examples.select(second)


def _hold_out(
    name: str, train: InMemory | Streaming, validation: float, seed: int
) -> tuple[InMemory | Streaming, InMemory | Streaming | None]:
    count = round(validation * train.size)
    if validation > 0 and not 0 < count < train.size:
        raise HybridTFError(
            f"validation share {validation} of the {train.size} training images of {name} leaves a part empty: "
            f"choose another share, or 0"
        )
    kept, held_out = _divided(train, count, seed)
    return kept, held_out if validation > 0 else None
