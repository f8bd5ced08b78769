from pathlib import Path

import pytest
import tensorflow as tf

import hybrid_tf.pretrained
from hybrid_tf.compiler import Metadata, calibrate_int8, convert
from hybrid_tf.models.registry import build_model
from tests.support.plain_c import write_exported
from tests.support.shared import made_once
from tests.support.small_networks import layers, network, random_images, randomise

TRAINED = Path(hybrid_tf.pretrained.__file__).parent


def half_width_residual(folder):
    """A ResNet-20 of half width with random weights, for colour images, which no shipped network takes."""
    model = randomise(build_model("resnet20", "residual", input_shape=(32, 32, 3), classes=10, width=0.5), seed=3)
    path = folder / "model.int8.tflite"
    names = tuple(f'class "{number}" ü' for number in range(10))
    numbers = {"mean": (125.0, 123.0, 114.0), "std": (63.0, 62.0, 66.0), "input_shape": (32, 32, 3)}
    convert(model, path, Metadata(names, **numbers, int8=calibrate_int8(model, random_images(16, 32))))
    return path


def depthwise(folder):
    """A plain network: depthwise convolutions, an odd stride, a pool at an odd border, a dense layer, a softmax."""

    def body(x):
        x = layers.ReLU()(layers.BatchNormalization()(layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)))
        x = layers.MaxPool2D(2, padding="same")(layers.Conv2D(10, 3, 2, padding="same", activation="relu")(x))
        x = layers.DepthwiseConv2D(3, 2, padding="same", activation="relu6")(x)
        return layers.Flatten()(x)

    model, path = network(body, channels=6, size=13), folder / "model.int8.tflite"
    model = tf.keras.Model(model.inputs, layers.Softmax()(model.outputs[0]))
    numbers = {"mean": (125.0, 123.0, 114.0), "std": (63.0, 62.0, 66.0), "input_shape": (13, 13, 3)}
    convert(model, path, Metadata(tuple("abcde"), **numbers, int8=calibrate_int8(model, random_images(16, 13))))
    return path


def trained(name):
    return lambda folder: TRAINED / name / "model.int8.tflite"


NETWORKS = {
    "half-width": half_width_residual,
    "depthwise": depthwise,
    "best": trained("resnet20-residual-taught"),
    "plain-int8": trained("resnet20-full_precision"),
    "pooled": trained("vgg11-residual-taught"),
    "packed": trained("vgg11-xnor"),
}


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """A function from the name of a network to a folder with `network`, its plain C, and `cases.h`."""

    def folder(name):
        return made_once(tmp_path_factory, f"plain-c-{name}", lambda new: write_exported(NETWORKS[name](new), new))

    return folder
