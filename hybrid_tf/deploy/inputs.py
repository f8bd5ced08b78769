"""What a network is tried on: images of a data set in its shape, and what a file says about itself."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tensorflow as tf

from hybrid_tf.compiler import Metadata, read_metadata
from hybrid_tf.compiler.tracing import image_shape
from hybrid_tf.data import Dataset, Examples, Normalisation, load_dataset
from hybrid_tf.data.pixels import WHITE
from hybrid_tf.deploy.normalisation import Scores, known_normalisation, scores_function, tried_normalisation
from hybrid_tf.deploy.told import Told
from hybrid_tf.errors import HybridTFError
from hybrid_tf.system.notices import say

_NO_IMAGES = "no images: name some with --dataset"


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


@dataclass(frozen=True)
class ModelInputs:
    """What a model from elsewhere is compared on, and what its file says about it.

    Attributes:
        images: inputs, float32 [N, H, W, C].
        labels: class numbers of the images [N]; None for noise.
        metadata: class names, normalisation and scores, where they are known.
        data: data set that the images are of, with the model's normalisation; None for noise.
        text: text that says what the inputs are.
    """

    images: np.ndarray
    labels: np.ndarray | None
    metadata: Metadata
    data: Dataset | None
    text: str


def model_inputs(model: tf.keras.Model, dataset: str | None, samples: int, told: Told) -> ModelInputs:
    """Returns what a model that is not one of our runs is compared on, and what is known of it.

    Args:
        model: Keras model from images [N, H, W, C] to scores [N, classes].
        dataset: name or path of a data set; None for noise.
        samples: number of inputs, of a data set at most all test images.
        told: what the user says of the model. The normalisation that is neither told nor shown by the model's layers is
            found by trying, and only with a data set.

    Raises:
        HybridTFError: when the data set cannot be read, what was told does not fit, or trying does not show it.
    """
    shape = image_shape(model)
    normalisation = known_normalisation(model, told.normalisation_for(shape[2]))
    network = Network(shape, model.output_shape[-1], model.name, scores_function(model))
    return network_inputs(network, normalisation, dataset, samples, told)


@dataclass(frozen=True)
class Network:
    """A classifier from anywhere: shape of an image, number of scores, name, and what runs it on inputs."""

    shape: tuple[int, int, int]
    outputs: int
    name: str
    run: Scores


def network_inputs(
    network: Network, normalisation: Normalisation | None, dataset: str | None, samples: int, told: Told
) -> ModelInputs:
    """As `model_inputs`, for a network that need not be one of Keras, with the normalisation that is known of it."""
    metadata = Metadata(told.class_names, network=network.name, scores=told.scores)
    if dataset is None:
        images, text = noise(network.shape, samples, normalisation)
        return ModelInputs(images, None, _with(metadata, normalisation), None, text)
    data, outputs = load_for(dataset, network.shape), network.outputs
    if told.class_names:
        if len(told.class_names) != outputs:
            raise HybridTFError(f"--classes names {len(told.class_names)} classes, but the model has {outputs} scores")
        data = data.for_classes(told.class_names)
    check_classes(data, outputs)
    normalisation = normalisation or tried_normalisation(network.run, data, samples)
    data = replace(data, normalisation=normalisation)
    images, labels = test_images(data.test, normalisation, samples)
    names = (*data.class_names, *(f"class_{number}" for number in range(len(data.class_names), outputs)))
    metadata = replace(_with(metadata, normalisation), class_names=names, dataset=dataset)
    return ModelInputs(images, labels, metadata, data, f"test images of {dataset}")


def noise(shape: tuple[int, ...], samples: int, normalisation: Normalisation | None) -> tuple[np.ndarray, str]:
    """Returns inputs of noise, float32 [samples, *shape], and what they are: of pixels where these are known."""
    random = np.random.default_rng(0)
    if normalisation is None:
        return random.standard_normal((samples, *shape), np.float32), f"inputs of normal noise, {_NO_IMAGES}"
    pixels = random.integers(0, 256, (samples, *shape), np.uint8)
    return normalisation.apply(pixels), f"inputs of random pixels, {_NO_IMAGES}"


def _with(metadata: Metadata, normalisation: Normalisation | None) -> Metadata:
    if normalisation is None:
        return metadata
    return replace(metadata, mean=normalisation.mean, std=normalisation.std)


def required_metadata(path: Path) -> Metadata:
    """Returns the metadata of a file. Raises HybridTFError when it does not say which classes it tells apart."""
    metadata = read_metadata(path)
    if not (metadata.class_names and metadata.mean and metadata.std):
        raise HybridTFError(
            f"{path} does not say which classes and normalisation it has: convert it with class names, by "
            "`hybrid-tf convert` from a run or with --dataset, with --mean, --std and --classes, or by "
            "hybrid_tf.convert(model, path, hybrid_tf.Metadata(class_names, mean, std)) in Python"
        )
    return metadata


def check_classes(data: Dataset, outputs: int) -> None:
    """Raises HybridTFError when a data set has more classes than the network has outputs."""
    if len(data.class_names) > outputs:
        raise HybridTFError(f"data set '{data.name}' has {len(data.class_names)} classes, the network only {outputs}")
