"""What the compiler refuses, or would leave in float32: tests of conversion and of lint say the same of it."""

import larq
import numpy as np
import tensorflow as tf

from tests.support.small_networks import BINARY, binary, layers, network, quant_conv

Q = larq.layers
CLIP = "weight_clip"
DEPTHWISE = {"depthwise_quantizer": "ste_sign", "depthwise_constraint": CLIP}
SEPARABLE = {**DEPTHWISE, "pointwise_quantizer": "ste_sign", "pointwise_constraint": CLIP}


def fault(body):
    return lambda: network(body)


def zero_channel():
    model = network(lambda x: binary(x, 8, name="conv"))
    kernel = model.get_layer("conv").get_weights()[0]
    kernel[..., 3] = 0
    model.get_layer("conv").set_weights([kernel])
    return model


def infinite_weight():
    model = network(lambda x: binary(x, 8, name="conv"))
    kernel = model.get_layer("conv").get_weights()[0]
    kernel[0, 0, 0, 3] = np.nan
    model.get_layer("conv").set_weights([kernel])
    return model


def mixed_precision():
    tf.keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        return network(lambda x: binary(x, 8))
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")


class PadsBits(Q.QuantConv2D):
    def call(self, inputs):
        bits = tf.pad(self.input_quantizer(inputs), [[0, 0], [1, 1], [1, 1], [0, 0]], constant_values=1.0)
        return tf.nn.conv2d(bits, self.kernel_quantizer(self.kernel), 2, "VALID")


# How a network is made, and how the conversion's message ends.
STAYS_FLOAT = {
    "dense": (fault(lambda x: Q.QuantDense(8, **BINARY)(layers.Flatten()(x))), "is a QuantDense.*QuantConv2D"),
    "conv 1d": (fault(lambda x: Q.QuantConv1D(8, 3, **BINARY)(layers.Reshape((144, 32))(x))[:, None]), "a QuantConv1D"),
    "depthwise": (
        fault(lambda x: Q.QuantDepthwiseConv2D(3, input_quantizer="ste_sign", **DEPTHWISE)(x)),
        "is a QuantDepthwiseConv2D, and LCE has no binary operator for it",
    ),
    "separable": (fault(lambda x: Q.QuantSeparableConv2D(8, 3, **SEPARABLE)(x)), "is a QuantSeparableConv2D"),
    "transposed": (fault(lambda x: Q.QuantConv2DTranspose(8, 3, **BINARY)(x)), "is a QuantConv2DTranspose"),
    "weights only": (
        fault(lambda x: quant_conv(8, input_quantizer=None)(x)),
        "has binary weights but a full-precision input",
    ),
    "input only": (
        fault(lambda x: quant_conv(8, kernel_quantizer=None)(x)),
        "has a binary input but full-precision weights",
    ),
    "separate quantizer": (
        fault(lambda x: layers.Conv2D(8, 3)(larq.quantizers.SteSign()(x))),
        "is a quantizer apart from a layer",
    ),
    "quantizer as activation": (
        fault(lambda x: layers.Conv2D(8, 3, activation=larq.quantizers.SteSign())(x)),
        "is a quantizer apart from a layer",
    ),
    "heaviside input": (
        fault(lambda x: binary(x, 8, input_quantizer="ste_heaviside")),
        "SteHeaviside, which is not -1",
    ),
    "scaled input": (
        fault(lambda x: binary(x, 8, input_quantizer="magnitude_aware_sign")),
        "MagnitudeAwareSign, which",
    ),
    "8-bit input": (fault(lambda x: binary(x, 8, input_quantizer=larq.quantizers.DoReFa(8))), "DoReFa, which is not"),
    "tf.sign": (fault(lambda x: binary(x, 8, input_quantizer=tf.sign)), "input with sign, which is not -1"),
    "ternary kernel": (fault(lambda x: binary(x, 8, kernel_quantizer="ste_tern")), "SteTern, which does not give one"),
    "heaviside kernel": (fault(lambda x: binary(x, 8, kernel_quantizer="ste_heaviside")), "SteHeaviside, which does"),
    "untouched kernel": (fault(lambda x: binary(x, 8, kernel_quantizer=larq.quantizers.NoOp(1))), "NoOp, which does"),
    "zero weights": (zero_channel, r"'conv' has 1 output channels \(the first is 3\) whose weights MagnitudeAwareSign"),
    "nan": (infinite_weight, "'conv' has weights that are not finite"),
    "padding": (fault(lambda x: binary(x, 8, pad_values=-1.0)), "pads with -1, which LCE computes in float32"),
    "groups": (fault(lambda x: binary(x, 32, groups=2)), "has 16 input channels per group: LCE needs a multiple of 32"),
    "mixed precision": (
        mixed_precision,
        "'stem' computes in float16: build the model with the float32 policy; also at",
    ),
}


def padded(padding, conv):
    return lambda x: conv(layers.ZeroPadding2D(padding)(x))


MISCOMPILED = {
    "3x3": padded(1, layers.Conv2D(8, 3, strides=2, name="strided")),
    "7x7": padded(3, layers.Conv2D(8, 7, strides=2, name="strided")),
    "depthwise": padded(1, layers.DepthwiseConv2D(3, strides=2, name="strided")),
    "grouped": padded(1, layers.Conv2D(8, 3, strides=2, groups=2, name="strided")),
    "binary": PadsBits(8, 3, strides=2, name="strided", **BINARY),
}

# Convolution, what follows it, and the rule it breaks: see test_lint_chain.py.
CHAINS = [
    ("one", "bn relu sign", "relu-behind-batch-norm"),
    ("one", "bn relu float", "relu-behind-batch-norm"),
    ("one", "bn clip sign", "relu-behind-batch-norm"),
    ("valid", "bn relu max sign", "relu-behind-batch-norm"),
    ("bias", "relu bn sign", "relu-with-bias"),
    ("bias", "relu bn float", "relu-with-bias"),
    ("bias", "relu6 float", "relu-with-bias"),
    ("zero", "relu bn sign", "relu-with-zero-padding"),
    ("zero", "relu max bn sign", "relu-with-zero-padding"),
    ("scaled", "relu bn sign", "relu-with-scaled-weights"),
    ("scaled", "relu bn max float", "relu-with-scaled-weights"),
    ("one", "prelu bn sign", "float-activation"),
    ("one", "bn prelu sign", "float-activation"),
    ("one", "bn leaky float", "float-activation"),
    ("one", "max bn sign", "pool-before-batch-norm"),
    ("one", "relu max bn sign", "pool-before-batch-norm"),
    ("one", "max relu bn float", "pool-before-batch-norm"),
    ("valid", "avg bn float", "pool-before-batch-norm"),
    ("zero", "bn sign", "zero-padding"),
    ("zero", "bn max sign", "zero-padding"),
    ("zero", "bn float", "zero-padding"),
    ("one", "bn pad sign", "bits-not-passed"),
    ("one", "bn flat sign", "bits-not-passed"),
    ("one", "bn relu sign", "relu-before-sign"),
]
