"""Every registered network under every plan: what the file computes is what Keras computes."""

import numpy as np
import pytest
from small_networks import random_images, randomise

from hybrid_tf.converters import Interpreter, convert, verify
from hybrid_tf.flatbuffer import parse_tflite
from hybrid_tf.layers import is_binary
from hybrid_tf.models import build_model, network_names

PLANS = ("full_precision", "xnor", "residual", "residual+sections=2,3")
IMAGES = 80
AT_LEAST = 64


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("name", network_names())
def test_the_file_computes_what_keras_does(name, plan, tmp_path):
    model = randomise(build_model(name, plan, width=0.25, classes=10))
    path = tmp_path / "model.tflite"
    conversion = convert(model, path)
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

    images = random_images(IMAGES, 32)
    keras, scores = model.predict(images, verbose=0), Interpreter(path).predict(images)
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


def test_a_hybrid_vgg19_is_a_twentieth_of_the_full_precision_file(tmp_path):
    sizes = {}
    for plan in ("full_precision", "residual"):
        sizes[plan] = convert(build_model("vgg19", plan, classes=100), tmp_path / f"{plan}.tflite").bytes
    assert sizes["full_precision"] / sizes["residual"] >= 21.4
