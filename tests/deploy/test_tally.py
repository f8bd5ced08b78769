"""The counting of images in batches: probabilities, the surest mistakes, and their pictures."""

import base64
import io

import numpy as np
import pytest
from PIL import Image
from scipy.special import softmax
from sklearn.metrics import log_loss

from hybrid_tf.data import Normalisation
from hybrid_tf.deploy.tally import LARGEST_PICTURE, MISTAKES, Tally
from hybrid_tf.errors import HybridTFError

NORMALISATION = Normalisation((100.0, 120.0, 140.0), (50.0, 60.0, 70.0))


def tallied(images, labels, scores, batch, *, scores_are="logits", names="abcd", normalisation=NORMALISATION):
    tally = Tally(tuple(names), normalisation, scores_are)
    for start in range(0, len(labels), batch):
        part = slice(start, start + batch)
        tally.add(normalisation.apply(images[part]), labels[part], scores[part])
    return tally.evaluation("set", "lce")


@pytest.fixture
def given():
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (50, 6, 5, 3), np.uint8)
    return images, random.integers(0, 4, 50).astype(np.int32), random.normal(0, 3, (50, 4)).astype(np.float32)


def test_batches_give_what_all_at_once_gives(given):
    assert tallied(*given, batch=7) == tallied(*given, batch=50)


def test_loss_and_mistakes(given):
    images, labels, scores = given
    found, probabilities = tallied(*given, batch=7), softmax(scores.astype(float), axis=1)
    assert found.loss == pytest.approx(log_loss(labels, probabilities, labels=range(4)))
    wrong = np.flatnonzero(scores.argmax(axis=1) != labels)
    surest = sorted(wrong, key=lambda number: -probabilities[number].max())[:MISTAKES]
    assert [item.number for item in found.mistakes] == surest
    for item in found.mistakes:
        assert (item.label, item.predicted) == (labels[item.number], scores[item.number].argmax())
        assert item.probability == pytest.approx(probabilities[item.number].max())
        picture = Image.open(io.BytesIO(base64.b64decode(item.picture)))
        assert np.array_equal(np.asarray(picture), images[item.number])


def test_probabilities_are_taken_as_they_are(given):
    images, labels, scores = given
    found = tallied(images, labels, softmax(scores, axis=1), batch=50, scores_are="probabilities")
    logits = tallied(*given, batch=50)
    assert found.loss == pytest.approx(logits.loss, rel=1e-5)
    assert found.calibration_error == pytest.approx(logits.calibration_error, rel=1e-5)


def test_pictures_are_grey_or_small():
    normalisation = Normalisation((3.0,), (2.0,))
    image = np.arange(200 * 300, dtype=np.uint32).reshape(1, 200, 300, 1).astype(np.uint8)
    found = tallied(image, np.array([1]), np.array([[1.0, 0.0]]), 1, names="ab", normalisation=normalisation)
    picture = Image.open(io.BytesIO(base64.b64decode(found.mistakes[0].picture)))
    assert (picture.size, picture.mode) == ((LARGEST_PICTURE, 64), "L")


def test_outputs_without_a_name_have_a_number(given):
    assert tallied(*given, batch=50, names="ab").class_names == ("a", "b", "output 2", "output 3")


def test_a_score_that_is_no_number_is_named(given):
    images, labels, scores = given
    scores[9, 2] = np.nan
    with pytest.raises(HybridTFError, match="the scores of test image 9 are not finite numbers"):
        tallied(images, labels, scores, batch=7)
