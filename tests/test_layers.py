import larq
import numpy as np
import tensorflow as tf

from hybrid_tf import layers
from hybrid_tf.models import build_model


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
