"""Random networks: our own converter's file computes what Keras computes, in LCE's interpreter and in our runtime."""

import numpy as np
import pytest
import tensorflow as tf

from hybrid_tf.compiler import Interpreter, Metadata, convert_and_verify
from hybrid_tf.compiler.float_files import compile_float, noise, verify_float
from hybrid_tf.errors import HybridTFError
from hybrid_tf_runtime import HybridTFRuntimeError
from hybrid_tf_runtime import Interpreter as Runtime
from tests.support.extent import count
from tests.support.random_models import random_model, random_model_of_two

pytestmark = [pytest.mark.slow, pytest.mark.sweep]


@pytest.mark.parametrize("seed", range(count(12, 1800)))
def test_a_random_network(seed, tmp_path):
    tf.keras.backend.clear_session()
    model = random_model(seed)
    images = np.random.default_rng(1).normal(size=(12, *model.input_shape[1:])).astype(np.float32)
    _, verification = convert_and_verify(model, tmp_path / "model.tflite", None, images)
    assert verification.passed
    scores = Interpreter(tmp_path / "model.tflite").predict(images)
    try:
        runtime = Runtime(tmp_path / "model.tflite")
    except HybridTFRuntimeError as error:
        assert "is not checked" in str(error)  # an operator that the runtime's check of files does not know
        return
    np.testing.assert_allclose(runtime.predict(images), scores, rtol=0, atol=1e-4 * np.abs(scores).max())


@pytest.mark.parametrize("seed", range(count(3, 200)))
def test_a_random_network_of_two_images(seed):
    tf.keras.backend.clear_session()
    content = tf.lite.TFLiteConverter.from_keras_model(random_model_of_two(seed)).convert()
    file = compile_float(content, "the network", Metadata())
    try:
        verification = verify_float(file, noise(file, 4))
    except HybridTFError as error:
        assert "is not checked" in str(error)  # an operator that the runtime's check of files does not know
        return
    assert verification.passed, verification.failure
