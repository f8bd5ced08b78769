"""The graph of a model that nobody has trained is that of its file; its memory is the arena of TensorFlow Lite."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from hybrid_tf.compiler import Metadata, calibrate_int8, convert
from hybrid_tf.compiler.model_graph import model_graph
from hybrid_tf.graphs.file_graph import file_graph
from hybrid_tf.graphs.graph import stage_of
from hybrid_tf.graphs.memory import peak_memory
from hybrid_tf.models.registry import build_model
from hybrid_tf.models.spec import BinarizationConfig
from hybrid_tf.system.quiet import silenced
from hybrid_tf.tflite.flatbuffer import parse_tflite
from tests.support.small_graphs import binary_conv, layers
from tests.support.small_networks import random_images, randomise


def converted(model, metadata=None):
    with tempfile.TemporaryDirectory() as folder:
        return convert(model, Path(folder) / "model.tflite", metadata).path.read_bytes()


def graph_of(content):
    return file_graph(parse_tflite(content, "file"))


def rows_without_names(rows):
    """Sorted: branches may run in any order that takes no more memory."""
    return sorted((replace(row, name="", stage="") for row in rows), key=str)


def arena_bytes(content):
    """Extent of the memory that TensorFlow Lite's own interpreter plans, of its kernels without scratch memory."""
    file = parse_tflite(content, "file")
    tensors = {t for op in file.operators for t in (*op.inputs, *op.outputs) if t >= 0}
    resolver = tf.lite.experimental.OpResolverType.BUILTIN_REF
    with silenced():
        interpreter = tf.lite.Interpreter(model_content=content, experimental_op_resolver_type=resolver)
        interpreter.allocate_tensors()
    views = [interpreter.tensor(t)() for t in tensors if not len(file.buffers[file.tensors[t].buffer])]
    spans = [(view.__array_interface__["data"][0], view.nbytes) for view in views]
    return max(start + size for start, size in spans) - min(start for start, _ in spans)


def network(body, size=12):
    image = layers.Input((size, size, 3))
    x = layers.BatchNormalization()(layers.Conv2D(32, 3, padding="same", use_bias=False)(image))
    x = body(x)
    x = layers.GlobalAveragePooling2D()(x) if len(x.shape) == 4 else x
    return randomise(tf.keras.Model(image, layers.Dense(5)(x)))


def norm(x):
    return layers.BatchNormalization()(x)


BODIES = {
    "full precision": lambda x: layers.MaxPool2D()(layers.ReLU()(norm(layers.Conv2D(24, 3, 2)(layers.ReLU()(x))))),
    "depthwise": lambda x: layers.ReLU()(norm(layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x))),
    "concatenation": lambda x: layers.Concatenate()([layers.ReLU()(x), layers.AveragePooling2D(1)(x)]),
    "addition": lambda x: layers.Add()([x, layers.AveragePooling2D(1)(x)]),
    "dense": lambda x: layers.Dense(20, activation="relu")(layers.Flatten()(layers.MaxPool2D(4)(x))),
}  # fmt: skip


def test_a_layer_called_twice_is_stored_once():
    conv = binary_conv(32, name="twice")
    graph = model_graph(network(lambda x: norm(conv(norm(conv(x))))))
    rows = [row for row in graph.rows() if row.name == "twice" and row.macs]
    assert [row.weights for row in rows] == [9 * 32 * 32, 0]
    assert [row.macs for row in rows] == [9 * 32 * 32 * 144] * 2
    assert [row.weight_bytes for row in rows] == [9 * 32 * 4] * 2


def test_a_sequential_model():
    model = tf.keras.Sequential([layers.Input((8, 8, 3)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(2)])
    assert [(row.kind, row.weights) for row in model_graph(model).layers()] == [("conv 3x3", 108), ("dense", 288)]


@pytest.mark.slow
def test_a_fresh_network_has_the_graph_of_a_trained_one():
    """Also in int8, whatever its ranges are; and its weights stay as they were."""
    model = build_model("resnet20", "residual", width=0.25, binarization=BinarizationConfig("swish", shifts=True))
    before = model.get_weights()
    plain, int8 = (model_graph(model, int8=int8).rows() for int8 in (False, True))
    assert all(map(np.array_equal, before, model.get_weights()))
    randomise(model)
    images = random_images(32, 32)
    for fresh, metadata in ((plain, Metadata()), (int8, Metadata(int8=calibrate_int8(model, images)))):
        assert rows_without_names(fresh) == rows_without_names(graph_of(converted(model, metadata)).rows())


@pytest.mark.slow
@pytest.mark.parametrize(("name", "width"), [("resnet20", 1), ("resnet18", 0.25), ("vgg11", 0.125), ("vgg19", 0.125)])
def test_peak_memory_is_the_arena_of_tensorflow_lite(name, width):
    model = randomise(build_model(name, "full_precision", width=width))
    content = converted(model)
    arena = arena_bytes(content)
    assert peak_memory(graph_of(content)).bytes == pytest.approx(arena, rel=0.1)


@pytest.mark.parametrize("name", ["full precision", "depthwise", "concatenation", "addition", "dense"])
def test_peak_memory_of_other_networks_is_the_arena(name):
    content = converted(network(BODIES[name]))
    assert peak_memory(graph_of(content)).bytes == pytest.approx(arena_bytes(content), rel=0.1)


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("stage1_conv1", "1"),
        ("stage12_block1_shortcut", "12"),
        ("head_dense1", "head"),
        ("stem", "stem"),
        ("classifier", "classifier"),
        ("conv2d_1", ""),
        ("my_stage1", ""),
        ("stages", ""),
    ],
)
def test_stages(name, stage):
    assert stage_of(name) == stage
