"""Our own converter: TensorFlow's, and the passes behind it."""

from collections import Counter
from dataclasses import replace

import larq
import numpy as np
import pytest
import tensorflow as tf

from hybrid_tf.compiler import (
    Interpreter,
    Metadata,
    calibrate_int8,
    convert,
    convert_and_verify,
    read_metadata,
    verify,
)
from hybrid_tf.errors import HybridTFError
from hybrid_tf.graphs.file_graph import file_graph
from hybrid_tf.tflite.build_entry import packed_build, unpacked_build
from hybrid_tf.tflite.flatbuffer import parse_tflite
from hybrid_tf_runtime import Interpreter as Runtime
from tests.compiler.test_conversion import Subclassed
from tests.support.random_models import SelectedSign
from tests.support.small_networks import (
    PADDED,
    binary,
    layers,
    network,
    quant_conv,
    random_images,
    randomise,
    residual_network,
)

SIGNS = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "use_bias": False}


def own(model, path, images=None, **options):
    """Returns the conversion and the verification; the file is in `path`, and our runtime computes what LCE does."""
    images = random_images() if images is None else images
    conversion, verification = convert_and_verify(model, path, options.pop("metadata", None), images)
    assert verification.max_rel_difference < 1e-5
    lce = Interpreter(path).predict(images)
    np.testing.assert_allclose(Runtime(path).predict(images), lce, rtol=0, atol=1e-5 * np.abs(lce).max())
    return conversion, verification


def test_a_subclassed_model(tmp_path):
    model = Subclassed()
    model(random_images(1))
    assert own(randomise(model), tmp_path / "own.tflite")[0].binary_layers == 2
    assert verify(model, tmp_path / "own.tflite", random_images()).passed  # the file says itself whose it is


def test_every_layer_keeps_its_name(tmp_path):
    path = tmp_path / "own.tflite"
    convert(residual_network(), path)
    graph = file_graph(parse_tflite(path.read_bytes(), path))
    assert {row.name for row in graph.layers()} == {"stem", "block", "packed", "strided", "dense", "classifier"}
    assert any(row.name.startswith("add") for row in graph.operations)  # its name is in the metadata alone


def test_names_and_points_in_the_metadata():
    tensors = [("stem", "stem_bn"), ("", ""), ("größe", "größe"), ("", "image"), ("a", "b")] * 5
    assert unpacked_build(packed_build("{}", tensors)) == ("{}", tensors)
    for content in (b"x", packed_build("{}", tensors)[:-1], packed_build("x" * (1 << 23), [])):
        with pytest.raises(HybridTFError, match="what it was made by"):
            unpacked_build(content)


def tutorial():
    """The network of Larq's MNIST tutorial."""
    return randomise(
        tf.keras.Sequential(
            [
                layers.Input((28, 28, 1)),
                larq.layers.QuantConv2D(32, 3, kernel_quantizer="ste_sign", use_bias=False),
                layers.MaxPooling2D(2),
                layers.BatchNormalization(scale=False),
                larq.layers.QuantConv2D(64, 3, **SIGNS),
                layers.MaxPooling2D(2),
                layers.BatchNormalization(scale=False),
                larq.layers.QuantConv2D(64, 3, **SIGNS),
                layers.BatchNormalization(scale=False),
                layers.Flatten(),
                larq.layers.QuantDense(64, **SIGNS),
                layers.BatchNormalization(scale=False),
                larq.layers.QuantDense(10, **SIGNS),
                layers.BatchNormalization(scale=False),
                layers.Activation("softmax"),
            ]
        )
    )


def test_dense_layers_take_one_bit_a_weight(tmp_path, capfd):
    model = tutorial()
    images = np.random.default_rng(0).normal(size=(16, 28, 28, 1)).astype(np.float32)
    conversion, _ = own(model, tmp_path / "own.tflite", images)
    ops = {"LceBconv2d": 4, "LceBMaxPool2d": 2, "CONV_2D": 1, "LceQuantize": 1, "RESHAPE": 1, "SOFTMAX": 1}
    assert conversion.ops == ops
    assert conversion.bytes < 20_000  # LCE's converter, which refuses nothing when it is called directly: 165,972
    [name] = conversion.float_layers
    assert f"warning: layer '{name}' stays in full precision (1,152 bytes, 7% of the MACs): " in capfd.readouterr().err
    assert read_metadata(tmp_path / "own.tflite").float_layers == (name,)
    with pytest.raises(HybridTFError, match=r"(?s)weights but a full-precision input.*also at fault: .*quant_dense"):
        convert(model, tmp_path / "lce.tflite", converter="lce")


def padded(size, stride, fill=0.0, kernel=3, width=1):
    def body(x):
        x = layers.Lambda(lambda x: tf.where(x >= 0, 1.0, -1.0))(x)
        border = ((0, 0), (width, width), (width, width), (0, 0))
        x = layers.Lambda(lambda x: tf.pad(x, border, constant_values=fill))(x)
        return layers.BatchNormalization()(
            larq.layers.QuantConv2D(8, kernel, stride, kernel_quantizer="ste_sign", use_bias=False)(x)
        )

    return network(body, size=size)


# How a map is padded in front of a convolution, and whether that can be binary. LCE's converter takes the strided ones
# for SAME.
@pytest.mark.parametrize(
    ("size", "stride", "fill", "kernel", "width", "is_binary"),
    [
        (12, 1, 0.0, 3, 1, True),
        (12, 1, 1.0, 3, 1, True),
        (12, 2, 0.0, 3, 1, False),  # SAME pads 0 in front and 1 behind
        (12, 2, 1.0, 3, 1, True),
        (11, 2, 0.0, 3, 1, True),
        (12, 2, -1.0, 3, 1, True),
        (12, 1, -1.0, 3, 1, True),
        (12, 2, 0.0, 7, 3, False),
        (12, 1, 1.0, 3, 2, True),
        (12, 1, 0.5, 3, 1, False),
    ],
)
def test_padding_is_that_of_the_model(size, stride, fill, kernel, width, is_binary, tmp_path):
    model = padded(size, stride, fill, kernel, width)
    images = random_images(size=size)
    path = tmp_path / "own.tflite"
    conversion, _ = convert_and_verify(model, path, None, images)
    assert conversion.ops.get("LceBconv2d", 0) == is_binary
    assert ("CONV_2D" in conversion.ops) and conversion.ops["CONV_2D"] == 2 - is_binary
    scores = model.predict(images, verbose=0)
    np.testing.assert_allclose(Interpreter(path).predict(images), scores, rtol=0, atol=1e-4 * np.abs(scores).max())


def test_a_strided_float_convolution_behind_padding(tmp_path):
    def body(x):
        return layers.Conv2D(8, 3, strides=2)(layers.ZeroPadding2D(1)(x))

    model = network(body)
    with pytest.raises(HybridTFError, match="which the converter gets wrong"):
        convert(model, tmp_path / "lce.tflite", converter="lce")
    own(model, tmp_path / "own.tflite")


def test_a_relu_behind_a_max_pool_is_kept(tmp_path):
    model = network(lambda x: binary(layers.ReLU()(layers.MaxPool2D()(binary(x, 32))), 8))
    with pytest.raises(HybridTFError, match="loses that ReLU"):
        convert(model, tmp_path / "lce.tflite", converter="lce")
    conversion, _ = own(model, tmp_path / "own.tflite")
    assert "LceBMaxPool2d" not in conversion.ops
    assert any("an activation in front of a sign only costs" in note.text for note in conversion.notes)


def behind_pool(pool, gamma, relu=False):
    """A batch norm behind a pooling, with scales of a sign."""

    def body(x):
        x = pool(quant_conv(32, **PADDED)(x))
        x = layers.BatchNormalization(name="norm")(x)
        return binary(layers.ReLU()(x) if relu else x, 8)

    model = network(body)
    weights = model.get_layer("norm").gamma
    weights.assign(np.abs(weights) * gamma)
    return model


@pytest.mark.parametrize(
    ("pool", "gamma", "ops"),
    [
        (layers.MaxPool2D(2), 1, {"LceBMaxPool2d": 1}),
        (layers.MaxPool2D(2), [-1, 1] * 16, {"MAX_POOL_2D": 1, "MUL": 1, "ADD": 1}),
        (layers.MaxPool2D(2), [0, 1] * 16, {"LceBMaxPool2d": 1}),
        (layers.AveragePooling2D(3, 2, padding="same"), [-1, 1] * 16, {"AVERAGE_POOL_2D": 1}),
    ],
    ids=["maximum", "maximum, negative", "maximum, zero", "average"],
)
def test_batch_norm_behind_a_pooling(pool, gamma, ops, tmp_path):
    conversion, _ = own(behind_pool(pool, gamma), tmp_path / "own.tflite")
    kinds = ("LceBMaxPool2d", "MAX_POOL_2D", "AVERAGE_POOL_2D", "MUL", "ADD")
    assert {kind: count for kind, count in conversion.ops.items() if kind in kinds} == ops
    assert any("by a negative number" in note.text for note in conversion.notes) == ("MUL" in ops)


def test_a_relu_behind_a_folded_batch_norm_stays(tmp_path):
    conversion, _ = own(behind_pool(layers.AveragePooling2D(2), 1, relu=True), tmp_path / "own.tflite")
    assert "MUL" not in conversion.ops


def test_activations_of_binary_convolutions(tmp_path):
    def body(x):
        x = layers.ReLU()(binary(x, 32))  # behind batch norm: an operator of its own
        x = layers.BatchNormalization()(quant_conv(32, activation="relu", **PADDED)(layers.Add()([x, x])))  # fused
        x = layers.ReLU(6.0)(binary(layers.Add()([x, x]), 32))
        return layers.BatchNormalization()(quant_conv(32, activation="relu", **{**PADDED, "pad_values": 0.0})(x))

    conversion, _ = own(network(body), tmp_path / "own.tflite")
    assert conversion.binary_layers == 4
    file = parse_tflite((tmp_path / "own.tflite").read_bytes(), "own")
    activations = Counter(op.options()["fused_activation_function"] for op in file.operators if op.name == "LceBconv2d")
    assert activations == {0: 3, 1: 1}


def test_what_cannot_be_binary_stays_float_and_is_named(tmp_path, capfd):
    def body(x):
        signs = {"input_quantizer": "ste_sign", "depthwise_quantizer": "ste_sign"}
        x = larq.layers.QuantDepthwiseConv2D(3, name="deep", **signs)(x)
        x = larq.layers.QuantConv2D(33, 1, **{**SIGNS, "kernel_quantizer": "ste_tern"}, name="ternary")(x)
        x = larq.layers.QuantConv2D(48, 1, **SIGNS, groups=3, name="groups_of_11")(x)
        x = larq.layers.QuantConv2D(48, 1, input_quantizer="ste_sign", name="input_only")(x)
        return binary(x, 8, name="binary")

    model, images = network(body, channels=33), random_images()
    with pytest.raises(HybridTFError, match=r"own.tflite was not written: layer 'deep' stays in full precision"):
        convert_and_verify(model, tmp_path / "own.tflite", None, images, strict=True)
    assert not list(tmp_path.iterdir())
    capfd.readouterr()
    conversion, _ = convert_and_verify(model, tmp_path / "own.tflite", None, images)
    assert conversion.binary_layers == 1
    written = capfd.readouterr().err
    for name in conversion.float_layers:
        assert f"layer '{name}' stays in full precision" in written
    assert "layer 'deep' stays in full precision (1,188 bytes, 3% of the MACs): its signs are read as" in written
    assert conversion.float_layers == ("deep", "ternary", "groups_of_11", "input_only")


def test_signs_of_other_frameworks(tmp_path):
    conversion, _ = own(
        network(lambda x: larq.layers.QuantConv2D(32, 1, kernel_quantizer="ste_sign")(SelectedSign()(x))),
        tmp_path / "own.tflite",
    )
    assert conversion.ops["LceBconv2d"] == 1
    zero = network(lambda x: larq.layers.QuantConv2D(32, 1, kernel_quantizer="ste_sign")(layers.Lambda(tf.sign)(x)))
    conversion = convert(zero, tmp_path / "zero.tflite")
    assert "LceBconv2d" not in conversion.ops
    assert any("its sign is 0 at zero" in note.text for note in conversion.notes)


def test_int8_is_that_of_lces_converter(tmp_path):
    def body(x):
        x = layers.Add()([x, binary(x, 32)])
        x = layers.MaxPool2D()(binary(x, 40))
        return layers.ReLU()(binary(x, 24, strides=2))

    model = network(body)
    metadata = Metadata(int8=calibrate_int8(model, random_images(32)))
    images, scores, ops = random_images(), {}, {}
    for converter in ("lce", "own"):
        path = tmp_path / converter
        conversion, verification = convert_and_verify(model, path, metadata, images, converter=converter)
        scores[converter], ops[converter] = Interpreter(path).predict(images), conversion.ops
        assert verification.most_lsb <= 1
    np.testing.assert_array_equal(scores["own"], scores["lce"])
    np.testing.assert_array_equal(Runtime(tmp_path / "own").predict(images), scores["own"])
    assert (tmp_path / "own").stat().st_size < (tmp_path / "lce").stat().st_size
    assert ops["own"] == ops["lce"]


def test_int8_with_zero_padding(tmp_path, capfd):
    model = network(lambda x: binary(x, 8, pad_values=0.0))
    metadata = Metadata(int8=calibrate_int8(model, random_images(32)))
    conversion, _ = own(model, tmp_path / "own.tflite", metadata=metadata)
    assert any("it pads with zeros, so that it writes float32" in note.text for note in conversion.notes)
    assert "warning: 1 values inside stay float32" in capfd.readouterr().err


def test_zeros_around_a_map_that_is_smaller_than_the_filter(tmp_path):
    """Of LCE's kernels the reference alone is right there, so it is the one that verifies."""
    model = network(lambda x: binary(layers.GlobalAveragePooling2D(keepdims=True)(x), 8, pad_values=0.0))
    own(model, tmp_path / "own.tflite")


def test_what_no_device_needs_is_compressed(tmp_path):
    model = network(lambda x: binary(x, 8))
    int8 = calibrate_int8(model, random_images(32))
    path = tmp_path / "own.tflite"
    conversion = convert(model, path, Metadata(tuple("abcde"), int8=int8, weights="ab"), converter="own")
    file = parse_tflite(path.read_bytes(), path)
    found = Metadata.of(file)
    assert found.int8.ranges.keys() == int8.ranges.keys()
    for point, (low, high) in int8.ranges.items():  # those of the file, where zero is a whole number
        assert found.int8.ranges[point] == pytest.approx((low, high), abs=0.51 * (high - low) / 255)
    assert replace(found, int8=int8) == conversion.metadata
    assert sum(map(len, file.metadata.values())) < len(conversion.metadata.to_json()) / 1.5
    assert Metadata.from_json(file.metadata["hybrid_tf"]).class_names == tuple("abcde")
    assert Metadata.of(replace(file, metadata={})) is None
    for facts in ("", "[1]", '{"int8":{}}', '{"int8":1}'):
        entries = {"hybrid_tf": b"{}", "hybrid_tf_build": packed_build(facts, [])}
        with pytest.raises(HybridTFError, match="cannot be read"):
            Metadata.of(replace(file, tensors=(), metadata=entries))


def test_an_unknown_converter(tmp_path):
    with pytest.raises(HybridTFError, match="unknown converter 'own2': did you mean 'own'"):
        convert(network(lambda x: binary(x, 8)), tmp_path / "m.tflite", converter="own2")


def test_the_command(hybrid_tf, tmp_path):
    network(lambda x: binary(x, 8)).save(tmp_path / "model.keras")
    code, output, error = hybrid_tf("convert", tmp_path / "model.keras", "--json", "--samples", 4)
    assert code == 0, error
    assert '"float_layers": []' in output
