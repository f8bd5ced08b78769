import pytest
from small_networks import residual_network

from hybrid_tf.converters import Metadata, convert


@pytest.fixture(scope="session")
def model():
    return residual_network()


@pytest.fixture(scope="session")
def metadata():
    return Metadata(
        class_names=("aéroplane", "bird", "cat", "deer", "dog"),
        mean=(125.3, 122.95, 113.87),
        std=(62.99, 62.09, 66.7),
        input_shape=(12, 12, 3),
        network="vgg11",
        plan="residual",
        dataset="cifar10",
    )


@pytest.fixture(scope="session")
def path(model, metadata, tmp_path_factory):
    """A converted file that no test may change."""
    path = tmp_path_factory.mktemp("converted") / "model.tflite"
    convert(model, path, metadata)
    return path
