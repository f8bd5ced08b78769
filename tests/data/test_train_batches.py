import numpy as np
import pytest
import tensorflow as tf

import hybrid_tf  # noqa: F401
from hybrid_tf import HybridTFError
from hybrid_tf.config import AUGMENTATIONS
from hybrid_tf.data import load_dataset, train_batches
from hybrid_tf.data.augment import augment, random_boxes


def epochs_of(dataset, first_epoch=0, epochs=3, batch_size=16, seed=4, augmentation="resized-crop-flip"):
    batches, steps = train_batches(
        dataset, batch_size=batch_size, seed=seed, first_epoch=first_epoch, epochs=epochs, augmentation=augmentation
    )
    batches = [(images.numpy(), labels.numpy()) for images, labels in batches]
    assert len(batches) == steps * (epochs - first_epoch)
    return [batches[start : start + steps] for start in range(0, len(batches), steps)]


def assert_same(first, second):
    for (images, labels), (other_images, other_labels) in zip(first, second, strict=True):
        np.testing.assert_array_equal(images, other_images)
        np.testing.assert_array_equal(labels, other_labels)


@pytest.fixture(params=["memory", "streamed folder", "streamed records"])
def dataset(request, image_folder):
    if request.param == "memory":
        return load_dataset("digits", limit=70)
    request.getfixturevalue("streaming")
    if request.param == "streamed folder":
        return load_dataset(str(image_folder({"cat": 40, "dog": 40}, size=(40, 36))))
    return load_dataset("cifar10", data_dir=request.getfixturevalue("prepared"), limit=70)


@pytest.mark.parametrize("augmentation", AUGMENTATIONS)
def test_a_resumed_run_sees_the_batches_of_the_unbroken_one(dataset, augmentation):
    unbroken = epochs_of(dataset, augmentation=augmentation)
    tf.random.set_seed(1234)  # the program's own state must not matter
    resumed = epochs_of(dataset, first_epoch=2, augmentation=augmentation)
    assert_same(unbroken[2], resumed[0])


def test_epochs_and_seeds_differ(dataset):
    first, second, _ = epochs_of(dataset)
    other_seed = epochs_of(dataset, seed=5, epochs=1)[0]
    for other in (second, other_seed):
        assert any(not np.array_equal(ours[1], theirs[1]) for ours, theirs in zip(first, other, strict=True))


def test_an_epoch_shows_no_image_twice(dataset):
    for epoch in epochs_of(dataset, augmentation="none", batch_size=7):
        images = [image.tobytes() for images, _ in epoch for image in images]
        assert len(set(images)) == len(images) == dataset.train.size // 7 * 7


def test_shapes_and_types(dataset):
    (images, labels), *_ = epochs_of(dataset, epochs=1)[0]
    assert images.shape == (16, *dataset.image_shape) and images.dtype == np.float32
    assert labels.shape == (16,) and labels.dtype == np.int32


def test_fewer_images_than_a_batch(dataset):
    batches, steps = train_batches(dataset, batch_size=1000, seed=0, first_epoch=0, epochs=2, augmentation="crop")
    assert steps == 1
    assert [len(labels) for _, labels in batches] == [dataset.train.size] * 2


def test_no_epochs_left():
    assert epochs_of(load_dataset("digits", limit=20), first_epoch=3) == []


def test_evaluation_batches_are_in_order_and_complete(dataset):
    images, labels = dataset.test.take(dataset.test.size)
    batches = list(dataset.test.batches(7, dataset.normalisation))
    assert len(batches[-1][1]) == (dataset.test.size % 7 or 7)
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in batches]), labels)
    np.testing.assert_allclose(
        np.concatenate([images for images, _ in batches]), dataset.normalisation.apply(images), atol=1e-5
    )


def test_unknown_augmentation():
    with pytest.raises(HybridTFError, match="unknown augmentation 'crop-flop': did you mean 'crop-flip'"):
        epochs_of(load_dataset("digits", limit=20), augmentation="crop-flop")


IMAGES = np.random.default_rng(0).integers(0, 256, (64, 32, 24, 3), np.uint8)


def augmented(augmentation, seed=(1, 2)):
    return augment(tf.constant(IMAGES), augmentation, tf.constant(seed, tf.int64)).numpy()


def test_crop_shifts_by_up_to_an_eighth_and_reflects():
    padded = np.pad(IMAGES, ((0, 0), (4, 4), (3, 3), (0, 0)), mode="reflect")
    found = set()
    for index, image in enumerate(augmented("crop")):
        places = [
            (y, x) for y in range(9) for x in range(7) if np.array_equal(image, padded[index, y : y + 32, x : x + 24])
        ]
        found.update(places[:1])
        assert places
    assert {y for y, _ in found} == set(range(9)) and {x for _, x in found} == set(range(7))


def test_flip_mirrors_about_half():
    images = augmented("flip")
    same = (images == IMAGES).all((1, 2, 3))
    mirrored = (images == IMAGES[:, :, ::-1]).all((1, 2, 3))
    assert (same ^ mirrored).all() and 20 < mirrored.sum() < 44


def test_none_changes_nothing():
    np.testing.assert_array_equal(augmented("none"), IMAGES)


def test_resized_crops_stay_inside_the_image():
    images = tf.fill((500, 32, 32, 1), tf.constant(200, tf.uint8))  # what lies outside would be black
    for seed in range(5):
        crops = augment(images, "resized-crop-flip", tf.constant([seed, 0], tf.int64)).numpy()
        assert crops.shape == (500, 32, 32, 1)
        np.testing.assert_allclose(crops, 200, atol=1e-2)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (300, 500), (50, 400)])
def test_random_boxes_have_the_area_and_ratio_of_imagenet_training(height, width):
    boxes = random_boxes(4000, height, width, tf.constant([3, 4])).numpy()
    assert boxes.min() >= 0 and boxes.max() <= 1 + 1e-6
    sides = (boxes[:, 2:] - boxes[:, :2]) * [height, width]
    whole = np.isclose(boxes, [0, 0, 1, 1]).all(1)  # none of ten draws fitted
    area = sides.prod(1) / (height * width)
    assert area.min() > 0.0799 and area.max() < 1.0001
    ratio = (sides[:, 1] / sides[:, 0])[~whole]
    assert ratio.min() > 0.7499 and ratio.max() < 1.3334
    if height == width:
        assert 0.3 < area.mean() < 0.5 and whole.mean() < 0.01
