import numpy as np
import pytest
import tensorflow as tf

from hybrid_tf.models.layers import binary_conv2d
from hybrid_tf.models.plan import Plan
from hybrid_tf.models.spec import BinarizationConfig
from hybrid_tf.search.sensitivity import (
    LayerScore,
    SectionScore,
    _fisher_scores,
    _in_precision,
    _suggestions,
    components,
)


@pytest.mark.parametrize(("variances", "expected"), [([5, 5, 0, 0], 2), ([98, 1.5, 0.5, 0], 2), ([1, 1, 1, 1], 4)])
def test_components_of_known_variances(variances, expected):
    random = np.random.default_rng(0)
    turned, _ = np.linalg.qr(random.standard_normal((4, 4)))
    vectors = random.standard_normal((20_000, 4)) * np.sqrt(variances) @ turned + 7
    assert components(vectors.sum(0), vectors.T @ vectors, len(vectors)) == expected


@pytest.fixture(scope="module")
def network():
    """A binary convolution and a dense layer."""
    tf.keras.utils.set_random_seed(1)
    inputs = tf.keras.Input((6, 6, 3))
    x = binary_conv2d(inputs, 8, 3, "conv", BinarizationConfig(), padding="same", pad_values=1.0)
    outputs = tf.keras.layers.Dense(4)(tf.keras.layers.Flatten()(x))
    return tf.keras.Model(inputs, outputs)


def test_a_layer_is_restored_and_binary_again(network):
    layer = network.get_layer("conv")
    images = tf.random.normal((2, 6, 6, 3), seed=0)
    clipped = tf.pad(tf.clip_by_value(images, -1, 1), [[0, 0], [1, 1], [1, 1], [0, 0]], constant_values=1.0)
    latent = tf.nn.conv2d(clipped, layer.get_weights()[0], 1, "VALID")
    before = layer(images)
    with _in_precision(layer, None):
        np.testing.assert_allclose(layer(images), latent, rtol=1e-5, atol=1e-5)
    with _in_precision(layer, 8):
        rounded = layer(images)
    assert 0 < np.abs(rounded - latent).max() < 0.05 * np.abs(latent).max()
    np.testing.assert_array_equal(layer(images), before)
    assert set(np.unique(before)) <= set(range(-27, 28))


def test_the_fisher_score_is_the_first_order_change(network):
    layer = network.get_layer("conv")
    images = np.random.default_rng(0).uniform(-0.9, 0.9, (3, 6, 6, 3)).astype(np.float32)
    labels = np.array([0, 1, 2])
    after = tf.keras.Model(layer.output, network.output)

    def loss(values, label):  # of the signs, moved to what they are signs of, without a rounding
        kernel = np.where(layer.get_weights()[0] < 0, -1, 1).astype(np.float32)
        padded = tf.pad(values, [[0, 0], [1, 1], [1, 1], [0, 0]], constant_values=1.0)
        scores = after(tf.nn.conv2d(padded, kernel, 1, "VALID"))
        return tf.nn.sparse_softmax_cross_entropy_with_logits([label], scores)[0]

    expected = []
    for image, label in zip(images, labels, strict=True):
        signs = tf.constant(np.where(image < 0, -1, 1).astype(np.float32)[None])
        with tf.GradientTape() as tape:
            tape.watch(signs)
            value = loss(signs, label)
        expected.append(float(tf.reduce_sum(tape.gradient(value, signs) * (signs - image[None]))) ** 2)
    found = _fisher_scores(network, [layer], (images, labels))
    assert found == {"conv": pytest.approx(np.mean(expected), rel=1e-4)}


def test_what_each_score_suggests():
    layers = [LayerScore("stage2_conv1", "2", 16, 9, True, 1.0), LayerScore("stage2_shortcut", "2", 16, 9, True, None)]
    sections = [
        SectionScore("2", 1000, 0.8, 0.7, 0.9, 0.7, 3.0),
        SectionScore("3", 100, 0.8, 0.7, 0.9, 0.7, 1.0),
        SectionScore("4", 10, 1.2, 0.7, 1.3, 0.7, 0.0),
    ]
    assert _suggestions(Plan.parse("residual"), 1.0, layers, sections) == {
        "components": "residual+keep=stage2_conv1",
        "restored": "residual+sections=2,4",
        "fisher": "residual+sections=2,4",
    }
    assert _suggestions(Plan.parse("full_precision"), 1.0, layers, []) == {"components": "residual+keep=stage2_conv1"}
