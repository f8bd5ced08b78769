"""Networks in the manner of QuickNet, DenseNet, MeliusNet and squeeze-and-excite: the runtime takes them whole."""

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from larq_compute_engine.tflite.python.interpreter import Interpreter as LceInterpreter

from hybrid_tf.compiler import Metadata, calibrate_int8, convert
from hybrid_tf_runtime import Interpreter as Standalone
from hybrid_tf_runtime import kernels, load_delegate
from tests.support.shared import made_once
from tests.support.small_networks import binary, layers, network, random_images

pytestmark = pytest.mark.slow

IMAGES = 2


def quicknet(x):
    """Residual binary sections; a pool, a blur and a pointwise convolution between them."""
    x = layers.Add()([x, binary(x, 32)])
    x = layers.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False)(layers.MaxPool2D(3, 1, "same")(x))
    x = layers.BatchNormalization()(layers.Conv2D(48, 1, use_bias=False)(x))
    return layers.Add()([x, binary(x, 48)])


def densenet(x):
    """Each section appends to what it read."""
    for _ in range(2):
        x = layers.Concatenate()([x, binary(layers.BatchNormalization()(x), 16)])
    x = layers.Conv2D(32, 1)(layers.ReLU()(layers.BatchNormalization()(layers.MaxPool2D()(x))))
    return layers.Concatenate()([x, binary(x, 16), layers.AveragePooling2D(1)(x)])


def meliusnet(x):
    """A dense section, then one that improves the channels that it appended."""
    x = layers.Concatenate()([x, binary(layers.BatchNormalization()(x), 32)])
    old, new = layers.Lambda(lambda y: tf.split(y, 2, axis=-1), name="parts")(x)
    return layers.Concatenate()([old, layers.Add()([new, binary(x, 32)])])


def squeeze_and_excite(x):
    """Binary sections whose results are multiplied by gates of their channels."""
    y = binary(x, 32)
    gates = layers.Dense(8, activation="relu")(layers.GlobalAveragePooling2D()(y))
    gates = layers.Reshape((1, 1, 32))(layers.Dense(32, activation="sigmoid")(gates))
    x = layers.Add()([x, layers.Multiply()([y, gates])])
    y = binary(x, 32)
    gates = layers.Conv2D(32, 1, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(y))
    return layers.Add()([x, layers.Multiply()([y, gates])])


KINDS = {kind.__name__: kind for kind in (quicknet, densenet, meliusnet, squeeze_and_excite)}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    def write(folder):
        for name, kind in KINDS.items():
            tf.keras.backend.clear_session()
            model = network(kind)
            convert(model, folder / f"{name}.tflite")
            int8 = Metadata(int8=calibrate_int8(model, random_images(16)))
            convert(model, folder / f"{name}.int8.tflite", int8, io="int8")

    return made_once(tmp_path_factory, "network-kinds", write)


def _images(int8):
    images = random_images(IMAGES, seed=2)
    return np.clip(np.round(images * 40), -128, 127).astype(np.int8) if int8 else images


@pytest.mark.parametrize("set_name", kernels())
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", ["", ".int8"])
def test_a_network_is_one_part_with_the_scores_of_lce(kind, suffix, set_name, files):
    content = (files / f"{kind}{suffix}.tflite").read_bytes()
    interpreter = Interpreter(model_content=content, experimental_delegates=[load_delegate(kernels=set_name)])
    interpreter.allocate_tensors()
    names = [operator["op_name"] for operator in interpreter._get_ops_details()]
    taken = names.count("DELEGATE")
    [image], [scores] = interpreter.get_input_details(), interpreter.get_output_details()
    lce = LceInterpreter(content, 1, use_indirect_bgemm=True)
    standalone = Standalone(content, kernels=set_name, engine="standalone")
    got, expected = [], []
    for values in _images(bool(suffix)):
        interpreter.set_tensor(image["index"], values[None])
        interpreter.invoke()
        got.append(interpreter.get_tensor(scores["index"]))
        expected.append(lce.interpreter.predict([values[None]])[0])
    assert taken == 1
    makers = {tensor: operator for operator in interpreter._get_ops_details() for tensor in operator["outputs"]}
    last = makers[scores["index"]]
    assert (last["op_name"], image["index"] in last["inputs"]) == ("DELEGATE", True)  # from the image to the scores
    if suffix:
        np.testing.assert_array_equal(np.concatenate(got), np.concatenate(expected))
    else:
        np.testing.assert_allclose(np.concatenate(got), np.concatenate(expected), rtol=1e-4, atol=1e-5)
    assert not np.array_equal(got[0], got[1])
    np.testing.assert_array_equal(standalone.predict(_images(bool(suffix))), np.concatenate(got))
