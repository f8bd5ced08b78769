"""The optimiser, the learning rate and the loss of a run."""

import tensorflow as tf

from hybrid_tf.analysis.profile import weight_layers
from hybrid_tf.config import Config
from hybrid_tf.layers import is_binary


def _learning_rate(config: Config, steps_per_epoch: int) -> tf.keras.optimizers.schedules.LearningRateSchedule:
    peak, steps = config.peak_learning_rate, config.run_epochs * steps_per_epoch
    if config.schedule == "cosine":
        return tf.keras.optimizers.schedules.CosineDecay(peak, steps)
    return tf.keras.optimizers.schedules.PiecewiseConstantDecay(
        [steps // 2, 3 * steps // 4], [peak, 0.1 * peak, 0.01 * peak]
    )


def _optimizer(config: Config, steps_per_epoch: int) -> tf.keras.optimizers.Optimizer:
    rate = _learning_rate(config, steps_per_epoch)
    decay = config.weight_decay or None
    if config.optimizer == "sgd":
        return tf.keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=decay)
    return tf.keras.optimizers.Adam(rate, weight_decay=decay)


def compile_model(model: tf.keras.Model, config: Config, steps_per_epoch: int) -> None:
    """Gives `model` the optimiser, loss and metrics of `config`.

    Weight decay acts on the kernels of full-precision layers alone: a binary kernel is a sign, so shrinking its latent
    weights only makes it flip more often.
    """
    optimizer = _optimizer(config, steps_per_epoch)
    decayed = {id(layer.kernel) for layer in weight_layers(model) if not is_binary(layer)}
    optimizer.exclude_from_weight_decay([v for v in model.trainable_variables if id(v) not in decayed])
    loss = tf.keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=config.label_smoothing)
    model.compile(optimizer, loss, metrics=["accuracy"])
