"""Networks of keras.applications as TensorFlow's own converter writes them: the runtime runs what LiteRT runs."""

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter as LiteRT

from hybrid_tf.system.quiet import silenced
from hybrid_tf_runtime import Interpreter
from tests.support.extent import some

pytestmark = [pytest.mark.slow, pytest.mark.sweep]

# The smallest of each family at a size that it takes. The larger ones have the same operators.
SIZES = {
    "ConvNeXtTiny": 32,
    "DenseNet121": 32,
    "EfficientNetB0": 32,
    "EfficientNetV2B0": 32,
    "InceptionResNetV2": 75,
    "InceptionV3": 75,
    "MobileNet": 32,
    "MobileNetV2": 32,
    "MobileNetV3Small": 32,
    "NASNetMobile": 32,
    "RegNetX002": 32,
    "RegNetY002": 32,
    "ResNet50": 32,
    "ResNet50V2": 32,
    "ResNetRS50": 32,
    "VGG16": 32,
    "Xception": 71,
}
INT8 = ("EfficientNetB0", "MobileNetV3Small", "ResNet50")
CASES = [(name, False) for name in SIZES] + [(name, True) for name in INT8]


def converted(name, int8, images):
    options = {"alpha": 0.25} if name == "MobileNet" else {}
    size = SIZES[name]
    model = getattr(tf.keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=5, **options)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([image[None]] for image in images)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    with silenced():
        return converter.convert()


@pytest.mark.parametrize(("name", "int8"), some(CASES, [("MobileNet", False), ("MobileNetV3Small", True)]))
def test_it_runs_as_in_litert(name, int8):
    tf.keras.backend.clear_session()
    images = np.random.default_rng(0).uniform(0, 255, (2, SIZES[name], SIZES[name], 3)).astype(np.float32)
    content = converted(name, int8, images)
    litert = LiteRT(model_content=content)
    litert.allocate_tensors()
    expected = []
    for image in images:
        litert.set_tensor(litert.get_input_details()[0]["index"], image[None])
        litert.invoke()
        expected.append(litert.get_tensor(litert.get_output_details()[0]["index"])[0])
    np.testing.assert_array_equal(Interpreter(content).predict(images), expected)
