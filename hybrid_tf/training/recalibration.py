"""Batch norm's statistics, measured again when the weights no longer change.

While a network trains they are moving averages over weights that change; those of binary layers change by flips.
"""

import numpy as np
import tensorflow as tf


def recalibrate(model: tf.keras.Model, batches: tf.data.Dataset) -> None:
    """Sets the statistics of all batch norms of `model` to their means over `batches`, of (images, labels)."""
    norms = [layer for layer in model.layers if isinstance(layer, tf.keras.layers.BatchNormalization)]
    statistics = [value for norm in norms for value in (norm.moving_mean, norm.moving_variance)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0  # so that the moving averages are those of one batch

    @tf.function
    def measure(images: tf.Tensor) -> list[tf.Tensor]:
        model(images, training=True)
        return [tf.identity(value) for value in statistics]

    sums = [0.0] * len(statistics)
    count = 0
    for images, _ in batches:
        sums = [total + value.numpy().astype(np.float64) for total, value in zip(sums, measure(images), strict=True)]
        count += 1
    for value, total in zip(statistics, sums, strict=True):
        value.assign((total / count).astype(np.float32))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
