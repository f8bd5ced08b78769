"""A row for each convolution and dense layer of a model: its stage, its precision, what it stores and computes."""

import tensorflow as tf

from hybrid_tf.graphs.graph import FULL_PRECISION_BITS, LayerProfile
from hybrid_tf.graphs.keras_graph import keras_graph

__all__ = ["FULL_PRECISION_BITS", "WEIGHT_LAYERS", "LayerProfile", "profile", "weight_layers"]

WEIGHT_LAYERS = (tf.keras.layers.Conv2D, tf.keras.layers.Dense)


def weight_layers(model: tf.keras.Model) -> list[tf.keras.layers.Layer]:
    """Returns the convolutions and dense layers of a Keras or Larq model, those of nested models included."""
    return [layer for layer in model._flatten_layers(include_self=False) if isinstance(layer, WEIGHT_LAYERS)]


def profile(model: tf.keras.Model) -> list[LayerProfile]:
    """Returns a row for each convolution and dense layer of a functional or sequential model, in execution order.

    The rows are those of the file it is converted to: a layer that LCE leaves in float32, `QuantDense` for example, is
    full precision here although its weights are signs; `larq.models.summary` counts such weights as 1 bit.

    Raises:
        HybridTFError: as `keras_graph` does.
    """
    return keras_graph(model).layers()
