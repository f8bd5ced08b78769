"""What a network is tried on: images of a data set in its shape, and what a file says about itself."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from hybrid_tf.compiler import Metadata, read_metadata
from hybrid_tf.data import Dataset, Examples, Normalisation, load_dataset
from hybrid_tf.data.pixels import WHITE
from hybrid_tf.errors import HybridTFError
from hybrid_tf.system.notices import say


def load_for(dataset: str, shape: tuple[int, int, int], background: str = WHITE) -> Dataset:
    """Returns a data set with its images brought to `shape`: height, width, channels.

    Nothing is trained on it: what cannot be read is left out, and said on standard error.
    """
    found = load_dataset(
        dataset,
        input_size=shape[:2],
        channels=shape[2],
        validation=0.0,
        skip_unreadable=True,
        background=background,
    )
    for note in found.manifest.notes if found.manifest else ():
        say(f"note: {note}")
    return found


def test_images(examples: Examples, normalisation: Normalisation, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the first `samples` images, normalised float32 [n,H,W,C], and their labels, int32 [n]."""
    images, labels = examples.take(samples)
    return normalisation.apply(images), labels


def inputs(model: tf.keras.Model, dataset: str | None, samples: int) -> tuple[np.ndarray, np.ndarray | None, Metadata]:
    """Inputs, labels and metadata for a model that is not one of our runs."""
    shape = tuple(model.input_shape[1:])
    if dataset is None:
        images = np.random.default_rng(0).standard_normal((samples, *shape), np.float32)
        return images, None, Metadata(network=model.name)
    data = load_for(dataset, shape)
    outputs = model.output_shape[-1]
    check_classes(data, outputs)
    images, labels = test_images(data.test, data.normalisation, samples)
    numbers = data.normalisation
    names = (*data.class_names, *(f"class_{number}" for number in range(len(data.class_names), outputs)))
    return images, labels, Metadata(names, numbers.mean, numbers.std, network=model.name, dataset=dataset)


def required_metadata(path: Path) -> Metadata:
    """Returns the metadata of a file. Raises HybridTFError when it does not say which classes it tells apart."""
    metadata = read_metadata(path)
    if not (metadata.class_names and metadata.mean and metadata.std):
        raise HybridTFError(
            f"{path} does not say which classes and normalisation it has: convert it with class names, by "
            "`hybrid-tf convert` from a run or with --dataset, or by "
            "hybrid_tf.convert(model, path, hybrid_tf.Metadata(class_names, mean, std)) in Python"
        )
    return metadata


def check_classes(data: Dataset, outputs: int) -> None:
    """Raises HybridTFError when a data set has more classes than the network has outputs."""
    if len(data.class_names) > outputs:
        raise HybridTFError(f"data set '{data.name}' has {len(data.class_names)} classes, the network only {outputs}")
