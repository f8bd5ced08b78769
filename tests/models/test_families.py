"""A network family is one file with one table row: the program, its tests and its docs find it without another edit."""

import json
import os
import shutil
import subprocess
import sys
from functools import partial
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


def copy_package(folder):
    """Makes a copy of the package that has the family; returns the folder of the families."""
    leave_out = shutil.ignore_patterns("__pycache__", "*.h5", "*.tflite", "sources")
    shutil.copytree(REPOSITORY / "hybrid_tf", folder / "hybrid_tf", ignore=leave_out)
    families = folder / "hybrid_tf" / "models" / "families"
    (families / "toy.py").write_text(FAMILY)
    return families


def run_in(folder, *arguments):
    """Runs a module with the package in `folder`."""
    command = [sys.executable, "-m", *map(str, arguments)]
    path = os.pathsep.join(map(str, (folder, REPOSITORY, REPOSITORY / "runtime")))
    environment = os.environ | {"PYTHONPATH": path}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Runs a module in a copy of the package that has the family, and of the tests."""
    folder = tmp_path_factory.mktemp("with_toy")
    copy_package(folder)
    shutil.copytree(REPOSITORY / "tests", folder / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    return partial(run_in, folder)


@pytest.mark.slow
def test_the_commands_know_it(run):
    networks = json.loads(run("hybrid_tf", "models", "--json"))["networks"]
    (row,) = [row for row in networks if row["name"] == "toynet"]
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


@pytest.mark.slow
def test_the_docs_know_it(tmp_path):
    """The page of networks has the rows of the families there are, in the copy the toy one alone."""
    families = copy_package(tmp_path)
    for name in ("resnet.py", "vgg.py"):
        (families / name).unlink()
    shutil.copytree(REPOSITORY / "benchmarks" / "pages", tmp_path / "benchmarks" / "pages")
    shutil.copy(REPOSITORY / "benchmarks" / "__init__.py", tmp_path / "benchmarks")
    page = tmp_path / "docs" / "networks.md"
    page.parent.mkdir()
    shutil.copy(REPOSITORY / "docs" / "networks.md", page)
    run_in(tmp_path, "benchmarks.pages.networks")
    (row,) = [line for line in page.read_text().splitlines() if line.startswith("| `")]
    weights = 9 * 3 * 32 + 32 * 10 + 9 * 32 * 32
    assert row.startswith(f"| `toynet` | `1` | `pooled` | 32x32 | {weights:,} | ")
