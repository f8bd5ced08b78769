"""The layers at a model's start that scale pixels, and whether they show that it takes pixels from 0 to 255.

A model that begins with `Rescaling(1 / 255)` takes pixels as they are: a normalisation in front of it would be one too
many. Layers alone do not always tell: behind a `Normalization` that was adapted to pixels from 0 to 1 these still come.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from hybrid_tf.compiler.binary_layers import calls_through, layers_of
from hybrid_tf.compiler.graph_rules import readers, same, source
from hybrid_tf.compiler.tracing import IMAGE, image_shape, trace_model

HIGHEST_PIXEL = 255
# What images may be scaled to inside of a model: a width of values, no further from zero than they are wide.
_LEAST_WIDTH, _LARGEST_WIDTH = 0.25, 600.0
_OTHER_RANGES = ((0.0, 1.0), (-1.0, 1.0))  # that programs scale pixels to before a model sees them
_ARITHMETIC = ("multiply", "divide", "truediv", "add", "subtract", "add_v2", "cast", "mul", "sub", "identity")


@dataclass(frozen=True)
class PixelLayers:
    """The layers at a model's start that scale pixels.

    Attributes:
        names: names of the layers, in order.
        lowest, highest: what pixels of 0 and 255 become, by channel; the lower end and the higher.
        takes_pixels: whether of the usual ranges of inputs only pixels from 0 to 255 make sense in front of them.
    """

    names: tuple[str, ...]
    lowest: float
    highest: float
    takes_pixels: bool

    def __str__(self) -> str:
        listed = ", ".join(f"'{name}'" for name in self.names)
        what = f"layer {listed} turns" if len(self.names) == 1 else f"layers {listed} turn"
        return f"{what} 0 to {HIGHEST_PIXEL} into {self.lowest:g} to {self.highest:g}"


@dataclass(frozen=True)
class _Call:
    layer: tf.keras.layers.Layer
    call: Callable[[tf.Tensor], tf.Tensor]
    inputs: tf.Tensor
    outputs: tf.Tensor


def pixel_layers(model: tf.keras.Model) -> PixelLayers | None:
    """Returns the layers at the start of a model that scale pixels; None where the first one does something else.

    They are `Rescaling`, `Normalization`, and arithmetic with constants (`image / 255`), in nested models, too, and
    behind layers that only act in training. What a subclassed model computes outside of layers is not seen.

    Raises:
        HybridTFError: when the model cannot be run on one image.
    """
    chain = _chain(model)
    if not chain:
        return None

    def scaled(value: float) -> np.ndarray:
        values = tf.fill((1, *image_shape(model)), tf.constant(value, tf.float32))
        for call in chain:
            values = call.call(values)
        return np.asarray(values, np.float64)

    def makes_sense(low: float, high: float) -> bool:
        ends = np.stack([scaled(low), scaled(high)])
        low, high = float(ends.min()), float(ends.max())
        return _LEAST_WIDTH <= high - low <= _LARGEST_WIDTH and max(low, -high) <= high - low

    ends = np.stack([scaled(0), scaled(HIGHEST_PIXEL)])
    takes_pixels = makes_sense(0, HIGHEST_PIXEL) and not any(makes_sense(*ends) for ends in _OTHER_RANGES)
    names = tuple(call.layer.name for call in chain)
    return PixelLayers(names, float(ends.min()), float(ends.max()), takes_pixels)


def _chain(model: tf.keras.Model) -> list[_Call]:
    """Returns the calls at the start of `model` that scale pixels, each alone reading what the one before gives."""
    candidates = [layer for layer in layers_of(model) if _scales(layer)]
    calls: list[_Call] = []

    def around(layer: tf.keras.layers.Layer, call: Callable, inputs: Any, *args: Any, **kwargs: Any) -> tf.Tensor:
        outputs = call(inputs, *args, **kwargs)
        alone = not any(map(tf.is_symbolic_tensor, tf.nest.flatten((args, kwargs))))
        if alone and tf.is_symbolic_tensor(inputs) and tf.is_symbolic_tensor(outputs):
            calls.append(_Call(layer, lambda values: call(values, *args, **kwargs), inputs, outputs))
        return outputs

    with calls_through(candidates, around):
        function = trace_model(model, calls.clear).function
    current, chain = function.graph.get_tensor_by_name(f"{IMAGE}:0"), []
    while True:
        following = [call for call in calls if same(source(call.inputs), source(current))]
        following = [call for call in following if not same(source(call.outputs), source(current))]
        if len(following) != 1 or len(readers(source(current))) != 1:
            break
        chain.append(following[0])
        current = following[0].outputs
    return chain


def _scales(layer: tf.keras.layers.Layer) -> bool:
    kinds = (tf.keras.layers.Rescaling, tf.keras.layers.Normalization)
    function = getattr(layer, "symbol", "") if type(layer).__name__ == "TFOpLambda" else ""
    return isinstance(layer, kinds) or function.rpartition(".")[2] in _ARITHMETIC
