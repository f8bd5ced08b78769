import numpy as np
import pytest

from hybrid_tf import HybridTFError
from hybrid_tf.data import dataset_names, load_dataset


def test_real_digits_in_fixed_splits():
    dataset = load_dataset("digits", validation=0)
    assert (dataset.train.size, dataset.validation, dataset.test.size) == (1437, None, 360)
    assert dataset.image_shape == (32, 32, 1)
    assert dataset.class_names == tuple("0123456789")
    assert dataset.augmentation == "crop"
    images, labels = dataset.test.take(10_000)
    assert images.shape == (360, 32, 32, 1) and images.dtype == np.uint8
    assert images.min() == 0 and images.max() == 255
    assert labels.dtype == np.int32
    assert np.bincount(labels).min() >= 34


def test_the_test_images_do_not_depend_on_the_seed():
    first, second = (load_dataset("digits", seed=seed) for seed in (0, 1))
    np.testing.assert_array_equal(first.test.take(360)[0], second.test.take(360)[0])
    assert not np.array_equal(first.validation.take(100)[0], second.validation.take(100)[0])


def test_validation_is_held_out_of_training():
    dataset = load_dataset("digits", validation=0.2, seed=5)
    assert (dataset.train.size, dataset.validation.size) == (1150, 287)
    train, held_out = (
        {image.tobytes() for image in part.take(part.size)[0]} for part in (dataset.train, dataset.validation)
    )
    assert not train & held_out
    counts = np.bincount(dataset.validation.take(287)[1])
    assert counts.min() >= 27 and counts.max() <= 30


def test_any_size_and_channels():
    dataset = load_dataset("digits", input_size=(28, 40), channels=3)
    assert dataset.image_shape == (28, 40, 3)
    image = dataset.train.take(1)[0][0]
    np.testing.assert_array_equal(image[..., 0], image[..., 2])


def test_limit():
    dataset = load_dataset("digits", limit=50)
    assert (dataset.train.size, dataset.validation.size, dataset.test.size) == (50, 50, 50)
    assert len(set(dataset.train.take(50)[1])) >= 9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"validation": 0.9}, "validation share 0.9 is not valid: choose 0 or more and below 0.9"),
        ({"validation": -0.1}, "validation share -0.1 is not valid"),
        ({"validation": 0.0001}, "validation share 0.0001 of the 1437 training images of digits leaves a part empty"),
        ({"channels": 2}, "2 channels are not possible: choose 1 .grey. or 3 .RGB."),
        ({"input_size": (0, 32)}, "input size .0, 32. is not valid"),
        ({"limit": 0}, "limit 0 is not valid"),
        ({"seed": -1}, "seed -1 is not valid"),
    ],
)
def test_arguments_that_are_not_valid(arguments, message):
    with pytest.raises(HybridTFError, match=message):
        load_dataset("digits", **arguments)


def test_names():
    assert {"digits", "fashion_mnist", "mnist", "cifar10", "cifar100", "svhn_cropped", "imagenet2012"} <= set(
        dataset_names()
    )
