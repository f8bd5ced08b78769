"""Divergence: numbers that are no longer finite, noticed before weights are spoilt, and where it began."""

from collections.abc import Iterable

import tensorflow as tf

MARK = "hybrid_tf: a gradient is not finite"


class FiniteGradients:
    """In front of an optimiser's class: a step whose gradients are not all finite fails and changes no weight.

    The failure is a `tf.errors.InvalidArgumentError` with `MARK` in its message.
    """

    def apply_gradients(
        self, grads_and_vars: Iterable[tuple[tf.Tensor, tf.Variable]], *arguments: object, **options: object
    ) -> object:
        """Changes the variables of (gradient, variable) pairs, as the optimiser does."""
        pairs = list(grads_and_vars)
        finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(gradient)) for gradient, _ in pairs])
        with tf.control_dependencies([tf.debugging.Assert(finite, [MARK])]):  # weight decay waits for it, too
            return super().apply_gradients(pairs, *arguments, **options)


class DivergedError(Exception):
    """The loss is no longer finite."""


def first_not_finite(model: tf.keras.Model, loss: tf.keras.losses.Loss, images: tf.Tensor, labels: tf.Tensor) -> str:
    """Returns which part of a training step of `model` is the first that is not finite; changes its statistics.

    Args:
        model: Keras model from images [N, H, W, C] to logits [N, classes].
        loss: loss of labels and logits.
        images: images of the step [N, H, W, C].
        labels: one-hot labels of the step [N, classes].
    """
    layers = model.layers
    with tf.GradientTape() as tape:
        probe = tf.keras.Model(model.inputs, [layer.output for layer in layers] + model.outputs)
        *values, logits = probe(images, training=True)
        total = loss(labels, logits)
    for layer, value in zip(layers, values, strict=True):
        if not all(map(_is_finite, layer.trainable_weights)):
            return f"the weights of layer '{layer.name}'"
        if not _is_finite(value):
            return f"the output of layer '{layer.name}'"
    if not _is_finite(total):
        return "the loss"
    owner = {id(weight): layer.name for layer in layers for weight in layer.trainable_weights}
    gradients = tape.gradient(total, model.trainable_weights)
    for weight, gradient in reversed(list(zip(model.trainable_weights, gradients, strict=True))):
        if not _is_finite(gradient):
            return f"the gradient of layer '{owner[id(weight)]}'"
    return "a number of the teacher's part"  # all that is the student's was looked at


def _is_finite(value: tf.Tensor) -> bool:
    return bool(tf.reduce_all(tf.math.is_finite(value)))
