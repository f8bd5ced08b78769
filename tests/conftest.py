import sys

import pytest

from hybrid_tf.cli import main  # chooses legacy Keras, so before anything that uses Keras
from tests.support.shared import made_once


@pytest.fixture
def hybrid_tf(monkeypatch, capfd):
    """Returns a function that runs a command: exit code, standard output, standard error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["hybrid-tf", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        return stopped.value.code or 0, *capfd.readouterr()

    return run


@pytest.fixture(scope="session")
def tflm_library(tmp_path_factory):
    """Our kernels for TensorFlow Lite Micro, compiled for this machine."""
    from hybrid_tf.micro.kernels import build_host_library

    def build(folder):
        build_host_library(folder / "kernels.so")

    return made_once(tmp_path_factory, "tflm", build) / "kernels.so"


@pytest.fixture(scope="session")
def tflm(tflm_library):
    """Real TensorFlow Lite Micro with our kernels."""
    from hybrid_tf.micro.tflm import TFLM

    return TFLM(tflm_library)
