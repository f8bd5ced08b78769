import larq
import numpy as np
import pytest
import tensorflow as tf

from hybrid_tf.compiler import convert_and_verify, lint_model, load_keras_model
from hybrid_tf.models import layers
from hybrid_tf.models.registry import build_model
from hybrid_tf.models.spec import BinarizationConfig
from tests.support.small_networks import random_images, randomise


def test_outputs_are_bounded_by_integers():
    """A binary convolution is exact in float32: sums of +1 and -1."""
    inputs = tf.keras.Input((8, 8, 64))
    model = tf.keras.Model(inputs, layers.binary_conv(inputs, 16, 3, name="conv"))
    conv = tf.keras.Model(inputs, model.get_layer("conv").output)
    y = conv.predict(np.random.default_rng(0).normal(size=(4, 8, 8, 64)).astype(np.float32), verbose=0)
    assert np.array_equal(y, np.round(y))
    assert np.abs(y).max() <= 9 * 64


def test_a_scale_per_filter_changes_nothing_in_front_of_batch_norm():
    """XNOR-Net's alpha in front of a batch norm: the same outputs and the same gradients, so the units leave it out."""
    results = []
    for quantizer in ("ste_sign", "magnitude_aware_sign"):
        tf.keras.utils.set_random_seed(0)
        inputs = tf.keras.Input((8, 8, 32))
        conv = larq.layers.QuantConv2D(
            16,
            3,
            padding="same",
            pad_values=1.0,
            input_quantizer="ste_sign",
            kernel_quantizer=quantizer,
            use_bias=False,
        )
        model = tf.keras.Model(inputs, tf.keras.layers.BatchNormalization(epsilon=1e-12)(conv(inputs)))
        images, target = tf.random.normal((8, 8, 8, 32)), tf.random.normal((8, 8, 8, 16))
        with tf.GradientTape() as tape:
            outputs = model(images, training=True)
            loss = tf.reduce_mean(tf.square(outputs - target))
        results.append((outputs.numpy(), tape.gradient(loss, model.trainable_variables[0]).numpy()))
    (outputs, gradient), (scaled_outputs, scaled_gradient) = results
    np.testing.assert_allclose(outputs, scaled_outputs, atol=1e-4)
    np.testing.assert_allclose(gradient, scaled_gradient, atol=1e-3 * np.abs(gradient).max())


def test_signs_behind_a_pooling_are_balanced():
    """A fresh deep network keeps both signs in front of every binary layer; with only +1 it would not train."""
    tf.keras.utils.set_random_seed(0)
    images = np.random.default_rng(0).normal(size=(32, 32, 32, 3)).astype(np.float32)
    for plan in ("xnor", "residual"):
        model = build_model("vgg11", plan, width=0.25)
        for layer in model.layers:
            if isinstance(layer, tf.keras.layers.BatchNormalization):
                layer.momentum = 0.0
        model(images, training=True)
        binary = [layer for layer in model.layers if layers.is_binary(layer)]
        inputs = tf.keras.Model(model.inputs, [layer.input for layer in binary])(images)
        for layer, x in zip(binary, inputs, strict=True):
            positive = float(tf.reduce_mean(tf.cast(x >= 0, tf.float32)))
            assert 0.25 < positive < 0.75, (plan, layer.name, positive)


@pytest.mark.parametrize(("gradient", "expected"), [("ste", [0, 1, 1, 0]), ("approx", [0, 1, 1.6, 0])])
def test_gradients_of_sign(gradient, expected):
    assert _gradient_of_sign(gradient, [-1.5, -0.5, 0.2, 1.01]) == pytest.approx(expected, abs=1e-6)


def test_the_smooth_gradient_reaches_beyond_one():
    at_zero, inside, outside = _gradient_of_sign("swish", [0.0, 0.3, 1.2])
    assert at_zero == pytest.approx(5.0)  # beta
    assert at_zero > inside
    assert outside < 0


def _gradient_of_sign(gradient, values):
    """d conv(sign(x)) / dx of a binary 1x1 convolution whose weight is +1."""
    inputs = tf.keras.Input((1, 1, 1))
    model = tf.keras.Model(
        inputs, layers.binary_conv(inputs, 1, 1, name="conv", binarization=BinarizationConfig(gradient))
    )
    conv = tf.keras.Model(inputs, model.get_layer("conv").output)
    model.get_layer("conv").kernel.assign([[[[0.5]]]])
    x = tf.reshape(tf.constant(values), (-1, 1, 1, 1))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = conv(x)
    assert set(np.ravel(y)) <= {-1.0, 1.0}
    return np.ravel(tape.gradient(y, x))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "plan", "blocks"),
    [("resnet20", "residual", 18), ("resnet20", "xnor", 9), ("vgg11", "residual", 7), ("vgg11", "xnor", 0)],
)
def test_shifts_cost_two_operators_a_block(name, plan, blocks, tmp_path):
    model = randomise(build_model(name, plan, width=0.25, binarization=BinarizationConfig("swish", shifts=True)))
    if plan == "residual":
        model.save(tmp_path / "model.keras")
        model = load_keras_model(tmp_path / "model.keras")
    path = tmp_path / "model.tflite"
    conversion, verification = convert_and_verify(model, path, None, random_images(16, 32))
    assert verification.passed
    assert verification.max_rel_difference < 1e-5
    assert conversion.binary_layers == conversion.ops["LceBconv2d"]
    assert conversion.ops.get("PRELU", 0) == blocks
    assert conversion.ops.get("ADD", 0) == 2 * blocks
    assert not [found for found in lint_model(model) if found.severity == "error"]


def test_a_prelu_and_one_shift_do_what_the_four_of_reactnet_do():
    rng = np.random.default_rng(0)
    kernels = rng.normal(size=(2, 3, 3, 8, 8))
    slopes, before, after, signs, betas = rng.normal(size=(5, 2, 8)).astype(np.float32) * 0.5
    x = images = rng.normal(size=(4, 6, 6, 8)).astype(np.float32)
    for block in range(2):
        y = tf.nn.conv2d(_padded(x + signs[block]), np.where(kernels[block] < 0, -1.0, 1.0), 1, "VALID") / 9
        y = y + betas[block] + x + before[block]
        x = np.maximum(y, 0) + slopes[block] * np.minimum(y, 0) + after[block]

    inputs = ours = tf.keras.Input((6, 6, 8))
    for name in ("one", "two"):
        ours = layers.add_prelu_shift(layers.binary_conv(ours, 8, 3, name=name), ours, name=name)
    model = tf.keras.Model(inputs, ours)
    following = [signs[1], 0]  # what the next sign adds
    for block, name in enumerate(("one", "two")):
        model.get_layer(name).kernel.assign(kernels[block])
        beta = betas[block] + before[block] - signs[block]
        model.get_layer(f"{name}_bn").set_weights([np.ones(8), beta, np.zeros(8), np.full(8, 81 - 1e-5)])
        model.get_layer(f"{name}_prelu").set_weights([slopes[block].reshape(1, 1, 8)])
        model.get_layer(f"{name}_shift").set_weights([after[block] + following[block]])
    np.testing.assert_allclose(model(images + signs[0]), x, atol=1e-4)


def _padded(x):
    signs = np.where(x < 0, -1.0, 1.0)
    return np.pad(signs, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=1.0)
