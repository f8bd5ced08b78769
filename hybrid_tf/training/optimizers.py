"""The optimiser, the learning rate and the loss of a run."""

from collections.abc import Iterable

import tensorflow as tf

from hybrid_tf.config import Config
from hybrid_tf.models.layers import is_binary, weight_layers
from hybrid_tf.training.divergence import FiniteGradients
from hybrid_tf.training.transfer import SLOWER


class TwoRates:
    """In front of an optimiser's class: some variables move by a part of what they would have moved.

    That is a learning rate of their own: the steps of SGD with momentum and of Adam are proportional to the rate.

    Attributes:
        part: what the steps of these variables are multiplied by.
    """

    part = 1.0
    _slower: frozenset[str] = frozenset()

    def slow_down(self, variables: Iterable[tf.Variable], part: float) -> None:
        """Multiplies all steps of `variables` by `part`."""
        self._slower, self.part = frozenset(map(self._var_key, variables)), part

    def part_of(self, variable: tf.Variable) -> float:
        """Returns what the steps of `variable` are multiplied by."""
        return self.part if self._var_key(variable) in self._slower else 1.0

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable) -> None:
        """Changes `variable`, as the optimiser does, by its part."""
        part = self.part_of(variable)
        if part == 1.0:
            super().update_step(gradient, variable)
            return
        before = tf.identity(variable)
        super().update_step(gradient, variable)
        variable.assign(before + part * (variable - before))


class _SGD(FiniteGradients, TwoRates, tf.keras.optimizers.SGD):
    pass


class _Adam(FiniteGradients, TwoRates, tf.keras.optimizers.Adam):
    pass


class Bop(_Adam):
    """Bop for binary kernels (Helwegen et al., arXiv 1906.02107), Adam for all else.

    Such a kernel has no latent weights: a weight is flipped when the moving average of its gradient is above a
    threshold and asks for the other sign. How fast the average moves follows the schedule of the learning rate. Larq's
    Bop wants the optimisers of older Keras, which have no weight decay.
    """

    THRESHOLD = 1e-8
    GAMMA = 1e-3  # at the peak of the schedule

    def __init__(self, learning_rate: object, peak: float, binary: Iterable[tf.Variable], **options: object) -> None:
        super().__init__(learning_rate, **options)
        self._peak = peak
        self._binary = {self._var_key(kernel) for kernel in binary}

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable) -> None:
        """Changes `variable`."""
        key = self._var_key(variable)
        if key not in self._binary:
            super().update_step(gradient, variable)
            return
        average = self._momentums[self._index_dict[key]]
        speed = self.GAMMA * self.part_of(variable) * (self.learning_rate / self._peak)
        average.assign_add(speed * (gradient - average))
        signs = tf.where(variable < 0, -1.0, 1.0)
        variable.assign(tf.where(average * signs > self.THRESHOLD, -signs, signs))


def _learning_rate(config: Config, steps: int) -> tf.keras.optimizers.schedules.LearningRateSchedule:
    peak = config.peak_learning_rate
    if config.schedule == "cosine":
        return tf.keras.optimizers.schedules.CosineDecay(peak, steps)
    return tf.keras.optimizers.schedules.PiecewiseConstantDecay(
        [steps // 2, 3 * steps // 4], [peak, 0.1 * peak, 0.01 * peak]
    )


def _optimizer(config: Config, steps: int, binary: list[tf.Variable]) -> tf.keras.optimizers.Optimizer:
    rate = _learning_rate(config, steps)
    decay = config.weight_decay or None
    if config.optimizer == "sgd":
        return _SGD(rate, momentum=0.9, nesterov=True, weight_decay=decay)
    if config.optimizer == "bop":
        return Bop(rate, config.peak_learning_rate, binary, weight_decay=decay)
    return _Adam(rate, weight_decay=decay)


def compile_model(model: tf.keras.Model, config: Config, steps: int, transferred: Iterable[tf.Variable] = ()) -> None:
    """Gives `model` the optimiser, loss and metrics of `config`, for a schedule of that many steps.

    Variables that were `transferred` from other data learn more slowly, and do not decay: that would pull them away
    from what they have learnt (Li et al., arXiv 1802.01483). Else weight decay acts on the kernels of full-precision
    layers alone: a binary kernel is a sign, so shrinking its latent weights only makes it flip more often.
    """
    transferred = list(transferred)
    optimizer = _optimizer(config, steps, [layer.kernel for layer in weight_layers(model) if is_binary(layer)])
    optimizer.slow_down(transferred, SLOWER)
    decayed = {id(layer.kernel) for layer in weight_layers(model) if not is_binary(layer)} - set(map(id, transferred))
    optimizer.exclude_from_weight_decay([v for v in model.trainable_variables if id(v) not in decayed])
    model.compile(optimizer, loss_of(config), metrics=["accuracy"])


def loss_of(config: Config) -> tf.keras.losses.Loss:
    """Returns the loss of labels and logits [N, classes]."""
    return tf.keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=config.label_smoothing)
