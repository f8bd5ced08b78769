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
