"""What LCE's converter, which makes files by `converter="lce"`, would get wrong or leave in float is refused."""

import larq
import pytest

from hybrid_tf.compiler import convert, convert_and_verify
from hybrid_tf.errors import HybridTFError
from tests.support.faulty_networks import MISCOMPILED, STAYS_FLOAT, padded
from tests.support.small_networks import BINARY, binary, layers, network, quant_conv, random_images, randomise


@pytest.mark.parametrize(("make", "message"), STAYS_FLOAT.values(), ids=STAYS_FLOAT)
def test_what_would_stay_float_is_refused(make, message, tmp_path):
    with pytest.raises(HybridTFError, match=message) as caught:
        convert(make(), tmp_path / "model.tflite", converter="lce")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_channels_first_is_refused(tmp_path):
    model = network(lambda x: binary(x, 8, name="conv"))
    model.get_layer("conv").data_format = "channels_first"  # TensorFlow cannot run such a layer on a CPU
    with pytest.raises(HybridTFError, match="'conv' has its channels first"):
        convert(model, tmp_path / "model.tflite", converter="lce")


@pytest.mark.parametrize("body", MISCOMPILED.values(), ids=MISCOMPILED)
def test_padding_that_the_converter_gets_wrong_is_refused(body, tmp_path, monkeypatch):
    with pytest.raises(HybridTFError, match="layer 'strided' is strided and has explicit padding before it"):
        convert(network(body), tmp_path / "model.tflite", converter="lce")
    # The rule is needed: without it, the scores are wrong.
    monkeypatch.setattr("hybrid_tf.compiler.conversion.check_padding", lambda graph: None)
    with pytest.raises(HybridTFError, match="scores differ"):
        convert_and_verify(network(body), tmp_path / "model.tflite", None, random_images(), converter="lce")


HARMLESS = {
    "stride 1": padded(1, layers.Conv2D(8, 3)),
    "as SAME pads": padded(((0, 1), (0, 1)), layers.Conv2D(8, 3, strides=2)),
    "odd input": lambda x: padded(1, layers.Conv2D(8, 3, strides=2))(layers.Conv2D(8, 2)(x)),
    "wide": padded(2, layers.Conv2D(8, 3, strides=2)),
    "before a binary layer": padded(1, quant_conv(8, strides=2)),
}


@pytest.mark.parametrize("body", HARMLESS.values(), ids=HARMLESS)
def test_other_padding_is_left_alone(body, tmp_path):
    made = convert_and_verify(network(body), tmp_path / "model.tflite", None, random_images(), converter="lce")
    assert made[1].passed


def test_all_faulty_layers_are_named(tmp_path):
    def body(x):
        return larq.layers.QuantDense(8, **BINARY, name="first")(
            layers.Flatten()(binary(x, 8, pad_values=-1.0, name="second"))
        )

    with pytest.raises(HybridTFError, match=r"layer 'second' pads with -1.*; also at fault: 'first'"):
        convert(network(body), tmp_path / "model.tflite", converter="lce")


def test_a_larq_layer_without_quantizers_is_full_precision(tmp_path):
    model = randomise(network(lambda x: larq.layers.QuantDense(8)(layers.Flatten()(larq.layers.QuantConv2D(8, 3)(x)))))
    assert convert(model, tmp_path / "model.tflite").binary_layers == 0
