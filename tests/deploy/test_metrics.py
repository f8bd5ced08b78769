"""The numbers of an evaluation, against scikit-learn, against tables, and by hand."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import balanced_accuracy_score, recall_score

from hybrid_tf.deploy.metrics import BINS, Evaluation, calibration_bins, confusion_of, wilson_interval


def evaluation(labels, predicted, names, probabilities=None):
    labels, predicted = np.asarray(labels), np.asarray(predicted)
    probabilities = np.full(len(labels), 0.5) if probabilities is None else np.asarray(probabilities)
    bins = calibration_bins(probabilities, labels == predicted)
    return Evaluation("set", "Keras", tuple(names), confusion_of(labels, predicted, len(names)), 0.0, bins, ())


def test_numbers_of_classes_are_those_of_scikit_learn():
    random = np.random.default_rng(0)
    labels = random.integers(0, 5, 400)
    predicted = np.where(random.random(400) < 0.7, labels, random.integers(0, 5, 400))
    found = evaluation(labels, predicted, "abcde")
    assert found.images == 400
    assert found.accuracy == np.mean(labels == predicted)
    assert found.balanced_accuracy == pytest.approx(balanced_accuracy_score(labels, predicted))
    assert [row.accuracy for row in found.classes] == pytest.approx(recall_score(labels, predicted, average=None))
    row, column, images = found.confusions[0]
    counts = [[int(np.sum((labels == i) & (predicted == j))) * (i != j) for j in range(5)] for i in range(5)]
    assert images == np.max(counts) == counts[row][column]
    assert "abcde"[int(np.argmax(counts[2]))] == found.classes[2].taken_for


@pytest.mark.parametrize(
    ("right", "images", "low", "high"),
    # The limits solve |p - right / images| = 1.959964 * sqrt(p * (1 - p) / images); worked out by hand for 0 and all.
    [(0, 10, 0.0, 0.277533), (10, 10, 0.722467, 1.0), (8, 10, 0.490162, 0.943318), (95, 100, 0.888250, 0.978456)],
)
def test_wilson_interval(right, images, low, high):
    found = wilson_interval(right, images)
    assert found == pytest.approx((low, high), abs=1e-6)
    for end in found:
        if 0 < end < 1:
            assert abs(end - right / images) == pytest.approx(1.959964 * np.sqrt(end * (1 - end) / images), rel=1e-5)


def test_calibration_is_that_of_the_paper():
    # Two bins: four images of 0.9 of which half are right, and one right image of 0.4.
    found = evaluation([0, 0, 1, 1, 1], [0, 0, 0, 0, 1], "ab", [0.9, 0.9, 0.9, 0.9, 0.4])
    assert found.calibration_error == pytest.approx(4 / 5 * (0.9 - 0.5) + 1 / 5 * (1 - 0.4))
    random = np.random.default_rng(1)
    probabilities = random.uniform(0, 1, 1000)
    right = random.random(1000) < probabilities**2
    bins = [row for row in calibration_bins(probabilities, right) if row.images]
    shares, means = calibration_curve(right, probabilities, n_bins=BINS)
    assert [row.accuracy for row in bins] == pytest.approx(shares)
    assert [row.confidence for row in bins] == pytest.approx(means)
    assert sum(row.images for row in bins) == 1000


def test_bins_of_few_images_have_a_caveat():
    probabilities = [0.95] * 30 + [0.5] * 9 + [0.3] * 1
    found = evaluation([0] * 40, [0] * 40, "ab", probabilities)
    assert found.calibration_caveat == (
        "2 of the 3 bins that have images have fewer than 10 (10 of the 40 images are in them): chance decides what is "
        "right there, and it adds to the error"
    )
    assert found.to_dict()["calibration"]["caveat"] == found.calibration_caveat
    assert evaluation([0] * 40, [0] * 40, "ab", [0.95] * 30 + [0.5] * 10).to_dict()["calibration"]["caveat"] is None
    low, high = wilson_interval(5, 10)
    assert 0.52 < high - low < 0.53  # what one bin of the least size says


def test_the_ends_of_the_probabilities_are_in_the_outer_bins():
    bins = calibration_bins(np.array([0.0, 1.0, 1 / BINS]), np.array([False, True, True]))
    assert (bins[0].images, bins[-1].images) == (2, 1)  # a bin has its upper end: (0, 1/15]


def test_uneven_classes_are_told():
    labels = [0] * 950 + [1] * 50
    (warning,) = evaluation(labels, [0] * 1000, ["cat", "dog"]).warnings
    assert "95.00 % are right" in warning
    assert "always saying 'cat' would get 95.00 % right, as 950 of the 1,000 images" in warning
    assert "balanced accuracy, 50.00 %" in warning
    # Worse than that answer, and a little better: still told.
    assert evaluation(labels, [0] * 940 + [1] * 10 + [0] * 50, ["cat", "dog"]).warnings
    assert evaluation(labels, [0] * 960 + [1] * 40, ["cat", "dog"]).warnings == []  # most of its mistakes are gone
    assert evaluation([0, 1] * 50, [0] * 100, ["cat", "dog"]).warnings == []  # even, and poor
    assert evaluation([0] * 70 + [1] * 30, [0] * 95 + [1] * 5, ["cat", "dog"]).warnings


def test_classes_without_images_are_told_and_not_counted():
    found = evaluation([0, 0, 2, 2], [0, 1, 2, 2], ["a", "b", "c"])
    assert found.balanced_accuracy == 0.75
    assert (found.classes[1].accuracy, found.classes[1].interval) == (None, None)
    assert found.warnings == ["1 of 3 classes have no test image, so nothing is known about them: 'b'"]
    assert found.to_dict()["classes"][1]["images"] == 0


def test_one_image():
    found = evaluation([1], [1], ["a", "b"])
    assert (found.accuracy, found.balanced_accuracy) == (1, 1)
    assert found.interval == pytest.approx((0.206549, 1), abs=1e-6)
    assert found.to_dict()["confusion_matrix"] == [[0, 0], [0, 1]]
