"""The layers that scale pixels are recognised, and what they show: pixels from 0 to 255, or nothing."""

import pytest
import tensorflow as tf

from hybrid_tf.compiler.pixel_layers import pixel_layers

layers = tf.keras.layers
SHAPE = (8, 8, 3)


def model_behind(start):
    image = layers.Input(SHAPE)
    return tf.keras.Model(image, layers.Dense(5)(layers.Flatten()(start(image))))


@pytest.mark.parametrize(
    ("start", "lowest", "highest", "takes_pixels"),
    [
        (lambda x: layers.Rescaling(1 / 255)(x), 0, 1, True),
        (lambda x: layers.Rescaling(1 / 127.5, -1)(x), -1, 1, True),
        (lambda x: layers.Rescaling(1.0, -120.0)(x), -120, 135, True),
        (lambda x: x / 255.0, 0, 1, True),
        (lambda x: (x - 127.5) * (1 / 127.5), -1, 1, True),
        (lambda x: layers.Normalization(mean=[50.0] * 3, variance=[2500.0] * 3)(x), -1, 4.1, True),
        (
            lambda x: layers.Normalization(mean=[0.5] * 3, variance=[0.25] * 3)(layers.Rescaling(1 / 255)(x)),
            -1,
            1,
            True,
        ),
        (lambda x: tf.keras.applications.mobilenet_v2.preprocess_input(x), -1, 1, True),
        # What behind these makes sense is pixels that were scaled before.
        (lambda x: layers.Normalization(mean=[0.5] * 3, variance=[0.25] * 3)(x), -1, 509, False),
        (lambda x: layers.Rescaling(255.0)(x), 0, 65025, False),
    ],
)
def test_what_scales_pixels(start, lowest, highest, takes_pixels):
    found = pixel_layers(model_behind(start))
    assert (found.lowest, found.highest) == pytest.approx((lowest, highest), abs=1e-4)
    assert found.takes_pixels == takes_pixels


def test_it_is_seen_in_nested_models_behind_what_only_acts_in_training():
    inner = tf.keras.Sequential([layers.RandomFlip(), layers.RandomRotation(0.1), layers.Rescaling(1 / 255)])
    found = pixel_layers(model_behind(inner))
    assert str(found) == f"layer '{inner.layers[-1].name}' turns 0 to 255 into 0 to 1"
    assert found.takes_pixels


def test_a_subclassed_model_shows_its_layers():
    class Mine(tf.keras.Model):
        def __init__(self):
            super().__init__()
            self.scale, self.flat, self.dense = layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(2)

        def call(self, image):
            return self.dense(self.flat(self.scale(image)))

    model = Mine()
    model(tf.zeros((1, *SHAPE)))
    assert pixel_layers(model).takes_pixels


@pytest.mark.parametrize(
    "start",
    [
        lambda x: x,
        lambda x: layers.Conv2D(4, 3)(x),
        lambda x: layers.Concatenate()([x, layers.Rescaling(1 / 255)(x)]),  # pixels are read beside it
        lambda x: 1 - x,
        lambda x: x * layers.Conv2D(3, 1)(x),
    ],
)
def test_what_does_not(start):
    assert pixel_layers(model_behind(start)) is None
