"""Models for the tests of analyses: random weights, because zero biases and fresh batch norms are simplified away."""

import larq
import tensorflow as tf

from tests.support.small_networks import randomise

layers = tf.keras.layers


def binary_conv(filters, kernel=3, **options):
    settings = {"padding": "same", "pad_values": 1.0, "use_bias": False, "kernel_constraint": "weight_clip"} | options
    return larq.layers.QuantConv2D(filters, kernel, input_quantizer="ste_sign", kernel_quantizer="ste_sign", **settings)


def small_network(binary=True):
    """The network of the hand-computed tests, or its full-precision twin."""
    image = layers.Input((8, 8, 3), name="image")
    x = layers.Conv2D(8, 3, padding="same", use_bias=False, name="stem")(image)
    x = layers.BatchNormalization(name="stem_bn")(x)
    if binary:
        x = binary_conv(16, name="stage1_conv1")(x)
    else:
        x = layers.Conv2D(16, 3, padding="same", use_bias=False, name="stage1_conv1")(layers.ReLU()(x))
    x = layers.BatchNormalization(name="stage1_conv1_bn")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return randomise(tf.keras.Model(image, layers.Dense(5, name="classifier")(x), name="small"))
