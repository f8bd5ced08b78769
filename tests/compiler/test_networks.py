"""Registered networks under the plans: the file computes what Keras computes, with LCE and with our runtime."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from hybrid_tf.compiler import Conversion, Interpreter, convert, verify
from hybrid_tf.deploy.conversion import file_size
from hybrid_tf.models.layers import is_binary
from hybrid_tf.models.registry import build_model
from hybrid_tf.tflite.flatbuffer import parse_tflite
from hybrid_tf_runtime import Interpreter as Runtime
from hybrid_tf_runtime import delegate_path
from tests.support import network_scores
from tests.support.extent import networks_and_plans
from tests.support.shared import made_once
from tests.support.small_networks import PLANS, random_images, randomise

pytestmark = [pytest.mark.slow, pytest.mark.sweep]

IMAGES = 80
AT_LEAST = 64
TFLITE_RUNTIME = ("tflite_runtime==2.14.0", "numpy<2")


@dataclass(frozen=True)
class Converted:
    """A network, its file, and the scores that LCE computes with it.

    Attributes:
        folder: holds the file and its images only.
    """

    plan: str
    model: tf.keras.Model
    conversion: Conversion
    folder: Path
    path: Path
    images: np.ndarray
    scores: np.ndarray


@pytest.fixture(scope="module", params=networks_and_plans(PLANS))
def converted(request, tmp_path_factory):
    """Each network in turn."""
    name, plan = request.param
    folder = tmp_path_factory.mktemp("network")
    path, images = folder / "model.tflite", random_images(IMAGES, 32)
    np.save(folder / "images.npy", images)
    model = randomise(build_model(name, plan, width=0.25, classes=10))
    conversion = convert(model, path)
    return Converted(plan, model, conversion, folder, path, images, Interpreter(path).predict(images))


@pytest.fixture(scope="module")
def tflite_runtime(tmp_path_factory):
    """Python with tflite_runtime."""

    def make(folder):
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        install = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", *TFLITE_RUNTIME]
        if subprocess.run(install, capture_output=True).returncode:
            pytest.skip(f"needs: pip install {' '.join(TFLITE_RUNTIME)} (it exists for Python up to 3.11)")

    return made_once(tmp_path_factory, "tflite_runtime", make) / "bin" / "python"


def test_the_file_computes_what_keras_does(converted):
    model, path, conversion, plan = converted.model, converted.path, converted.conversion, converted.plan
    binary = sum(is_binary(layer) for layer in model.layers)
    assert conversion.binary_layers == conversion.ops.get("LceBconv2d", 0) == binary
    assert (binary == 0) == (plan == "full_precision")
    assert not {"SIGN", "SELECT", "SELECT_V2", "LceDequantize"} & set(conversion.ops)

    # No convolution but the ones of full-precision layers: kernels in float are exactly theirs.
    file = parse_tflite(path.read_bytes(), path)
    convs = [file.tensors[op.inputs[1]] for op in file.operators if op.name == "CONV_2D"]
    expected = [layer for layer in model.layers if type(layer).__name__ == "Conv2D"]
    assert sorted(int(np.prod(conv.shape)) for conv in convs) == sorted(
        layer.kernel.shape.num_elements() for layer in expected
    )
    assert {conv.type for conv in convs} <= {"FLOAT32"}

    images, scores = converted.images, converted.scores
    keras = model.predict(images, verbose=0)
    difference = np.abs(scores - keras).max(axis=1) / np.abs(keras).max()
    equal = difference < 1e-4
    # Where an input of a binary layer is zero but for rounding, either sign is right; a verification proves that no
    # other image differs.
    verification = verify(model, path, images)
    assert verification.passed, verification.failure
    assert verification.max_rel_difference < 1e-5
    assert np.sum(~equal) <= verification.images_with_other_signs
    assert np.sum(equal) >= AT_LEAST
    assert np.array_equal(scores[equal].argmax(axis=1), keras[equal].argmax(axis=1))
    if plan == "full_precision":
        assert np.all(equal)


@pytest.mark.parametrize("module", ["ai_edge_litert", pytest.param("tflite_runtime", marks=pytest.mark.network)])
def test_the_runtime_computes_what_lce_does(module, converted, request, tmp_path):
    """With its delegate in stock interpreters, each in a process of its own."""
    python = request.getfixturevalue("tflite_runtime") if module == "tflite_runtime" else sys.executable
    command = [python, network_scores.__file__, converted.folder, tmp_path / "scores.npz", delegate_path()]
    done = subprocess.run([*map(str, command), f"{module}.interpreter"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    results = np.load(tmp_path / "scores.npz")
    assert len(results.files) == 2  # with and without fusion
    right = converted.scores
    for name in results.files:
        # Where the input of a binary layer is zero but for rounding, either sign would be right. That does not happen
        # here: the runtime rounds as LCE does, and where it runs full-precision layers itself, as XNNPACK does.
        assert np.abs(results[name] - right).max() <= 1e-4 * np.abs(right).max(), name
        assert np.array_equal(results[name].argmax(axis=1), right.argmax(axis=1)), name
    if module == "ai_edge_litert":
        standalone = Runtime(converted.path, engine="standalone").predict(converted.images)
        litert = results[f"{converted.path.stem} fusion=1"]
        # XNNPACK, which alone runs a network without binary layers, adds up in another order.
        most = 1e-5 * np.abs(litert).max() if converted.plan == "full_precision" else 0
        np.testing.assert_allclose(standalone, litert, rtol=0, atol=most)
    # Scores that hardly depended on the image would prove nothing; those of deep float networks depend on it little.
    assert converted.plan == "full_precision" or right.std(axis=0).mean() > 1e-3 * np.abs(right).max()


def test_a_hybrid_vgg19_is_a_twentieth_of_the_full_precision_file(tmp_path):
    sizes = {}
    for plan in ("full_precision", "residual"):
        sizes[plan] = convert(build_model("vgg19", plan, classes=100), tmp_path / f"{plan}.tflite").bytes
    assert sizes["full_precision"] / sizes["residual"] >= 21.4
    int8 = file_size(build_model("vgg19", "residual", classes=100), int8=True)
    assert sizes["full_precision"] / int8 >= 27.5
