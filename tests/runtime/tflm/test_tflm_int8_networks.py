"""Networks in int8 in real TensorFlow Lite Micro, operator by operator, on what LCE computed before each.

Scores are not compared: TFLM's own int8 convolution rounds some values to the next step, and signs carry that on.
"""

import numpy as np
import pytest
from larq_compute_engine.tflite.python.interpreter import Interpreter

from hybrid_tf.compiler import Metadata, calibrate_int8, convert
from hybrid_tf.models.registry import build_model
from tests.support.separated import separated
from tests.support.small_networks import randomise

pytestmark = [pytest.mark.slow, pytest.mark.compiled]

IMAGES = 4
TOLERANCE = 1e-5  # of the largest number


@pytest.mark.parametrize("plan", ["residual", "xnor"])
def test_operators_compute_what_lce_does(plan, tflm, tmp_path):
    model = randomise(build_model("resnet20", plan, input_shape=(28, 28, 1), classes=10, width=0.5))
    rng, path = np.random.default_rng(2), tmp_path / "model.tflite"
    ranges = calibrate_int8(model, rng.normal(size=(32, 28, 28, 1)).astype(np.float32))
    convert(model, path, Metadata(int8=ranges))
    parts = separated(path.read_bytes())
    images = rng.normal(size=(IMAGES, 1, 28, 28, 1)).astype(np.float32)
    lce = Interpreter(parts.whole, use_reference_bconv=True).interpreter
    right = [np.stack(values) for values in zip(*(lce.predict([image]) for image in images), strict=True)]
    path.write_bytes(parts.content)
    outputs = tflm.run(path, [images if source < 0 else right[source] for source in parts.sources])
    kinds = set()
    for name, got, expected in zip(parts.operators, outputs, right, strict=True):
        assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
        kinds.add((name, got.dtype.name))
        if name.startswith("Lce"):
            assert np.array_equal(got, expected), name
        elif got.dtype == np.int8:
            assert np.abs(got.astype(int) - expected).max() <= 1, name
        else:
            assert np.abs(got - expected).max() <= TOLERANCE * np.abs(expected).max(), name
    assert {("LceBconv2d", "int8"), ("LceQuantize", "int32")} <= kinds
    assert (("LceBconv2d", "int32") in kinds) == (plan == "xnor")
