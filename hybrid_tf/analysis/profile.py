"""A row for each layer that has weights: its stage, its precision and how many bits it stores."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import tensorflow as tf

from hybrid_tf.layers import is_binary

FULL_PRECISION_BITS = 32
WEIGHT_LAYERS = (tf.keras.layers.Conv2D, tf.keras.layers.Dense)


@dataclass(frozen=True)
class LayerProfile:
    """A convolution or dense layer.

    Attributes:
        name: the Keras layer's name.
        kind: `conv`, written with its kernel as `conv 3x3`, or `dense`.
        precision: `binary` or `full_precision`.
        weights: kernel elements; biases and batch norm are not weights here.
        bits: bits a stored weight takes.
        output_shape: height, width, channels, or features.
        macs: multiply-accumulates for one image.
    """

    name: str
    kind: str
    precision: str
    weights: int
    bits: int
    output_shape: tuple[int, ...]
    macs: int

    def to_dict(self) -> dict[str, Any]:
        """Returns the row as plain JSON values."""
        return asdict(self)


def weight_layers(model: tf.keras.Model) -> list[tf.keras.layers.Layer]:
    """Returns the convolutions and dense layers of a Keras or Larq model, those of nested models included."""
    return [layer for layer in model._flatten_layers(include_self=False) if isinstance(layer, WEIGHT_LAYERS)]


def profile(model: tf.keras.Model) -> list[LayerProfile]:
    """Returns a row for each convolution and dense layer of a Keras or Larq model."""
    return [_row(layer) for layer in weight_layers(model)]


def _row(layer: tf.keras.layers.Layer) -> LayerProfile:
    kernel = tuple(layer.kernel.shape)
    output = tuple(layer.output_shape[1:])
    binary = is_binary(layer)
    return LayerProfile(
        name=layer.name,
        kind=f"conv {kernel[0]}x{kernel[1]}" if len(kernel) == 4 else "dense",
        precision="binary" if binary else "full_precision",
        weights=math.prod(kernel),
        bits=1 if binary else FULL_PRECISION_BITS,
        output_shape=output,
        macs=math.prod(kernel) * math.prod(output[:-1]),
    )
