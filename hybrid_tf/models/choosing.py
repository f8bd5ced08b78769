"""Which layers of any Keras model a plan makes binary, and why the others stay in full precision."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

import tensorflow as tf

from hybrid_tf.errors import HybridTFError, unknown
from hybrid_tf.models.calls import Call, Calls
from hybrid_tf.models.plan import Plan

_layers = tf.keras.layers
# Activations that a layer can do without where a sign follows: what they do to negative numbers, the sign does.
ACTIVATIONS = ("relu", "relu6", "leaky_relu", "elu", "selu", "swish", "silu", "gelu", "mish", "softplus", "tanh")
HEAD = "head"


def activation_of(layer: tf.keras.layers.Layer) -> str:
    """Returns the name of the activation that a layer is, or ends with; empty for none."""
    if isinstance(layer, _layers.ReLU | _layers.LeakyReLU | _layers.ELU):
        return "relu"
    name = getattr(getattr(layer, "activation", None), "__name__", "linear")
    return "" if name == "linear" else name


def is_activation(layer: tf.keras.layers.Layer) -> bool:
    """Returns whether a layer is one of ACTIVATIONS and nothing else."""
    kinds = _layers.ReLU | _layers.LeakyReLU | _layers.ELU | _layers.Activation
    return isinstance(layer, kinds) and activation_of(layer) in ACTIVATIONS


def has_kernel(layer: tf.keras.layers.Layer) -> bool:
    """Returns whether a layer multiplies by weights: a convolution of any kind, or a dense layer."""
    return hasattr(layer, "kernel_size") or isinstance(layer, _layers.Dense)


@dataclass(frozen=True)
class Choice:
    """What becomes of the layers of a model.

    Attributes:
        binary: the layers that become binary, in order, with their stage: `1`, `2`, ... by the size of what they give,
            the largest first, and `head` for dense layers.
        kept: the other layers with weights to multiply by, with the reason why they stay in full precision.
        padding: the paddings that become those of a binary convolution, with its layer.
    """

    binary: dict[tf.keras.layers.Layer, str]
    kept: dict[tf.keras.layers.Layer, str]
    padding: dict[tf.keras.layers.Layer, tf.keras.layers.Layer]


def choose(calls: Calls, plan: Plan) -> Choice:
    """Returns what a plan makes binary. Its sections and what it keeps are stages, layers, or patterns (`conv4_*`).

    Raises:
        HybridTFError: when the plan names what is not there, or nothing could be binary.
    """
    weighted = [call for call in calls.calls if has_kernel(call.layer)]
    stages, ends = _stages(weighted), _ends(calls)
    padding = {layer: pad for call in weighted for layer, pad in _same_padding(calls, call)}
    kept = {call.layer: reason for call in weighted if (reason := _reason(calls, call, weighted, ends, padding))}
    possible = {call.layer: stages[call.layer] for call in weighted if call.layer not in kept}
    if not possible:
        said = (
            "; ".join(f"{layer.name}: {reason}" for layer, reason in kept.items())
            or "it has no convolution or dense layer"
        )
        raise HybridTFError(f"no layer of this model can be binary: {said}")
    named = None if plan.sections is None else _named(plan.sections, possible)
    spared = _named(plan.keep, possible)
    for layer in possible:
        if layer in spared:
            kept[layer] = "kept by the plan"
        elif named is not None and layer not in named:
            kept[layer] = "in no section of the plan"
    binary = {layer: stage for layer, stage in possible.items() if layer not in kept}
    if not binary:
        raise HybridTFError(f"plan '{plan}' makes no layer of this model binary: name other sections than it keeps")
    return Choice(binary, kept, {pad: layer for layer, pad in padding.items() if layer in binary})


def _named(names: Iterable[str], layers: dict[tf.keras.layers.Layer, str]) -> set[tf.keras.layers.Layer]:
    """Returns the layers that are named by their stages, names or patterns."""
    found = set()
    for name in names:
        fits = {layer for layer, stage in layers.items() if stage == name or fnmatchcase(layer.name, name)}
        if not fits:
            valid = dict.fromkeys([*layers.values(), *(layer.name for layer in layers)])
            raise unknown("stage, layer or pattern", name, valid)
        found |= fits
    return found


def _stages(weighted: list[Call]) -> dict[tf.keras.layers.Layer, str]:
    sizes: list[tuple[int | None, ...]] = []
    stages = {}
    for call in weighted:
        shape = tf.nest.flatten(call.node.outputs)[0].shape
        size = tuple(shape[1:3]) if len(shape) == 4 else ()
        if size and size not in sizes:
            sizes.append(size)
        stages[call.layer] = str(sizes.index(size) + 1) if size else HEAD
    return stages


def _reason(
    calls: Calls,
    call: Call,
    weighted: list[Call],
    ends: dict[tf.keras.layers.Layer, str],
    padding: dict[tf.keras.layers.Layer, tf.keras.layers.Layer],
) -> str:
    """Returns why a layer cannot be binary; empty when it can."""
    layer = call.layer
    if type(layer) not in (_layers.Conv2D, _layers.Dense):
        return f"is a {type(layer).__name__}"
    if sum(other.layer is layer for other in weighted) > 1:
        return "is called more than once"
    if layer in ends:
        return ends[layer]
    if activation_of(layer) not in ("", *ACTIVATIONS):
        return f"ends with {activation_of(layer)}"
    if getattr(layer, "groups", 1) > 1:
        return "has groups"
    if len(call.shapes[0]) != (2 if isinstance(layer, _layers.Dense) else 4) or call.shapes[0][-1] is None:
        return "has an input of another rank, or of unknown depth"
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        return "has its channels first"
    if layer not in padding and any(isinstance(other.layer, _layers.ZeroPadding2D) for other in _makers(calls, call)):
        return "has a padding that padding='same' is not"
    return ""


def _ends(calls: Calls) -> dict[tf.keras.layers.Layer, str]:
    """Returns which layers with weights have none in front of them, or none behind them."""
    behind: set[int] = set()  # tensors that follow from one with weights
    leading: set[int] = set()  # tensors that lead to one
    ends = {}
    for call in calls.calls:
        weighted = has_kernel(call.layer)
        if weighted and not behind.intersection(call.inputs):
            ends[call.layer] = "is the first layer"
        if weighted or behind.intersection(call.inputs):
            behind.update(call.outputs)
    for call in reversed(calls.calls):
        weighted = has_kernel(call.layer)
        if weighted and not leading.intersection(call.outputs):
            ends.setdefault(call.layer, "is the last layer")
        if weighted or leading.intersection(call.outputs):
            leading.update(call.inputs)
    return ends


def _makers(calls: Calls, call: Call) -> list[Call]:
    return [other for other in calls.calls if set(other.outputs).intersection(call.inputs)]


def _same_padding(calls: Calls, call: Call) -> list[tuple[tf.keras.layers.Layer, tf.keras.layers.Layer]]:
    """Returns a convolution and the padding in front of it, when padding="same" gives the shape that both give."""
    makers = _makers(calls, call)
    if type(call.layer) is not _layers.Conv2D or call.layer.padding != "valid" or len(makers) != 1:
        return []
    pad = makers[0]
    if not isinstance(pad.layer, _layers.ZeroPadding2D) or len(calls.readers(pad.outputs[0])) != 1:
        return []
    before, after = pad.shapes[0][1:3], tf.nest.flatten(call.node.outputs)[0].shape[1:3]
    fits = all(
        size is not None and -(-size // stride) == out
        for size, stride, out in zip(before, call.layer.strides, after, strict=True)
    )
    return [(call.layer, pad.layer)] if fits and pad.outputs[0] not in calls.outputs else []
