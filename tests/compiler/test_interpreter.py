import larq_compute_engine
import numpy as np
import pytest
import tensorflow as tf

from hybrid_tf.compiler import Interpreter
from hybrid_tf.errors import HybridTFError
from tests.support.small_networks import SIZE, layers, network, random_images


def test_predicts_what_lce_predicts(path):
    images = random_images()
    interpreter = Interpreter(path)
    assert (interpreter.input_shape, interpreter.classes) == ((SIZE, SIZE, 3), 5)
    scores = interpreter.predict(images)
    assert scores.shape == (20, 5)
    content = path.read_bytes()
    np.testing.assert_allclose(scores, larq_compute_engine.testing.Interpreter(content).predict(images), rtol=1e-6)
    np.testing.assert_array_equal(scores, Interpreter(content).predict(images, progress="predicting"))
    np.testing.assert_array_equal(scores[:1], interpreter.predict(images[:1]))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (random_images(2, 16), r"takes float32 images of shape \(N, 12, 12, 3\), got \(2, 16, 16, 3\)"),
        (random_images(1)[0], r"got \(12, 12, 3\)"),
        (random_images(2).astype(np.float64), "got float64"),
        (random_images(2).tolist(), "got list"),
        (random_images(2)[:0], "got none"),
        (random_images(2) * np.inf, "not finite"),
    ],
)
def test_images_that_do_not_fit_are_refused(images, message, path):
    with pytest.raises(HybridTFError, match=message):
        Interpreter(path).predict(images)


def tflite(model, **options):
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    for name, value in options.items():
        setattr(converter, name, value)
    return converter.convert()


@pytest.fixture(scope="module")
def plain_model():
    return network(lambda x: layers.ReLU()(layers.Conv2D(8, 3)(x)))


@pytest.mark.slow
def test_a_plain_float_classifier_runs(plain_model):
    images = random_images(4)
    scores = Interpreter(tflite(plain_model)).predict(images)
    np.testing.assert_allclose(scores, plain_model.predict(images, verbose=0), rtol=1e-3, atol=1e-4)


def quantized(model, kind):
    def calibration():
        for image in random_images(40):
            yield [image[np.newaxis]]

    return tflite(
        model,
        optimizations=[tf.lite.Optimize.DEFAULT],
        representative_dataset=calibration,
        inference_input_type=kind,
        inference_output_type=kind,
    )


def test_an_int8_classifier_takes_and_gives_floats(plain_model):
    images = random_images(40)
    scores = Interpreter(quantized(plain_model, tf.int8)).predict(images)
    expected = plain_model(images).numpy()
    assert scores.dtype == np.float32
    assert 0 < np.abs(scores - expected).max() < 0.1 * np.abs(expected).max()


def test_a_file_of_another_kind_is_refused(plain_model):
    with pytest.raises(
        HybridTFError, match=r"turns uint8 \(1, 12, 12, 3\) into uint8 \(1, 5\): only a network from one"
    ):
        Interpreter(quantized(plain_model, tf.uint8))
    segmentation = tf.keras.Sequential([layers.Input((SIZE, SIZE, 3)), layers.Conv2D(2, 3)])
    with pytest.raises(HybridTFError, match=r"into float32 \(1, 10, 10, 2\)"):
        Interpreter(tflite(segmentation))


def test_a_file_with_operators_of_tensorflow_is_refused():
    model = tf.keras.Sequential(
        [
            layers.Input((SIZE, SIZE, 3)),
            layers.Lambda(lambda x: tf.raw_ops.Qr(input=x)[0]),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    content = tflite(model, allow_custom_ops=True)
    with pytest.raises(HybridTFError, match="needs operators that Larq Compute Engine does not have: Qr"):
        Interpreter(content)
