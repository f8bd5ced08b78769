import json

import numpy as np
import pytest

from hybrid_tf.data import Normalisation, load_dataset


def test_measured_on_the_training_images():
    dataset = load_dataset("digits", channels=3)
    images, _ = dataset.train.take(dataset.train.size)
    np.testing.assert_allclose(dataset.normalisation.mean, images.mean((0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(dataset.normalisation.std, images.std((0, 1, 2)), rtol=1e-6)
    normalised = dataset.normalisation.apply(images)
    assert normalised.dtype == np.float32
    np.testing.assert_allclose(normalised.mean((0, 1, 2), float), 0, atol=1e-4)
    np.testing.assert_allclose(normalised.std((0, 1, 2), float), 1, atol=1e-4)


def test_survives_json():
    normalisation = Normalisation((1.5, 2.0, 3.0), (4.0, 5.0, 6.25))
    assert Normalisation.from_dict(json.loads(json.dumps(normalisation.to_dict()))) == normalisation


def test_a_channel_without_contrast_does_not_divide_by_zero():
    normalisation = Normalisation.measure([np.full((2, 4, 4, 1), 7, np.uint8)])
    assert normalisation == Normalisation((pytest.approx(7.0),), (1.0,))
