"""Files of every kind: Larq Compute Engine's, plain ones, quantized ones, with several subgraphs, damaged."""

import json
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf

from hybrid_tf.analysis.inspection import inspect_file
from hybrid_tf.compiler import convert
from hybrid_tf.compiler.rewrite import add_outputs
from hybrid_tf.errors import HybridTFError
from hybrid_tf.graphs.memory import STRUCTURE
from hybrid_tf.models.layers import is_binary, weight_layers
from hybrid_tf.models.registry import build_model
from hybrid_tf.system.quiet import silenced
from hybrid_tf.tflite.flatbuffer import parse_tflite
from tests.support.small_graphs import binary_conv, layers, small_network
from tests.support.small_networks import randomise


def inspected(content, tmp_path):
    (tmp_path / "file.tflite").write_bytes(content)
    found = inspect_file(tmp_path / "file.tflite")
    assert sum(found.memory.values()) == found.bytes == len(content)
    assert found.memory[STRUCTURE] > 0
    json.dumps(found.to_dict(), allow_nan=False)
    assert found.tables()
    return found


def plain(model, **options):
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    for name, value in options.items():
        setattr(converter, name, value)
    with silenced():
        return converter.convert()


def float_network():
    image = layers.Input((16, 16, 3), batch_size=1)
    x = layers.Conv2D(8, 3, activation="relu")(image)  # 14x14
    x = layers.DepthwiseConv2D(3, depth_multiplier=2)(x)  # 12x12x16
    x = layers.Conv2DTranspose(4, 2, 2)(layers.MaxPool2D()(x))  # 6x6 to 12x12
    return randomise(tf.keras.Model(image, layers.Dense(5)(layers.Flatten()(x))))


FLOAT_NETWORK_MACS = [3 * 3 * 3 * 8 * 14 * 14, 3 * 3 * 16 * 12 * 12, 2 * 2 * 16 * 4 * 6 * 6, 12 * 12 * 4 * 5]


@pytest.fixture(scope="module")
def vgg19(tmp_path_factory):
    path = tmp_path_factory.mktemp("vgg19") / "model.tflite"
    model = build_model("vgg19", "residual", classes=100)
    convert(model, path)
    return model, path


@pytest.mark.slow
def test_vgg19_has_the_weights_of_the_paper(vgg19):
    model, path = vgg19
    code = (
        "import sys; from hybrid_tf.cli import cli\n"
        "cli(['inspect', sys.argv[1], '--json'], standalone_mode=False)\n"
        "assert 'tensorflow' not in sys.modules and 'larq' not in sys.modules"
    )
    text = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True).stdout
    found = json.loads(text)
    macs = Counter()
    for layer in weight_layers(model):
        pixels = int(np.prod(layer.output_shape[1:-1]))
        macs["binary" if is_binary(layer) else "float32"] += layer.kernel.shape.num_elements() * pixels
    assert found["weights"] == {"binary": 38_891_520, "int8": 0, "full_precision": 583_360}
    assert {kind: found["macs"][kind] for kind in macs} == macs
    buffers = sum(map(len, parse_tflite(path.read_bytes(), path).buffers))
    listed = sum(found["memory"].values()) - found["memory"][STRUCTURE]
    assert listed == buffers
    assert sum(found["memory"].values()) == path.stat().st_size
    assert found["memory"]["binary weights"] == 38_891_520 / 8  # all channels are multiples of 32
    assert found["memory"]["full-precision weights"] == 583_360 * 4


@pytest.mark.slow
def test_plain_float_file(tmp_path):
    found = inspected(plain(float_network()), tmp_path)
    layers_found = [row for row in found.rows if row.macs]
    assert [row.op for row in layers_found] == ["CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED"]
    assert [row.macs for row in layers_found] == FLOAT_NETWORK_MACS
    assert [row.weights for row in layers_found] == [216, 144, 256, 2880]
    assert found.memory["full-precision weights"] == 4 * (216 + 144 + 256 + 2880)


def test_int8_file(tmp_path):
    def images():
        yield [np.random.default_rng(0).random((1, 16, 16, 3), np.float32)]

    content = plain(
        float_network(),
        optimizations=[tf.lite.Optimize.DEFAULT],
        representative_dataset=images,
        inference_input_type=tf.int8,
    )
    found = inspected(content, tmp_path)
    assert found.macs("int8") == sum(FLOAT_NETWORK_MACS)
    assert found.macs("float32") == 0
    assert found.weights("int8") == 216 + 144 + 256 + 2880
    assert found.memory["int8 weights"] == 216 + 144 + 256 + 2880
    first = next(row for row in found.rows if row.macs)
    assert (first.bits, first.input_bytes, first.output_bytes) == (8, 16 * 16 * 3, 14 * 14 * 8)
    (described,) = found.to_dict()["inputs"]
    assert described["type"] == "INT8"
    assert described["scales"][0] == pytest.approx(1 / 255, rel=0.02)
    assert described["zero_points"] == [-128]


def test_float16_file(tmp_path):
    content = plain(float_network(), optimizations=[tf.lite.Optimize.DEFAULT], target_spec=_float16_target())
    found = inspected(content, tmp_path)
    assert found.weights("full_precision") == 216 + 144 + 256 + 2880
    assert found.memory["full-precision weights"] == 2 * (216 + 144 + 256 + 2880)
    assert {row.bits for row in found.rows if row.macs} == {16}
    assert found.macs("float32") == sum(FLOAT_NETWORK_MACS)
    # The float32 copies of the weights stay in memory.
    assert found.peaks[0].bytes > 4 * (216 + 144 + 256 + 2880)


def _float16_target():
    target = tf.lite.TargetSpec()
    target.supported_types = [tf.float16]
    return target


def test_integer_weights_with_float_activations(tmp_path):
    found = inspected(plain(float_network(), optimizations=[tf.lite.Optimize.DEFAULT]), tmp_path)
    dense = next(row for row in found.rows if row.op == "FULLY_CONNECTED")
    assert (dense.precision, dense.bits, dense.mac_kind, dense.weights) == ("int8", 8, "int8", 2880)


def test_several_outputs(tmp_path):
    convert(small_network(), tmp_path / "one.tflite")
    content = (tmp_path / "one.tflite").read_bytes()
    one = inspected(content, tmp_path)
    two = inspected(add_outputs(content, parse_tflite(content, "file").operators[0].outputs), tmp_path)
    assert len(two.outputs) == 2
    assert two.rows == one.rows
    assert two.peaks[0].bytes >= one.peaks[0].bytes


def lce_network(int8=False):
    """A grouped convolution and a maximum pooling of bits; with fake quantization LCE makes everything else int8."""
    image = layers.Input((8, 8, 3))
    quantized = _fake_quantized if int8 else (lambda x: x)
    x = quantized(layers.Conv2D(64, 3, padding="same")(quantized(image)))
    x = quantized(layers.BatchNormalization()(binary_conv(128, groups=2, name="grouped")(x)))
    x = layers.BatchNormalization()(binary_conv(40)(x))
    x = quantized(layers.BatchNormalization()(binary_conv(16)(layers.MaxPool2D()(x))))
    return randomise(tf.keras.Model(image, layers.Dense(5)(layers.GlobalAveragePooling2D()(x))))


def _fake_quantized(x):
    return tf.quantization.fake_quant_with_min_max_args(x, -6, 6)


@pytest.mark.slow
@pytest.mark.parametrize("int8", [False, True])
def test_grouped_convolutions_pooling_and_int8(tmp_path, int8):
    import larq_compute_engine as lce

    with silenced():
        content = lce.convert_keras_model(lce_network(int8))
    found = inspected(content, tmp_path)
    grouped, second, third = (row for row in found.rows if row.op == "LceBconv2d")
    assert (grouped.weights, grouped.macs) == (9 * 32 * 128, 9 * 32 * 128 * 64)
    assert (second.weights, second.output_shape, second.output_bytes) == (9 * 128 * 40, (8, 8, 40), 8 * 8 * 2 * 4)
    assert (third.weights, third.weight_bytes) == (9 * 40 * 16, 9 * 16 * 2 * 4)
    assert third.output_bytes == 4 * 4 * 16 * (1 if int8 else 4)
    pool = next(row for row in found.rows if row.op == "LceBMaxPool2d")
    assert (pool.precision, pool.output_shape, pool.output_bytes) == ("binary", (4, 4, 40), 4 * 4 * 2 * 4)


def test_several_subgraphs(tmp_path):
    @tf.function(input_signature=[tf.TensorSpec((1, 4), tf.float32)])
    def loop(x):
        weights = tf.constant(np.random.default_rng(0).random((4, 4), np.float32))
        return tf.while_loop(lambda n, y: n < 3, lambda n, y: (n + 1, tf.matmul(y, weights)), [0, x])[1]

    with silenced():
        content = tf.lite.TFLiteConverter.from_concrete_functions([loop.get_concrete_function()]).convert()
    with pytest.raises(HybridTFError, match="3 subgraphs"):
        parse_tflite(content, "loop")
    found = inspected(content, tmp_path)
    assert len(found.subgraphs) == 3
    assert found.weights("full_precision") == 16
    assert found.macs("float32") == 16


def test_the_same_weights_are_counted_once(tmp_path):
    conv = layers.Conv2D(3, 3, padding="same")
    image = layers.Input((8, 8, 3), batch_size=1)
    found = inspected(plain(randomise(tf.keras.Model(image, conv(conv(image))))), tmp_path)
    assert found.weights("full_precision") == 81
    assert found.macs("float32") == 2 * 81 * 64


def test_damaged_files_are_errors(tmp_path):
    """Whatever the bytes say: an error of ours, or a result."""
    convert(small_network(), tmp_path / "good.tflite")
    content, rng = (tmp_path / "good.tflite").read_bytes(), np.random.default_rng(0)
    path = tmp_path / "damaged.tflite"
    for number in range(300):
        damaged = bytearray(content)
        for position in rng.integers(0, len(content), 6):
            damaged[position] = rng.integers(256)
        path.write_bytes(damaged if number % 10 else content[: rng.integers(len(content))])
        try:
            inspect_file(path).to_dict()
        except HybridTFError as error:
            assert "damaged.tflite" in str(error)
