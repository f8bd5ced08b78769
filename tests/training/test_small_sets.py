"""What helps with few images: batch size, weights of classes, the best epoch among ties, patience."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.utils.class_weight import compute_class_weight

from hybrid_tf.config import Config
from hybrid_tf.data import load_dataset
from hybrid_tf.data.in_memory import InMemory
from hybrid_tf.errors import HybridTFError
from hybrid_tf.training.batch_size import chosen_batch_size
from hybrid_tf.training.class_weights import class_weights, weighted
from hybrid_tf.training.recorder import Recorder


@pytest.mark.parametrize(
    ("images", "size"), [(54000, 64), (1293, 64), (1280, 64), (1279, 32), (640, 32), (216, 8), (24, 8), (3, 8)]
)
def test_the_batch_size_follows_the_number_of_images(images, size):
    assert chosen_batch_size(images) == size


@pytest.fixture
def uneven():
    """A data set with 6, 2 and 4 training images of its first three classes, and none of the others."""
    from dataclasses import replace

    labels = np.array([0] * 6 + [1] * 2 + [2] * 4, np.int32)
    return replace(load_dataset("digits", limit=20), train=InMemory(np.zeros((12, 32, 32, 1), np.uint8), labels))


def test_balanced_classes_have_the_weights_of_scikit_learn(uneven):
    found = class_weights(Config(class_weights="balanced"), uneven, 10)
    labels = uneven.train.labels
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    np.testing.assert_allclose(found, [*expected, *[0] * 7], rtol=1e-6)
    assert found[labels].mean() == pytest.approx(1)
    assert class_weights(Config(), uneven, 10) is None


def test_an_image_has_the_weight_of_its_class():
    batches = tf.data.Dataset.from_tensors((tf.zeros((3, 1)), tf.one_hot([2, 0, 1], 3)))
    ((_, _, weights),) = weighted(batches, np.array([0.5, 1.0, 4.0], np.float32))
    np.testing.assert_array_equal(weights, [4.0, 0.5, 1.0])
    assert weighted(batches, None) is batches


def test_labels_that_are_not_known_cannot_be_balanced(uneven):
    uneven.train.labels = None
    with pytest.raises(HybridTFError, match="needs the number of images of each class, which 'digits' does not tell"):
        class_weights(Config(class_weights="balanced"), uneven, 10)


def _recorder(tmp_path, scores, **options):
    recorder = Recorder(tmp_path, tmp_path, **options)
    recorder.rows = [
        {"epoch": epoch, "val_accuracy": accuracy, "val_loss": loss} for epoch, (accuracy, loss) in enumerate(scores, 1)
    ]
    return recorder


@pytest.mark.parametrize(
    ("scores", "first_counted", "best"),
    [
        ([(0.5, 2.0), (0.75, 1.5), (0.75, 1.0), (0.75, 1.2), (0.5, 0.1)], 0, 3),
        ([(0.5, 1.0), (0.5, 1.0)], 0, 1),
        ([(0.9, 0.1), (0.5, 1.0), (0.5, 0.9)], 1, 3),
    ],
)
def test_of_equal_accuracies_the_lowest_loss_is_best(scores, first_counted, best, tmp_path):
    assert _recorder(tmp_path, scores, first_counted=first_counted).best["epoch"] == best


@pytest.mark.parametrize(
    ("scores", "first_counted", "patience", "ends"),
    [
        ([(0.5, 1.0)] * 3, 0, 2, True),
        ([(0.5, 1.0)] * 2, 0, 2, False),
        ([(0.5, 1.0), (0.5, 0.9), (0.5, 1.0)], 0, 2, False),
        ([(0.5, 1.0)] * 9, 0, 0, False),
        ([(0.9, 0.1)] * 4 + [(0.5, 1.0)], 4, 1, False),  # epochs of the first of two stages are not counted
        ([(0.9, 0.1)] * 4, 4, 1, False),
        ([], 0, 1, False),
    ],
)
def test_patience_ends_after_epochs_without_a_better_one(scores, first_counted, patience, ends, tmp_path):
    assert _recorder(tmp_path, scores, first_counted=first_counted, patience=patience).out_of_patience is ends
