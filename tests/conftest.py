import sys

import pytest

from hybrid_tf.cli import main  # chooses legacy Keras, so before anything that uses Keras


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
def tflm(tmp_path_factory):
    """Real TensorFlow Lite Micro with our kernels."""
    from hybrid_tf.micro.kernels import build_host_library
    from hybrid_tf.micro.tflm import TFLM

    library = tmp_path_factory.mktemp("tflm") / "kernels.so"
    build_host_library(library)
    return TFLM(library)
