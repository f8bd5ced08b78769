"""The faster quantizers and the faster convolution compute what Larq's do."""

import larq
import numpy as np
import pytest
import tensorflow as tf

from hybrid_tf.models.quantizers import ApproxSign, QuantConv2D, SteSign


@pytest.mark.parametrize(
    ("ours", "theirs"), [(SteSign(), larq.quantizers.SteSign()), (ApproxSign(), larq.quantizers.ApproxSign())]
)
def test_signs_and_gradients_are_those_of_larq(ours, theirs):
    x = tf.concat([tf.random.normal((10000,), seed=1), [-1.0, 1.0, 0.0, -0.0, 1e-40, -1e-40, 1.0000001, -1.0000001]], 0)
    dy = tf.random.normal(x.shape, seed=2)
    found = []
    for quantizer in (ours, theirs):
        with tf.GradientTape() as tape:
            tape.watch(x)
            signs = quantizer(x)
        found.append((signs.numpy(), tape.gradient(signs, x, output_gradients=dy).numpy()))
    (signs, gradient), (their_signs, their_gradient) = found
    assert np.array_equal(signs, their_signs)
    assert np.array_equal(gradient, their_gradient)


def both_ways(shape, kernel, **options):
    """Outputs, gradients and operators of a binary layer that is used, False, and trained, True."""
    signs = {"input_quantizer": SteSign(), "kernel_quantizer": SteSign(), "kernel_constraint": "weight_clip"}
    layer = QuantConv2D(40, kernel, use_bias=False, **signs, **options)
    images = tf.random.normal((5, *shape), seed=3)
    dy = tf.random.normal(layer(images).shape, seed=4)
    layer.kernel.assign(tf.random.uniform(layer.kernel.shape, -1, 1, seed=5))
    found = {}
    for training in (False, True):
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = layer(images, training=training)
        gradients = tape.gradient(outputs, [images, layer.kernel], output_gradients=dy)
        graph = (
            tf.function(lambda x, training=training: layer(x, training=training)).get_concrete_function(images).graph
        )
        found[training] = outputs.numpy(), gradients, {op.type for op in graph.get_operations()}
    assert np.array_equal(found[False][0], found[True][0])
    for one, other in zip(found[False][1], found[True][1], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    return found


@pytest.mark.parametrize("shape", [(1, 1, 96), (3, 2, 32)])
def test_a_binary_dense_layer_is_a_convolution_and_a_product(shape):
    found = both_ways(shape, shape[:2])
    assert found[False][0].shape == (5, 1, 1, 40)
    assert "Conv2D" in found[False][2] and "Conv2D" not in found[True][2]
    assert "MatMul" in found[True][2]


@pytest.mark.parametrize(("kernel", "strides"), [(3, 1), (3, 2), ((2, 5), (1, 2))])
@pytest.mark.parametrize("size", [(7, 7), (6, 9)])
def test_padding_with_ones_is_trained_without(size, kernel, strides):
    found = both_ways((*size, 32), kernel, strides=strides, padding="same", pad_values=1.0)
    assert "PadV2" in found[False][2] and "PadV2" not in found[True][2]
