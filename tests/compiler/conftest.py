import pytest

from hybrid_tf.compiler import Metadata, convert
from tests.support.small_networks import METADATA, residual_network


@pytest.fixture(scope="session")
def model():
    return residual_network()


@pytest.fixture(scope="session")
def metadata():
    return Metadata(**METADATA)


@pytest.fixture(scope="session")
def path(model, metadata, tmp_path_factory):
    """A converted file that no test may change."""
    path = tmp_path_factory.mktemp("converted") / "model.tflite"
    convert(model, path, metadata)
    return path
