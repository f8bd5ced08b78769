"""A network family is one file with one table row: the program and its tests find it without another edit."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
FAMILY = '''"""A toy family: a full-precision and a binary convolution."""

import tensorflow as tf

from hybrid_tf.models.layers import classifier, full_precision_conv, stage_layers
from hybrid_tf.models.network import Network
from hybrid_tf.models.spec import NetworkSpec


def _build(spec: NetworkSpec) -> tf.keras.Model:
    make, channels = stage_layers(spec, "1"), spec.channels(32)
    inputs = tf.keras.Input(spec.input_shape, name="image")
    x = make.activate(full_precision_conv(inputs, channels, 3, 2, name="stem"))
    y = make.conv(x, channels, 3, name="stage1_conv1")
    if make.convs_per_shortcut == 1:
        y = make.add(y, make.shortcut(x, channels, name="stage1_conv1_shortcut"), name="stage1_conv1")
    x = tf.keras.layers.GlobalAveragePooling2D(name="pool")(make.activate(y))
    return tf.keras.Model(inputs, classifier(x, spec.classes), name="toynet")


NETWORKS = [Network("toynet", _build, lambda head: {"stage1_conv1": "1"}, ("pooled",), 32)]
'''


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Runs a module in a copy of the package that has the family."""
    folder = tmp_path_factory.mktemp("with_toy")
    leave_out = shutil.ignore_patterns("__pycache__", "*.h5", "*.tflite", "sources")
    shutil.copytree(REPOSITORY / "hybrid_tf", folder / "hybrid_tf", ignore=leave_out)
    (folder / "hybrid_tf" / "models" / "families" / "toy.py").write_text(FAMILY)
    shutil.copytree(REPOSITORY / "tests", folder / "tests", ignore=leave_out)
    path = os.pathsep.join(map(str, (folder, REPOSITORY, REPOSITORY / "runtime")))

    def run(*arguments):
        command = [sys.executable, "-m", *map(str, arguments)]
        environment = os.environ | {"PYTHONPATH": path}
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.slow
def test_the_commands_know_it(run):
    (row,) = [row for row in json.loads(run("hybrid_tf", "models", "--json")) if row["name"] == "toynet"]
    assert row == {"name": "toynet", "stages": ["1"], "heads": ["pooled"], "input_size": 32}
    summary = json.loads(run("hybrid_tf", "summary", "toynet", "--plan", "residual", "--json"))
    assert summary["weights"] == {
        "full_precision": 9 * 3 * 32 + 32 * 10,
        "binary": 9 * 32 * 32,
        "bytes": 4 * (9 * 3 * 32 + 32 * 10) + 9 * 32 * 32 // 8,
        "full_precision_twin": 9 * 3 * 32 + 32 * 10 + 9 * 32 * 32,
    }
    result = json.loads(run("hybrid_tf", "train", "--network", "toynet", "--smoke", "--out", "run", "--json"))
    assert result["network"] == "toynet"
    assert result["epochs"] == 2
    converted = json.loads(run("hybrid_tf", "convert", "run", "--json"))
    assert converted["conversion"]["binary_layers"] == 1
    assert converted["verification"]["passed"]
    assert json.loads(run("hybrid_tf", "lint", "run", "--json")) == []


@pytest.mark.slow
def test_the_tests_know_it(run):
    found = run("pytest", "--collect-only", "-p", "no:cacheprovider", "tests/models")
    assert "lint_has_nothing_to_say[toynet residual]" in found
