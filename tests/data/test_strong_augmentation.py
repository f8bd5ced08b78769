import numpy as np
import pytest
import tensorflow as tf

import hybrid_tf  # noqa: F401
from hybrid_tf.data.augment import augment
from hybrid_tf.data.strong_augmentation import _moved, _partly_hidden, _recoloured, _transforms

IMAGES = np.random.default_rng(0).integers(0, 256, (16, 32, 24, 3), np.uint8)
SEED = tf.constant([1, 2], tf.int64)
MIDDLE = 0.5  # of the limits of a magnitude: no change


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_pixels_stay_pixels_and_a_seed_gives_the_same(channels, kind):
    images = tf.constant(IMAGES[..., :channels].astype(kind))
    found = augment(images, "strong-flip", SEED).numpy()
    assert found.shape == images.shape and found.dtype == np.float32
    assert found.min() >= 0 and found.max() <= 255
    np.testing.assert_array_equal(found, augment(images, "strong-flip", SEED))
    assert (np.abs(found - augment(images, "strong-flip", SEED + 1)) > 1).mean() > 0.9


@pytest.mark.parametrize("augmentation", ["strong", "strong-flip"])
def test_a_shard_sees_what_the_whole_batch_does(augmentation):
    whole = augment(tf.constant(IMAGES), augmentation, SEED)
    for first in (0, 4, 12):
        part = augment(tf.constant(IMAGES[first : first + 4]), augmentation, SEED, first, len(IMAGES))
        np.testing.assert_array_equal(part, whole[first : first + 4])


def test_images_are_shifted_about_the_middle_and_the_border_is_reflected():
    images = tf.constant(IMAGES, tf.float32)
    shares = np.full((len(IMAGES), 5), MIDDLE, np.float32)
    np.testing.assert_allclose(_moved(images, _transforms(shares, 32, 24)), images, atol=0.1)
    shares[:, 3:] = 1.0  # an eighth of 32 rows and of 24 columns
    padded = np.pad(IMAGES, ((0, 0), (0, 4), (0, 3), (0, 0)), mode="symmetric")
    np.testing.assert_allclose(_moved(images, _transforms(shares, 32, 24)), padded[:, 4:, 3:], atol=0.1)


def test_images_are_turned_and_scaled_about_their_centre():
    rows, columns = np.mgrid[:33, :33] - 16.0
    wedge = (np.abs(np.arctan2(columns, -rows)) < 0.2)[None, ..., None] * np.float32(255)  # it points up
    turned = _moved(wedge, _transforms([[1.0, MIDDLE, MIDDLE, MIDDLE, MIDDLE]], 33, 33))[0, ..., 0].numpy()
    angle = np.arctan2((turned * columns).sum(), -(turned * rows).sum())
    assert abs(angle) == pytest.approx(np.radians(15), abs=0.03)
    square = (np.maximum(abs(rows), abs(columns)) <= 8)[None, ..., None] * np.float32(255)
    scaled = _moved(square, _transforms([[MIDDLE, 1.0, 0.0, MIDDLE, MIDDLE]], 33, 33))[0, ..., 0].numpy() > 127
    assert (scaled.any(axis=1).sum(), scaled.any(axis=0).sum()) == (21, 13)  # 17 times 1.25, and times 0.8


def test_colours_change_by_their_factors():
    images = tf.constant(IMAGES, tf.float32)
    one = np.ones((len(IMAGES), 3), np.float32)
    np.testing.assert_allclose(_recoloured(images, one), images, atol=1e-3)
    darker, flatter, paler = (one * factors for factors in np.float32([[0.6, 1, 1], [1, 0.6, 1], [1, 1, 0.6]]))
    np.testing.assert_allclose(_recoloured(images, darker), 0.6 * IMAGES, atol=1e-3)
    mean = IMAGES.mean(axis=(1, 2, 3), keepdims=True)
    np.testing.assert_allclose(_recoloured(images, flatter), mean + 0.6 * (IMAGES - mean), atol=1e-3)
    grey = tf.image.rgb_to_grayscale(images).numpy()
    np.testing.assert_allclose(_recoloured(images, paler), grey + 0.6 * (IMAGES - grey), atol=1e-3)
    np.testing.assert_array_equal(_recoloured(images * 0 + 250, one * np.float32(1.4)), 255)


def test_a_square_of_the_mean_colour_is_hidden():
    images = tf.constant(IMAGES, tf.float32)
    found = _partly_hidden(images, np.full((len(IMAGES), 3), [1.0, 0.5, 0.5], np.float32)).numpy()
    hidden = (found == found[:, 16:17, 12:13]).all(axis=(0, 3))
    expected = np.zeros((32, 24), bool)
    expected[10:22, 6:18] = True  # half of the shorter side
    np.testing.assert_array_equal(hidden, expected)
    np.testing.assert_allclose(found[:, 16, 12], IMAGES.mean(axis=(1, 2)), atol=0.01)
    np.testing.assert_array_equal(_partly_hidden(images, np.zeros((len(IMAGES), 3), np.float32)), images)
