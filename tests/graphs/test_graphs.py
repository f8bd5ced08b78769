"""A Keras model and the file it is converted to have the same rows, and the arena that TensorFlow Lite plans."""

from dataclasses import replace

import pytest
import tensorflow as tf

from hybrid_tf.compiler.lce import convert_function
from hybrid_tf.compiler.tracing import trace_model
from hybrid_tf.errors import HybridTFError
from hybrid_tf.graphs.file_graph import file_graph
from hybrid_tf.graphs.graph import stage_of
from hybrid_tf.graphs.keras_graph import keras_graph
from hybrid_tf.graphs.memory import peak_memory
from hybrid_tf.graphs.profile import profile
from hybrid_tf.models.registry import build_model
from hybrid_tf.system.quiet import silenced
from hybrid_tf.tflite.flatbuffer import parse_tflite
from tests.support.small_graphs import binary_conv, layers
from tests.support.small_networks import PLANS, randomise


def converted(model):
    with silenced():
        return convert_function(trace_model(model).function, model.variables)


def rows_without_names(graph):
    """Sorted: branches may run in any order that takes no more memory."""
    return sorted((replace(row, name="", stage="") for row in graph.rows()), key=str)


def names(graph):
    return [(row.name, row.stage) for row in graph.layers()]


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


def same(model):
    expected, found = keras_graph(model), file_graph(parse_tflite(converted(model), "file"))
    assert rows_without_names(found) == rows_without_names(expected)
    assert peak_memory(found).bytes == peak_memory(expected).bytes
    return expected, found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "plan"),
    [
        *(("resnet20", plan) for plan in (*PLANS, "xnor+keep=stage2_block1_conv2")),
        ("resnet18", "xnor"),
        ("resnet18", "residual"),
    ],
)
def test_resnets(name, plan):
    same(randomise(build_model(name, plan, width=0.25)))


@pytest.mark.slow
@pytest.mark.parametrize(("head", "plan"), [*(("paper", plan) for plan in PLANS), ("compact", "residual")])
def test_vgg(head, plan):
    expected, found = same(randomise(build_model("vgg11", plan, width=0.125, head=head)))
    if plan in ("xnor", "residual"):  # names are whole where no ReLU is fused
        assert sorted(names(found)) == sorted(names(expected))


@pytest.mark.slow
def test_odd_sizes():
    same(randomise(build_model("resnet18", "residual", width=0.125, input_shape=(45, 61, 4))))


def network(body, size=12):
    image = layers.Input((size, size, 3))
    x = layers.BatchNormalization()(layers.Conv2D(32, 3, padding="same", use_bias=False)(image))
    x = body(x)
    x = layers.GlobalAveragePooling2D()(x) if len(x.shape) == 4 else x
    return randomise(tf.keras.Model(image, layers.Dense(5)(x)))


def norm(x):
    return layers.BatchNormalization()(x)


BODIES = {
    "bits shared by two layers": lambda x: layers.Add()([norm(binary_conv(24)(x)), norm(binary_conv(24, 1)(x))]),
    "bits through a pooling": lambda x: norm(binary_conv(24)(layers.MaxPool2D()(norm(binary_conv(40)(x))))),
    "a pooling that a float layer reads too": lambda x: (
        lambda y: layers.Add()([y, norm(binary_conv(40)(y))])
    )(layers.MaxPool2D()(norm(binary_conv(40)(x)))),
    "grouped": lambda x: norm(binary_conv(64, groups=2)(norm(binary_conv(64)(x)))),
    "relu in a binary layer": lambda x: norm(binary_conv(32, activation="relu")(x)),
    "relu behind a binary layer": lambda x: norm(layers.ReLU()(binary_conv(32)(x))),
    "full precision": lambda x: layers.MaxPool2D()(layers.ReLU()(norm(layers.Conv2D(24, 3, 2)(layers.ReLU()(x))))),
    "depthwise": lambda x: layers.ReLU()(norm(layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x))),
    "concatenation": lambda x: layers.Concatenate()([layers.ReLU()(x), layers.AveragePooling2D(1)(x)]),
    "addition": lambda x: layers.Add()([x, layers.AveragePooling2D(1)(x)]),
    "dense": lambda x: layers.Dense(20, activation="relu")(layers.Flatten()(layers.MaxPool2D(4)(x))),
    "nested": lambda x: nested((12, 12, 32))(x),
}  # fmt: skip


def nested(shape):
    inside = layers.Input(shape)
    return tf.keras.Model(inside, layers.Add()([inside, norm(binary_conv(32)(inside))]))


@pytest.mark.parametrize("name", BODIES)
def test_other_networks(name):
    # The converter may write independent branches in another order.
    model = network(BODIES[name])
    graphs = keras_graph(model), file_graph(parse_tflite(converted(model), "file"))
    expected, found = (sorted(map(repr, rows_without_names(graph))) for graph in graphs)
    assert found == expected


def test_a_layer_called_twice_is_stored_once():
    conv = binary_conv(32, name="twice")
    graph = keras_graph(network(lambda x: norm(conv(norm(conv(x))))))
    rows = [row for row in graph.rows() if row.name == "twice"]
    assert [row.weights for row in rows] == [9 * 32 * 32, 0]
    assert [row.macs for row in rows] == [9 * 32 * 32 * 144] * 2
    assert [row.weight_bytes for row in rows] == [9 * 32 * 4] * 2


def test_layers_that_lce_leaves_in_float_are_full_precision():
    import larq

    def body(x):
        x = layers.Flatten()(layers.MaxPool2D(4)(x))
        return larq.layers.QuantDense(8, input_quantizer="ste_sign", kernel_quantizer="ste_sign", name="signs")(x)

    row = next(row for row in profile(network(body)) if row.name == "signs")
    assert (row.precision, row.bits, row.mac_kind) == ("full_precision", 32, "float32")


def test_a_sequential_model():
    model = tf.keras.Sequential([layers.Input((8, 8, 3)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(2)])
    assert [(row.kind, row.weights) for row in profile(model)] == [("conv 3x3", 108), ("dense", 288)]


def test_a_subclassed_model_is_an_error():
    class Subclassed(tf.keras.Model):
        def call(self, x):
            return x

    with pytest.raises(HybridTFError, match="is subclassed"):
        profile(Subclassed())


def test_an_unknown_size_is_an_error():
    image = layers.Input((None, None, 3))
    with pytest.raises(HybridTFError, match="build the model with a fixed input size"):
        profile(tf.keras.Model(image, layers.Conv2D(4, 3)(image)))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "width"), [("resnet20", 1), ("resnet18", 0.25), ("vgg11", 0.125), ("vgg19", 0.125)])
def test_peak_memory_is_the_arena_of_tensorflow_lite(name, width):
    model = randomise(build_model(name, "full_precision", width=width))
    content = converted(model)
    arena = arena_bytes(content)
    assert peak_memory(keras_graph(model)).bytes == pytest.approx(arena, rel=0.1)
    assert peak_memory(file_graph(parse_tflite(content, "file"))).bytes == pytest.approx(arena, rel=0.1)


@pytest.mark.parametrize("name", ["full precision", "depthwise", "concatenation", "addition", "dense"])
def test_peak_memory_of_other_networks_is_the_arena(name):
    content = converted(network(BODIES[name]))
    peak = peak_memory(file_graph(parse_tflite(content, "file"))).bytes
    assert peak == pytest.approx(arena_bytes(content), rel=0.1)


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
