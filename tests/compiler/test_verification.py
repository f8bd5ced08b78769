import json
import re

import numpy as np
import pytest
import tensorflow as tf

from hybrid_tf.compiler import Interpreter, convert, verify
from hybrid_tf.errors import HybridTFError
from tests.support.small_networks import SIZE, binary, full_precision_network, network, random_images, residual_network


def test_verification_of_a_good_file(model, path, capfd):
    images = random_images(35)
    classes = Interpreter(path).predict(images).argmax(axis=1)
    labels = np.where(np.arange(35) < 7, (classes + 1) % 5, classes)
    result = verify(model, path, images, labels)
    assert result.passed
    assert result.failure is None
    assert result.images == 35
    assert result.max_abs_difference < 1e-5
    assert 0 < result.max_rel_difference < 1e-5
    assert result.top1_agreement == 1
    assert result.keras_accuracy == result.file_accuracy == pytest.approx(28 / 35)
    assert json.loads(json.dumps(result.to_dict()))["passed"] is True
    assert result == verify(model, path.read_bytes(), images, labels)
    assert capfd.readouterr() == ("", "")


def zero_but_for_rounding():
    """A network and an image on which Keras and LCE take different signs.

    In one half of the image every pixel is the same and the batch norm takes off exactly what the convolution gives, so
    what enters the binary layer there is zero in Keras, and some rounding error once LCE has folded the two into one.
    """
    model = network(lambda x: binary(x, 32, name="binary"))
    image = random_images(1)
    image[:, :, : SIZE // 2] = 0.7
    stem, norm = model.get_layer("stem"), model.get_layer("stem_bn")
    inner = tf.keras.Model(model.input, stem.output)
    gamma, _, _, variance = norm.get_weights()
    mean = inner(image).numpy()[0, 5, 2]
    norm.set_weights([gamma, np.zeros_like(mean), mean, variance])
    return model, image


def test_signs_that_only_rounding_decides_are_no_failure(tmp_path):
    model, image = zero_but_for_rounding()
    convert(model, tmp_path / "model.tflite")
    images = np.concatenate([random_images(9), image])
    result = verify(model, tmp_path / "model.tflite", images)
    scores, keras = Interpreter(tmp_path / "model.tflite").predict(image), model(image).numpy()
    assert np.abs(scores - keras).max() > 1e-2 * np.abs(keras).max(), "the scores themselves differ visibly"
    assert result.passed
    assert result.images_with_other_signs == 1
    assert result.largest_other_sign < 1e-6
    assert result.max_rel_difference < 1e-5


def test_a_full_precision_file(tmp_path):
    model = full_precision_network()
    convert(model, tmp_path / "model.tflite")
    result = verify(model, tmp_path / "model.tflite", random_images())
    assert result.passed
    assert result.images_with_other_signs == 0


def test_files_of_other_models_are_refused(model, path, tmp_path):
    with pytest.raises(HybridTFError, match=r"layer '.*' is not in the file .* \(4 of 4 are not\)"):
        verify(residual_network(seed=7), path, random_images())
    assert "the scores differ by" in verify(full_precision_network(), path, random_images()).failure
    larger = network(lambda x: x, size=16)
    with pytest.raises(HybridTFError, match=re.escape("turns images of (12, 12, 3) into 5 scores, and model '")):
        verify(larger, path, random_images(2, 16))


def test_another_classifier_with_the_same_binary_layers_fails(model, path):
    other = tf.keras.models.clone_model(model)
    other.set_weights(model.get_weights())
    kernel, bias = other.get_layer("classifier").get_weights()
    other.get_layer("classifier").set_weights([kernel, bias + 0.01])
    result = verify(other, path, random_images())
    assert not result.passed
    assert result.failure.startswith("the scores differ by")


def test_another_batch_norm_before_packed_bits_fails(model, path):
    other = tf.keras.models.clone_model(model)
    other.set_weights(model.get_weights())
    norm = other.layers[[layer.name for layer in other.layers].index("packed") + 1]
    gamma, beta, mean, variance = norm.get_weights()
    norm.set_weights([gamma, beta + 0.1, mean, variance])
    result = verify(other, path, random_images())
    assert result.failure.startswith("the file takes the wrong sign of a layer's input")


def test_scores_that_are_not_finite_fail(tmp_path):
    model = full_precision_network()
    kernel, bias = model.get_layer("classifier").get_weights()
    bias[1] = np.nan
    model.get_layer("classifier").set_weights([kernel, bias])
    convert(model, tmp_path / "model.tflite")
    result = verify(model, tmp_path / "model.tflite", random_images())
    assert result.failure == "scores on the 20 images are not all finite numbers: the weights have diverged"
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))["passed"] is False


def test_inputs_of_a_binary_layer_that_are_not_finite_fail(tmp_path):
    model = network(lambda x: binary(x, 8))
    gamma, beta, mean, variance = model.get_layer("stem_bn").get_weights()
    mean[3] = np.nan
    model.get_layer("stem_bn").set_weights([gamma, beta, mean, variance])
    convert(model, tmp_path / "model.tflite")
    assert not verify(model, tmp_path / "model.tflite", random_images()).passed


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (
            random_images(2, 16),
            None,
            r"model 'model.*' takes float32 images of shape \(N, 12, 12, 3\), got \(2, 16, 16, 3\)",
        ),
        (random_images(2).astype(np.uint8), None, "got uint8"),
        (random_images(2), np.zeros(3), r"2 images need labels of shape \(2,\), got \(3,\)"),
        (random_images(2), np.zeros((2, 5)), r"got \(2, 5\)"),
    ],
)
def test_images_and_labels_that_do_not_fit_are_refused(images, labels, message, model, path):
    with pytest.raises(HybridTFError, match=message):
        verify(model, path, images, labels)
