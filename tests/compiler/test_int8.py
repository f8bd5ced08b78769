"""int8 in the full-precision sections: each operator computes what Keras does, and is refused where LCE fails."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

from hybrid_tf.compiler import (
    Interpreter,
    Metadata,
    calibrate_int8,
    convert,
    convert_and_verify,
    read_metadata,
    verify,
)
from hybrid_tf.compiler.int8.calibration import LEAST_IMAGES
from hybrid_tf.compiler.int8.file import float_tensors
from hybrid_tf.compiler.int8.plan import plan_int8
from hybrid_tf.compiler.lce import larq_compute_engine
from hybrid_tf.compiler.rewrite import _rewrite
from hybrid_tf.errors import HybridTFError
from hybrid_tf.models.layers import Shift
from hybrid_tf.tflite.flatbuffer import parse_tflite
from tests.support.small_networks import binary, layers, network, quant_conv, random_images, randomise, residual_network

CALIBRATION = random_images(64, seed=2)


def rounded(model, *except_layers):
    return Metadata(int8=calibrate_int8(model, CALIBRATION, except_layers=except_layers))


def converted(model, path, *except_layers, **options):
    """Converts, verifies and parses."""
    _, verification = convert_and_verify(model, path, rounded(model, *except_layers), random_images(), **options)
    assert verification.passed
    assert verification.int8_tensors == len(read_metadata(path).int8.ranges)
    return parse_tflite(path.read_bytes(), path)


def types_of(file, operator):
    return {file.tensors[tensor].type for tensor in (*operator.inputs, *operator.outputs) if tensor >= 0}


@pytest.fixture(scope="module")
def int8_path(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("int8") / "model.tflite"
    converted(model, path)
    return path


def test_every_operator_is_int8_or_binary(int8_path):
    file = parse_tflite(int8_path.read_bytes(), int8_path)
    assert float_tensors(file) == []
    wanted = {
        "QUANTIZE": {"FLOAT32", "INT8"},
        "CONV_2D": {"INT8", "INT32"},  # biases are int32
        "ADD": {"INT8"},
        "LceQuantize": {"INT8", "INT32"},
        "LceBMaxPool2d": {"INT32"},
        "RESHAPE": {"INT8", "INT32"},
        "DEQUANTIZE": {"INT8", "FLOAT32"},
    }
    for operator in file.operators:
        if operator.name == "LceBconv2d":
            # Bits or int8 come out, with multiplier and bias in float32 or thresholds in int32.
            written = file.tensors[operator.outputs[0]].type
            parameters = [file.tensors[tensor].type for tensor in operator.inputs[2:] if tensor >= 0]
            assert (written, parameters) in (("INT32", ["INT32"]), ("INT8", ["FLOAT32", "FLOAT32"]))
        else:
            assert types_of(file, operator) == wanted[operator.name], operator.name
    assert file.op_counts()["LceBconv2d"] == 4


def test_kernels_are_those_behind_batch_norm_rounded_by_channel(model, int8_path):
    file = parse_tflite(int8_path.read_bytes(), int8_path)
    stem = next(op for op in file.operators if op.name == "CONV_2D")
    norm = model.get_layer("stem_bn")
    gamma, beta, mean, variance = (value.astype(np.float64) for value in norm.get_weights())
    multiplier = gamma / np.sqrt(variance + norm.epsilon)
    kernel = np.moveaxis(model.get_layer("stem").get_weights()[0] * multiplier, -1, 0)
    scales = np.abs(kernel).max(axis=(1, 2, 3)) / 127
    assert np.allclose(file.tensors[stem.inputs[1]].scales, scales, rtol=1e-5)
    stored = file.constant(stem.inputs[1], np.dtype("i1"))
    assert np.abs(stored - kernel / scales[:, None, None, None]).max() < 0.5001
    bias_scales = np.float64(file.tensors[stem.inputs[0]].scales) * scales  # which the file leaves out
    bias = file.constant(stem.inputs[2], np.dtype("<i4")) * bias_scales
    assert np.allclose(bias, beta - mean * multiplier, atol=1e-3)


def block(x, filters=16, **options):
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False, **options)(x)
    return layers.ReLU()(layers.BatchNormalization()(x))


def everything():
    """Kinds of layers that our networks do not have, or not in this order."""

    def body(x):
        x = layers.BatchNormalization()(layers.ReLU()(x))  # nothing in front that it could be folded into
        x = layers.Concatenate()([x, binary(x, 24)])
        x = layers.BatchNormalization()(layers.DepthwiseConv2D(3, padding="same", activation="relu")(x))
        x = layers.MaxPool2D()(layers.Conv2D(32, 1, activation="relu")(x))
        x = Shift()(layers.PReLU(shared_axes=(1, 2))(layers.Add()([x, binary(x, 32)])))
        x = layers.ReLU()(layers.AveragePooling2D()(x))
        x = layers.BatchNormalization()(layers.DepthwiseConv2D(3, use_bias=False)(x))
        x = layers.GlobalMaxPooling2D()(layers.ZeroPadding2D()(x))
        x = layers.Dropout(0.5)(layers.Dense(24, activation="relu")(x))
        return layers.BatchNormalization()(layers.Dense(16)(x))

    return network(body)


def shared_and_nested():
    conv = layers.Conv2D(32, 3, padding="same", activation="relu", name="shared")
    image = layers.Input((12, 12, 32))
    inner = tf.keras.Model(image, layers.Add()([block(image, 32), image]), name="inner")
    return network(lambda x: inner(layers.Add()([conv(conv(x)), inner(x)])))


class Subclassed(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.stem = layers.Conv2D(32, 3, padding="same")
        self.binary = quant_conv(32, padding="same", pad_values=1.0)
        self.norm = layers.BatchNormalization()
        self.add = layers.Add()
        self.pool = layers.GlobalAveragePooling2D()
        self.classifier = layers.Dense(5, activation="softmax")

    def call(self, images, training=False):
        x = self.stem(images)
        x = self.add([x, self.norm(self.binary(x), training=training)])
        return self.classifier(self.pool(x))


def subclassed():
    model = Subclassed()
    model(random_images(1))
    return randomise(model)


@pytest.mark.slow
@pytest.mark.parametrize("make", [everything, shared_and_nested, subclassed])
def test_any_model_becomes_int8(make, tmp_path):
    file = converted(make(), tmp_path / "model.tflite")
    assert float_tensors(file) == []
    assert file.op_counts()["QUANTIZE"] == file.op_counts()["DEQUANTIZE"] == 1


@pytest.mark.slow
def test_input_and_output_can_be_int8(model, int8_path, tmp_path):
    path = tmp_path / "model.tflite"
    file = converted(model, path, io="int8")
    assert [file.tensors[tensor].type for tensor in (*file.inputs, *file.outputs)] == ["INT8", "INT8"]
    assert not {"QUANTIZE", "DEQUANTIZE"} & set(file.op_counts())
    assert np.array_equal(Interpreter(path).predict(random_images()), Interpreter(int8_path).predict(random_images()))


@pytest.mark.slow
def test_layers_can_stay_float32(model, tmp_path):
    file = converted(model, tmp_path / "model.tflite", "stem", "classifier")
    kernels = [file.tensors[op.inputs[1]].type for op in file.operators if op.name in ("CONV_2D", "FULLY_CONNECTED")]
    assert kernels == ["FLOAT32", "FLOAT32"]
    assert [file.tensors[op.outputs[0]].type for op in file.operators if op.name == "ADD"] == ["FLOAT32"]
    assert read_metadata(tmp_path / "model.tflite").int8.except_layers == ("stem", "classifier")


def test_an_unknown_layer_is_refused(model):
    with pytest.raises(HybridTFError, match="unknown layer for --int8-except 'stemm': did you mean 'stem'"):
        plan_int8(model, ["stemm"])


def broken(content, change):
    """The file with one number changed."""

    def edit(parsed):
        graph = parsed.subgraphs[0]
        change(parsed, graph)

    return _rewrite(content, edit)


def another_weight(parsed, graph):
    conv = next(
        op
        for op in graph.operators
        if len(op.inputs) == 3 and graph.tensors[op.inputs[2]].type == schema.TensorType.INT32
    )
    data = parsed.buffers[graph.tensors[conv.inputs[1]].buffer].data.copy()
    data[:9] ^= 0x40
    parsed.buffers[graph.tensors[conv.inputs[1]].buffer].data = data


def another_bias(parsed, graph):
    conv = next(
        op
        for op in graph.operators
        if len(op.inputs) == 3 and graph.tensors[op.inputs[2]].type == schema.TensorType.INT32
    )
    data = parsed.buffers[graph.tensors[conv.inputs[2]].buffer].data.view("<i4") + 500
    parsed.buffers[graph.tensors[conv.inputs[2]].buffer].data = data.view(np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("change", [another_weight, another_bias])
def test_a_file_with_other_numbers_fails(change, model, int8_path):
    result = verify(model, broken(int8_path.read_bytes(), change), random_images())
    assert not result.passed
    assert "LSB from that of Keras on the same inputs" in result.failure


def test_a_file_of_other_ranges_is_refused(model, int8_path, tmp_path):
    """Files of our own have the ranges of their tensors; in LCE's the metadata could say others."""
    other = network(lambda x: layers.ReLU()(x))
    with pytest.raises(HybridTFError, match="rounds other values to int8 than model"):
        verify(other, int8_path, random_images())
    path = tmp_path / "lce.tflite"
    convert(model, path, rounded(model), converter="lce")
    metadata, content = read_metadata(path), path.read_bytes()
    wrong = {point: (2 * low, 2 * high) for point, (low, high) in metadata.int8.ranges.items()}

    def change(parsed, graph):
        text = replace(metadata, int8=replace(metadata.int8, ranges=wrong)).to_json().encode()
        entry = next(entry for entry in parsed.metadata if entry.name in (b"hybrid_tf", "hybrid_tf"))
        parsed.buffers[entry.buffer].data = np.frombuffer(text, np.uint8)

    with pytest.raises(HybridTFError, match="the output of layer 'image' is not in the file as int8"):
        verify(model, broken(content, change), random_images())


def test_tiny_and_dead_channels(tmp_path):
    model = network(lambda x: block(x, name="conv"))
    kernel, *rest = model.get_layer("conv").get_weights()
    kernel[..., 0], kernel[..., 1] = 0, kernel[..., 1] * 1e-9
    model.get_layer("conv").set_weights([kernel, *rest])
    converted(model, tmp_path / "model.tflite")


def zero_padding():
    return network(lambda x: layers.Add()([x, binary(x, 32, name="padded", pad_values=0.0)]))


@pytest.mark.slow
def test_zero_padding_is_refused_because_lce_fails_on_it(tmp_path, monkeypatch):
    model = zero_padding()
    with pytest.raises(HybridTFError, match=r"layer 'padded' pads with zeros.*pad_values=1.0.*--int8-except padded"):
        convert(model, tmp_path / "model.tflite", rounded(model), converter="lce")
    assert not list(tmp_path.iterdir())
    converted(model, tmp_path / "model.tflite", "padded", converter="lce")  # as the message says

    monkeypatch.setattr("hybrid_tf.compiler.conversion.check_int8_padding", lambda plan: None)
    convert(model, tmp_path / "failing.tflite", rounded(model), converter="lce")
    content = (tmp_path / "failing.tflite").read_bytes()
    with pytest.raises(RuntimeError):
        larq_compute_engine().testing.Interpreter(content).predict(random_images(1))


IMAGES = random_images(LEAST_IMAGES)
NOT_FINITE = IMAGES.copy()
NOT_FINITE[3, 2, 1, 0] = np.nan


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES[:1], None, "needs at least 16 images, got 1"),
        (IMAGES, np.full(16, 7), "got 16 images of one class, 7"),
        (IMAGES, np.arange(15), "16 images need labels of shape"),
        (random_images(16, 10), None, r"takes float32 images of shape \(N, 12, 12, 3\), got \(16, 10, 10, 3\)"),
        (NOT_FINITE, None, "numbers that are not finite"),
        (np.repeat(IMAGES[:1], 16, axis=0), None, "got 16 times the same image"),
        (np.ones_like(IMAGES) * np.arange(16, dtype=np.float32)[:, None, None, None], None, "without contrast"),
        (IMAGES.astype(np.uint8), None, "got uint8"),
    ],
)
def test_images_that_cannot_calibrate_are_refused(images, labels, message, model):
    with pytest.raises(HybridTFError, match=message):
        calibrate_int8(model, images, labels)


def test_a_model_that_has_diverged_cannot_be_calibrated():
    model = residual_network()
    kernel, bias = model.get_layer("classifier").get_weights()
    model.get_layer("classifier").set_weights([kernel, bias * np.inf])
    with pytest.raises(HybridTFError, match="its weights have diverged"):
        calibrate_int8(model, IMAGES)


def test_int8_input_needs_an_int8_file(model, tmp_path):
    with pytest.raises(HybridTFError, match="add --int8"):
        convert(model, tmp_path / "model.tflite", io="int8")
