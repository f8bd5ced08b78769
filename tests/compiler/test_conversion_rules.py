import larq
import numpy as np
import pytest
import tensorflow as tf

from hybrid_tf.compiler import convert, convert_and_verify
from hybrid_tf.errors import HybridTFError
from tests.support.small_networks import BINARY, binary, layers, network, quant_conv, random_images, randomise

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


@pytest.mark.parametrize(("make", "message"), STAYS_FLOAT.values(), ids=STAYS_FLOAT)
def test_what_would_stay_float_is_refused(make, message, tmp_path):
    with pytest.raises(HybridTFError, match=message) as caught:
        convert(make(), tmp_path / "model.tflite")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_channels_first_is_refused(tmp_path):
    model = network(lambda x: binary(x, 8, name="conv"))
    model.get_layer("conv").data_format = "channels_first"  # TensorFlow cannot run such a layer on a CPU
    with pytest.raises(HybridTFError, match="'conv' has its channels first"):
        convert(model, tmp_path / "model.tflite")


def padded(padding, conv):
    return lambda x: conv(layers.ZeroPadding2D(padding)(x))


MISCOMPILED = {
    "3x3": padded(1, layers.Conv2D(8, 3, strides=2, name="strided")),
    "7x7": padded(3, layers.Conv2D(8, 7, strides=2, name="strided")),
    "depthwise": padded(1, layers.DepthwiseConv2D(3, strides=2, name="strided")),
    "grouped": padded(1, layers.Conv2D(8, 3, strides=2, groups=2, name="strided")),
    "binary": PadsBits(8, 3, strides=2, name="strided", **BINARY),
}


@pytest.mark.parametrize("body", MISCOMPILED.values(), ids=MISCOMPILED)
def test_padding_that_the_converter_gets_wrong_is_refused(body, tmp_path, monkeypatch):
    with pytest.raises(HybridTFError, match="layer 'strided' is strided and has explicit padding before it"):
        convert(network(body), tmp_path / "model.tflite")
    # The rule is needed: without it, the scores are wrong.
    monkeypatch.setattr("hybrid_tf.compiler.conversion.check_padding", lambda graph: None)
    with pytest.raises(HybridTFError, match="scores differ"):
        convert_and_verify(network(body), tmp_path / "model.tflite", None, random_images())


HARMLESS = {
    "stride 1": padded(1, layers.Conv2D(8, 3)),
    "as SAME pads": padded(((0, 1), (0, 1)), layers.Conv2D(8, 3, strides=2)),
    "odd input": lambda x: padded(1, layers.Conv2D(8, 3, strides=2))(layers.Conv2D(8, 2)(x)),
    "wide": padded(2, layers.Conv2D(8, 3, strides=2)),
    "before a binary layer": padded(1, quant_conv(8, strides=2)),
}


@pytest.mark.parametrize("body", HARMLESS.values(), ids=HARMLESS)
def test_other_padding_is_left_alone(body, tmp_path):
    assert convert_and_verify(network(body), tmp_path / "model.tflite", None, random_images())[1].passed


def test_all_faulty_layers_are_named(tmp_path):
    def body(x):
        return Q.QuantDense(8, **BINARY, name="first")(layers.Flatten()(binary(x, 8, pad_values=-1.0, name="second")))

    with pytest.raises(HybridTFError, match=r"layer 'second' pads with -1.*; also at fault: 'first'"):
        convert(network(body), tmp_path / "model.tflite")


def test_a_larq_layer_without_quantizers_is_full_precision(tmp_path):
    model = randomise(network(lambda x: Q.QuantDense(8)(layers.Flatten()(Q.QuantConv2D(8, 3)(x)))))
    assert convert(model, tmp_path / "model.tflite").binary_layers == 0
