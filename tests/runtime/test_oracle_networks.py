"""Every registered network under every plan: the scores that LCE computes, in whichever stock interpreter."""

import subprocess
import sys
from itertools import product

import network_scores
import numpy as np
import pytest
from larq_compute_engine.tflite.python.interpreter import Interpreter
from small_networks import random_images, randomise

from hybrid_tf.converters import convert
from hybrid_tf.models import build_model, network_names
from hybrid_tf_runtime import delegate_path

PLANS = ("full_precision", "xnor", "residual", "residual+sections=2,3")
IMAGES = 40
TOLERANCE = 1e-4  # of the largest score
TFLITE_RUNTIME = ("tflite_runtime==2.14.0", "numpy<2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Each network as a file, and images to run it on."""
    folder = tmp_path_factory.mktemp("networks")
    np.save(folder / "images.npy", random_images(IMAGES, 32))
    for name, plan in product(network_names(), PLANS):
        convert(randomise(build_model(name, plan, width=0.25, classes=10)), folder / f"{name} {plan}.tflite")
    return folder


@pytest.fixture(scope="module")
def expected(folder):
    """The scores that LCE computes, by file."""
    images = np.load(folder / "images.npy")
    return {
        path.stem: Interpreter(path.read_bytes(), use_indirect_bgemm=True).predict(images)
        for path in folder.glob("*.tflite")
    }


@pytest.fixture(scope="module")
def tflite_runtime(tmp_path_factory):
    """Python with tflite_runtime."""
    folder = tmp_path_factory.mktemp("tflite_runtime")
    python = folder / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install = [python, "-m", "pip", "install", "--quiet", *TFLITE_RUNTIME]
    done = subprocess.run(install, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"needs: pip install {' '.join(TFLITE_RUNTIME)} (it exists for Python up to 3.11)")
    return python


def compare(expected, python, folder, output, module):
    command = [python, network_scores.__file__, folder, output, delegate_path(), module]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    results = np.load(output)
    assert len(results.files) == 2 * len(network_names()) * len(PLANS)
    for name in results.files:
        scores, right = results[name], expected[name.partition(" fusion")[0]]
        # Where the input of a binary layer is zero but for rounding, either sign would be right. That did not happen
        # here: the runtime rounds as LCE does, and where it runs full-precision layers itself, as XNNPACK does.
        assert np.abs(scores - right).max() <= TOLERANCE * np.abs(right).max(), name
        assert np.array_equal(scores.argmax(axis=1), right.argmax(axis=1)), name


def test_in_litert(expected, folder, tmp_path):
    compare(expected, sys.executable, folder, tmp_path / "scores.npz", "ai_edge_litert.interpreter")


def test_in_tflite_runtime(expected, folder, tflite_runtime, tmp_path):
    compare(expected, tflite_runtime, folder, tmp_path / "scores.npz", "tflite_runtime.interpreter")


def test_scores_depend_on_the_images(expected):
    hybrid = {name: scores for name, scores in expected.items() if "full_precision" not in name}
    spread = {name: scores.std(axis=0).mean() / np.abs(scores).max() for name, scores in hybrid.items()}
    assert min(spread.values()) > 10 * TOLERANCE, min(spread.items(), key=lambda item: item[1])
