"""A Keras model of one's own as a hybrid, which learns from the original."""

from collections.abc import Callable

import tensorflow as tf

from hybrid_tf.config import Config
from hybrid_tf.models.binarized import Binarizer
from hybrid_tf.models.calls import calls_of
from hybrid_tf.models.choosing import choose
from hybrid_tf.models.plan import Plan
from hybrid_tf.system.notices import say
from hybrid_tf.training.distillation import softened_divergence

_SHOWN = 3  # names of layers for one reason
_TINY = 1e-7  # below it a probability has no logarithm


def binarize(model: tf.keras.Model, plan: str | Plan = "residual") -> tf.keras.Model:
    """Returns a model like `model` in which the layers that a plan names are binary: compile it, and fit it.

    Its layers have the names of the model's, and their weights as a start. When the model is a classifier, with one
    output [N, classes] of logits or of a softmax, `fit` also compares with what the model gives for the same images,
    as `hybrid-tf train --teacher` does: so train it first. What is saved or converted is the new model alone. One line
    on standard error says which layers stay in full precision, and why.

    Args:
        model: a functional or sequential model; it is not changed.
        plan: `residual`, `xnor`, `sections=...`, `residual+sections=...`, each with `+keep=...`. Sections and what is
            kept are stages (`1`, `2`, ... in the order of the sizes of maps, and `head` for dense layers), names of
            layers, or patterns (`conv4_*`).

    Raises:
        HybridTFError: when the model is subclassed, the plan names what is not there, or no layer can be binary.
    """
    plan = Plan.parse(plan) if isinstance(plan, str) else plan
    calls = calls_of(model)
    choice = choose(calls, plan)
    student = Binarizer(model, calls, choice, plan.residual).build()
    say(f"{len(choice.binary)} layers are binary. In full precision: {_listed(choice.kept)}")
    kind = _scores_of(model)
    if kind is None:
        say("the model is no classifier with logits or a softmax, so it does not teach the binary one")
    else:
        # An attribute, not a subclass: what is saved is a plain functional model.
        student.train_step = _taught(student, model, _LOGITS[kind])
    return student


def _listed(kept: dict[tf.keras.layers.Layer, str]) -> str:
    """Returns names with their reasons as text; of many with one reason the first."""
    by_reason: dict[str, list[str]] = {}
    for layer, reason in kept.items():
        by_reason.setdefault(reason, []).append(layer.name)
    shown = {
        reason: ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
        for reason, names in by_reason.items()
    }
    return "; ".join(f"{names} ({reason})" for reason, names in shown.items())


def _scores_of(model: tf.keras.Model) -> str | None:
    """Returns the last activation of a classifier, `linear` or `softmax`; None of another model."""
    if len(model.outputs) != 1 or len(model.outputs[0].shape) != 2 or model.outputs[0].shape[-1] == 1:
        return None
    activation = getattr(model.outputs[0]._keras_history.layer, "activation", None)
    name = getattr(activation, "__name__", "linear")
    return name if name in _LOGITS else None


_LOGITS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "linear": tf.identity,
    "softmax": lambda scores: tf.math.log(scores + _TINY),
}


def _taught(
    student: tf.keras.Model, teacher: tf.keras.Model, logits: Callable[[tf.Tensor], tf.Tensor]
) -> Callable[[tuple[tf.Tensor, ...]], dict[str, tf.Tensor]]:
    """Returns a training step with the loss of `distillation.Distillation`, in the proportions of its defaults."""
    share, temperature = (Config.__dataclass_fields__[name].default for name in ("distillation", "temperature"))

    def train_step(data: tuple[tf.Tensor, ...]) -> dict[str, tf.Tensor]:
        images, labels, weights = tf.keras.utils.unpack_x_y_sample_weight(data)
        expected = logits(teacher(images, training=False))
        with tf.GradientTape() as tape:
            scores = student(images, training=True)
            imitation = softened_divergence(expected, logits(scores), temperature)
            if weights is not None:
                imitation *= tf.cast(weights, imitation.dtype)
            loss = (1 - share) * student.compute_loss(images, labels, scores, weights)
            loss += share * tf.reduce_mean(imitation)
        student.optimizer.minimize(loss, student.trainable_variables, tape=tape)
        return student.compute_metrics(images, labels, scores, weights)

    return train_step
