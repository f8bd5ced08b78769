from dataclasses import replace

import flatbuffers
import larq
import numpy as np
import pytest
import tensorflow as tf

from hybrid_tf.compiler import Interpreter, conversion, convert, convert_and_verify, verify
from hybrid_tf.compiler.binary_layers import packed_kernel
from hybrid_tf.compiler.lce import convert_function
from hybrid_tf.compiler.rewrite import schema
from hybrid_tf.compiler.tracing import trace_model
from hybrid_tf.errors import HybridTFError
from hybrid_tf.graphs.file_graph import file_graph
from hybrid_tf.graphs.memory import peak_memory
from hybrid_tf.tflite.flatbuffer import parse_tflite
from hybrid_tf_runtime import Interpreter as Runtime
from tests.support.small_networks import (
    BINARY,
    PADDED,
    SIZE,
    binary,
    layers,
    network,
    quant_conv,
    random_images,
    randomise,
)


def used_twice(x):
    shared = quant_conv(32, **PADDED)
    # Packed bits leave the first use, floats the second.
    return layers.BatchNormalization()(shared(layers.BatchNormalization()(shared(x))))


def nested(x):
    image = layers.Input(x.shape[1:])
    return tf.keras.Model(image, binary(tf.keras.Sequential([quant_conv(16, **PADDED)])(image), 8), name="inner")(x)


# How the layers of a network are made, and how many binary convolutions its file has.
BODIES = {
    "nested": (nested, 2),
    "used twice": (used_twice, 2),
    "groups": (lambda x: binary(binary(x, 64), 64, groups=2), 2),
    "dilation": (lambda x: binary(x, 8, dilation_rate=2), 1),
    "odd channels": (lambda x: binary(binary(binary(x, 33), 1, 1), 7), 3),
    "5x5, stride 2": (lambda x: binary(x, 8, 5, strides=2), 1),
    "3x1, stride (1, 2)": (lambda x: binary(x, 8, (3, 1), strides=(1, 2)), 1),
    "zero padding": (lambda x: binary(x, 8, pad_values=0.0), 1),
    "pooling of bits": (lambda x: binary(layers.MaxPool2D(3, 2)(binary(x, 8)), 8), 2),
    "bias and activation": (lambda x: binary(binary(x, 32, use_bias=True, activation="relu"), 8), 2),
    "ste_sign": (lambda x: binary(binary(x, 32, kernel_quantizer="ste_sign"), 8, kernel_quantizer="ste_sign"), 2),
    "approx_sign": (lambda x: binary(x, 8, kernel_quantizer="approx_sign", input_quantizer="approx_sign"), 1),
    "swish_sign": (lambda x: binary(x, 8, kernel_quantizer="swish_sign", input_quantizer="swish_sign"), 1),
    "no binary layer": (lambda x: layers.ReLU()(layers.Conv2D(8, 3)(x)), 0),
    "two convolutions of one input": (lambda x: layers.Add()([binary(x, 8), binary(x, 8, 1)]), 2),
}


@pytest.mark.parametrize(("body", "binary_layers"), BODIES.values(), ids=BODIES)
def test_binary_layers_are_binary_in_the_file_and_compute_the_same(body, binary_layers, tmp_path):
    path, images = tmp_path / "model.tflite", random_images()
    conversion, verification = convert_and_verify(network(body), path, None, images)
    assert verification.passed
    assert verification.max_rel_difference < 1e-5
    assert conversion.ops.get("LceBconv2d", 0) == conversion.binary_layers == binary_layers
    assert conversion.float_layers == ()
    lce = Interpreter(path).predict(images)
    np.testing.assert_allclose(Runtime(path).predict(images), lce, rtol=0, atol=1e-5 * np.abs(lce).max())


def test_residual_network(model, path):
    content = path.read_bytes()
    file = parse_tflite(content, path)
    assert file.op_counts() == {
        "LceBconv2d": 4,
        "LceQuantize": 2,
        "CONV_2D": 1,
        "ADD": 1,
        "LceBMaxPool2d": 1,
        "FULLY_CONNECTED": 1,
    }
    assert file.tensors[file.inputs[0]].shape == (1, SIZE, SIZE, 3)
    assert file.tensors[file.outputs[0]].shape == (1, 5)
    assert verify(model, path, random_images()).passed


def test_conversion_says_what_was_written(model, tmp_path):
    result = convert(model, tmp_path / "new" / "model.tflite")
    assert result.bytes == result.path.stat().st_size
    assert result.binary_layers == 4
    assert result.to_dict()["path"] == str(tmp_path / "new" / "model.tflite")


def test_filters_are_negated_where_a_negative_multiplier_is_packed(model, path):
    file = parse_tflite(path.read_bytes(), path)
    stored = [file.constant(op.inputs[1], np.int32) for op in file.operators if op.name == "LceBconv2d"]
    kernel, negated = packed_kernel(model.get_layer("packed"))
    found = next(filter_ for filter_ in stored if filter_.shape == kernel.shape)
    rows = np.arange(len(kernel))
    is_same = np.array([np.array_equal(found[row], kernel[row]) for row in rows])
    is_negated = np.array([np.array_equal(found[row], negated[row]) for row in rows])
    assert np.all(is_same ^ is_negated)
    assert is_same.any()
    assert is_negated.any()


class Subclassed(tf.keras.Model):
    def __init__(self):
        super().__init__(name="subclassed")
        self.stem = layers.Conv2D(32, 3)
        self.convs = [larq.layers.QuantConv2D(32, 3, **BINARY, **PADDED) for _ in range(2)]
        self.norms = [layers.BatchNormalization() for _ in range(2)]
        self.classifier = layers.Dense(3)

    def call(self, images, training=None):
        x = self.stem(images)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = x + norm(conv(x), training=training)
        return self.classifier(tf.reduce_mean(x, (1, 2)))


def test_subclassed_model(tmp_path):
    model = Subclassed()
    with pytest.raises(HybridTFError, match="'subclassed' is not built: call it once"):
        convert(model, tmp_path / "model.tflite")
    model(random_images(1))
    conversion, verification = convert_and_verify(randomise(model), tmp_path / "m.tflite", None, random_images())
    assert conversion.binary_layers == 2
    assert verification.passed


@pytest.mark.slow
def test_a_trained_model_converts_quietly_and_stays_as_it_was(model, tmp_path, capfd):
    trained = tf.keras.models.clone_model(model)
    trained.compile("adam", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True), ["accuracy"])
    trained.fit(random_images(8), np.zeros(8), verbose=0)
    before = trained.predict(random_images(4), verbose=0)
    capfd.readouterr()
    convert_and_verify(trained, tmp_path / "model.tflite", None, random_images())
    assert capfd.readouterr() == ("", "")
    np.testing.assert_array_equal(trained.predict(random_images(4), verbose=0), before)
    trained.fit(random_images(8), np.zeros(8), verbose=0)


def test_metadata_for_other_images_is_refused(model, metadata, tmp_path):
    with pytest.raises(HybridTFError, match=r"images of \(32, 32, 3\), but the model takes \(12, 12, 3\)"):
        convert(model, tmp_path / "model.tflite", replace(metadata, input_shape=(32, 32, 3)))


def two_outputs():
    image = layers.Input((SIZE, SIZE, 3))
    return tf.keras.Model(image, [layers.Dense(2)(layers.Flatten()(image)), layers.Flatten()(image)])


def two_inputs():
    images = [layers.Input((SIZE, SIZE, 3)) for _ in range(2)]
    return tf.keras.Model(images, layers.Dense(2)(layers.Flatten()(layers.Add()(images))))


def sequential(*stack, **options):
    return tf.keras.Sequential([layers.Input((SIZE, SIZE, 3), **options), *stack])


class Faulty(tf.keras.Model):
    def call(self, images):
        raise RuntimeError("there is no network")


def faulty():
    model = Faulty()
    model._set_save_spec(tf.TensorSpec((None, SIZE, SIZE, 3)))
    return model


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (two_outputs, r"gives float32 \(1, 2\), float32 \(1, 432\): only one float32 output"),
        (two_inputs, "only one input of images"),
        (lambda: sequential(layers.Conv2D(2, 3)), r"gives float32 \(1, 10, 10, 2\)"),
        (lambda: sequential(layers.Flatten(), layers.Dense(2), batch_size=8), "fixed batch of 8"),
        (lambda: tf.keras.Sequential([layers.Input((None, None, 3)), layers.GlobalAveragePooling2D()]), "fixed size"),
        (faulty, "cannot be run on one image: RuntimeError: there is no network"),
        (
            lambda: sequential(layers.Lambda(lambda x: tf.raw_ops.Qr(input=x)[0]), layers.Flatten(), layers.Dense(2)),
            "no TensorFlow Lite operator for Qr",
        ),
        (
            lambda: sequential(layers.Lambda(lambda x: tf.map_fn(tf.sin, x)), layers.Flatten(), layers.Dense(2)),
            "has 3 subgraphs, so loops or branches",
        ),
    ],
)
def test_models_that_are_no_image_classifiers_are_refused(make, message, tmp_path):
    with pytest.raises(HybridTFError, match=message):
        convert(make(), tmp_path / "model.tflite")
    assert not list(tmp_path.iterdir())


class PoolsBits(larq.layers.QuantConv2D):
    """Breaks no rule that can be seen in its settings, yet LCE cannot match it."""

    def call(self, inputs):
        bits = tf.nn.max_pool2d(self.input_quantizer(inputs), 2, 1, "VALID")
        return tf.nn.conv2d(bits, self.kernel_quantizer(self.kernel), 1, "VALID")


def test_a_layer_left_in_float_is_named(tmp_path):
    made = network(lambda x: layers.BatchNormalization()(PoolsBits(8, 3, name="pools_bits", **BINARY)(binary(x, 32))))
    with pytest.raises(HybridTFError, match=r"layer 'pools_bits' is not in the file .* \(1 of 2 are not\)"):
        convert(made, tmp_path / "model.tflite", converter="lce")


def test_a_sign_left_in_float_is_refused(tmp_path):
    for body in (lambda x: tf.cos(tf.sign(binary(x, 8))), lambda x: layers.Conv2D(8, 3)(larq.math.sign(binary(x, 8)))):
        with pytest.raises(HybridTFError, match="left a sign in float32"):
            convert(network(body), tmp_path / "model.tflite", converter="lce")


def test_the_first_error_of_the_converter_is_passed_on(tmp_path):
    to_bfloat16 = layers.Lambda(lambda x: tf.cast(tf.cast(x, tf.bfloat16) + 1, tf.float32))
    with pytest.raises(HybridTFError, match="converted: there is no TensorFlow Lite operator for AddV2"):
        convert(network(lambda x: to_bfloat16(x)), tmp_path / "model.tflite")


def tampered(content, change):
    """Returns the file `content` with `change` applied to what it holds."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
    change(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def constants(model, op_name, position):
    """Returns, for each operator of that name, the writable bytes of one of its constants."""
    graph = model.subgraphs[0]
    for op in graph.operators:
        code = model.operatorCodes[op.opcodeIndex]
        number = max(code.builtinCode, code.deprecatedBuiltinCode)
        is_named = op_name in (number, (code.customCode or b"").decode())
        if is_named and op.inputs[position] >= 0:
            buffer = model.buffers[graph.tensors[op.inputs[position]].buffer]
            buffer.data = np.array(buffer.data)
            yield buffer.data


def flip_a_weight(model):
    next(constants(model, "LceBconv2d", 1))[5] ^= 4


def shift_a_bias(model):
    next(constants(model, schema.BuiltinOperator.FULLY_CONNECTED, 2)).view(np.float32)[2] += 0.01


def shift_thresholds(model):
    next(constants(model, "LceBconv2d", 4)).view(np.int32)[:] += 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (flip_a_weight, "layer '.*' is not in the file as a binary convolution with its weights"),
        (shift_a_bias, "the scores differ by .* of the largest score"),
        (shift_thresholds, "the file takes the wrong sign of a layer's input"),
    ],
)
@pytest.mark.parametrize("older", [None, b"older"])
def test_nothing_is_left_of_a_file_that_fails(change, message, older, model, tmp_path, monkeypatch):
    honest = conversion.model_bytes
    # What the checks of the conversion itself see is left alone, so that the verification has to notice.
    monkeypatch.setattr(conversion, "match_layers", lambda file, calls, float_layers: calls)
    monkeypatch.setattr(conversion, "float_layers_of", lambda file, calls: ())
    monkeypatch.setattr(conversion, "model_bytes", lambda network: tampered(honest(network), change))
    path = tmp_path / "model.tflite"
    if older:
        path.write_bytes(older)
    with pytest.raises(HybridTFError, match=message):
        convert_and_verify(model, path, None, random_images())
    assert [item.name for item in tmp_path.iterdir()] == (["model.tflite"] if older else [])
    assert not older or path.read_bytes() == older


def test_a_wrong_weight_is_found_by_the_conversion_itself(model, tmp_path, monkeypatch):
    honest = conversion.model_bytes
    monkeypatch.setattr(conversion, "model_bytes", lambda network: tampered(honest(network), flip_a_weight))
    with pytest.raises(HybridTFError, match="is not in the file with its own weights"):
        convert(model, tmp_path / "model.tflite")


def test_operators_are_in_the_order_of_least_memory(tmp_path):
    """A pooled shortcut comes first: its name puts it behind the convolution, where the float map waits for it."""

    def body(x):
        return layers.Add()([layers.MaxPool2D()(binary(x, 32)), layers.AveragePooling2D(name="z")(x)])

    model, path = network(body), tmp_path / "model.tflite"
    as_converted = parse_tflite(convert_function(trace_model(model).function, model.variables), "file")
    convert_and_verify(model, path, None, random_images())
    file = parse_tflite(path.read_bytes(), path)
    assert [op.name for op in as_converted.operators][1:4] == ["LceQuantize", "LceBconv2d", "MAX_POOL_2D"]
    assert [op.name for op in file.operators][1:4] == ["AVERAGE_POOL_2D", "LceQuantize", "LceBconv2d"]
    assert peak_memory(file_graph(file)).bytes < 0.8 * peak_memory(file_graph(as_converted)).bytes
