"""Each converter is run on a run folder; that their files are right is tested where the conversion is."""

import json
import runpy
from pathlib import Path

import pytest
from click.testing import CliRunner

from hybrid_tf.config import Config
from hybrid_tf.training.session import train

CONVERTERS = Path(__file__).parents[2] / "converters"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("runs") / "smoke"
    train(Config(network="resnet20", width=0.125, smoke=True), folder)
    return folder


@pytest.fixture
def converter():
    """Returns a function that runs a converter: exit code, and what it printed."""

    def call(name, *arguments):
        command = runpy.run_path(str(CONVERTERS / f"{name}.py"))["command"]
        done = CliRunner().invoke(command, [str(argument) for argument in arguments])
        return done.exit_code, done.stdout

    return call


@pytest.mark.parametrize("name", [path.stem for path in CONVERTERS.glob("*.py")])
def test_help_shows_the_command(name, converter):
    code, text = converter(name, "--help")
    assert code == 0
    assert f"\n    python converters/{name}.py runs/" in text


def test_to_tflite(run, converter):
    code, text = converter("to_tflite", run, "--samples", 16, "--json")
    found = json.loads(text)
    assert (code, found["verification"]["images"]) == (0, 16)
    assert found["verification"]["int8_tensors"] == 0
    assert (run / "model.tflite").stat().st_size == found["conversion"]["bytes"]
    assert converter("to_tflite", run, "--io", "int8")[0] == 2  # that is to_int8's


def test_to_int8(run, converter):
    code, text = converter("to_int8", run, "--calibration", 32, "--samples", 16, "--json")
    found = json.loads(text)
    assert code == 0
    assert found["verification"]["int8_tensors"] > 0
    assert (run / "model.int8.tflite").stat().st_size == found["conversion"]["bytes"]


@pytest.mark.compiled
def test_to_micro(run, converter, tmp_path):
    code, text = converter("to_micro", run, "-o", tmp_path / "network", "--json")
    found = json.loads(text)
    assert code == 0
    assert found["model_bytes"] == (run / "model.int8.tflite").stat().st_size
    assert "QUANTIZE" in found["operators"]
    assert (tmp_path / "network" / "main.cpp").exists()
