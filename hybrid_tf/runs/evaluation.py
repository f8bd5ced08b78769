"""Accuracy of a Keras model on images."""

from typing import Any

import tensorflow as tf

from hybrid_tf.data import Examples, Normalisation

BATCH_SIZE = 128


def one_hot(batches: tf.data.Dataset, classes: int) -> tf.data.Dataset:
    """Returns `batches` of (images, integer labels) with labels [N, classes] instead."""
    return batches.map(lambda images, labels: (images, tf.one_hot(labels, classes)), tf.data.AUTOTUNE)


def evaluate(model: tf.keras.Model, examples: Examples, normalisation: Normalisation) -> dict[str, Any]:
    """Returns top-1 accuracy (0 to 1), cross-entropy loss and the number of images.

    Args:
        model: Keras model from images [N, H, W, C] to logits [N, classes].
        examples: images and labels to evaluate on.
        normalisation: normalisation that the model was trained with.
    """
    if not model.optimizer:
        model.compile(loss=tf.keras.losses.CategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    batches = one_hot(examples.batches(BATCH_SIZE, normalisation), model.output_shape[-1])
    with examples.clear_errors():
        loss, accuracy = model.evaluate(batches, verbose=0)
    return {"accuracy": accuracy, "loss": loss, "images": examples.size}
