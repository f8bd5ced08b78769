"""The image that an exported program classifies."""

from pathlib import Path

from hybrid_tf.compiler import Metadata
from hybrid_tf.data.images import load_image
from hybrid_tf.deploy.inputs import load_for
from hybrid_tf.errors import HybridTFError
from hybrid_tf.micro.export import ExampleImage


def example_image(metadata: Metadata, path: Path | None = None) -> ExampleImage:
    """Returns an image file in the shape that a network takes, or the first test image of the network's data set.

    Raises:
        HybridTFError: when there is neither, or it cannot be read.
    """
    if path is not None:
        return ExampleImage(
            load_image(path, metadata.input_shape, metadata.background),
            f"{path.name}, in the size that the network takes.",
        )
    if not metadata.dataset:
        raise HybridTFError("the file does not say which data set it was trained on: name a test image with --image")
    data = load_for(metadata.dataset, metadata.input_shape, metadata.background)
    images, labels = data.test.take(1)
    return ExampleImage(images[0], f"The first test image of {data.name}: {data.class_names[int(labels[0])]}.")
