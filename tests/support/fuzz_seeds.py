"""Writes sound models to start mutations from: small networks, hybrid and not, float and int8, and single operators.

python -m tests.support.fuzz_seeds FOLDER
"""

from pathlib import Path

from hybrid_tf.compiler import Metadata, calibrate_int8, convert  # isort: skip - chooses legacy Keras, so before anything that uses Keras

import tensorflow as tf

from tests.support import stock_operators
from tests.support.graph_builder import build_file
from tests.support.small_networks import full_precision_network, network, random_images, residual_network
from tests.support.sweep_models import Case

OPERATORS = ("bconv_grouped", "dequantize", "packed_chain", "shortcut", "int8_operator", "int8_network", "head")


def write_seeds(folder):
    """Writes the models into `folder`."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tf.keras.backend.clear_session()  # numbers the layers from the start: the int8 file says ranges by their names
    model = residual_network()
    convert(model, folder / "residual.tflite")
    convert(model, folder / "int8_hybrid.tflite", Metadata(int8=calibrate_int8(model, random_images(16))))
    convert(full_precision_network(), folder / "full_precision.tflite")
    (folder / "int8.tflite").write_bytes(_int8_network())
    cases = (Case(0, index, batch=1) for index in range(1000))
    for kind in OPERATORS:
        case = next(case for case in cases if f":{kind} " in case.name)
        (folder / f"{kind}.tflite").write_bytes(build_file([case.graph]))
    stock = [case.graph(name) for name, case in stock_operators.CASES.items()]
    (folder / "stock_operators.tflite").write_bytes(build_file(stock))


def _int8_network():
    layers = tf.keras.layers

    def body(x):
        shortcut = layers.Conv2D(32, 1)(layers.AveragePooling2D()(x))
        x = layers.ReLU()(layers.Conv2D(32, 3, strides=2, padding="same")(x))
        x = layers.MaxPool2D()(layers.Add()([x, shortcut]))
        return layers.Dense(16)(layers.Flatten()(layers.DepthwiseConv2D(3)(x)))

    converter = tf.lite.TFLiteConverter.from_keras_model(network(body))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None]] for image in random_images(8))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    return converter.convert()


if __name__ == "__main__":
    import sys

    write_seeds(sys.argv[1])
