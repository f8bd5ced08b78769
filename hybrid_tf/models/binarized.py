"""Any Keras model with binary layers in it, in the order that trains and that a converter fuses.

Replacing convolutions one for one does not train: a ReLU in front of a sign leaves +1 alone. So the calls of the model
are repeated, and

- a binary layer is sign, convolution padded with ones, batch norm; the model's own batch norm behind it, also behind
  an activation or a pooling, is that one;
- an activation on the way to a sign is put off, until a full-precision layer reads the same numbers;
- a sign sees numbers around zero: in front of a max pooling a batch norm starts below it, and what no batch norm has
  centred gets one.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from hybrid_tf.models.calls import Call, Calls
from hybrid_tf.models.choosing import ACTIVATIONS, Choice, activation_of, has_kernel, is_activation
from hybrid_tf.models.layers import POOL_BETA, average_pool, batch_norm, binary_conv2d
from hybrid_tf.models.spec import BinarizationConfig

_layers = tf.keras.layers
_POOLS = (_layers.MaxPooling2D, _layers.AveragePooling2D)
_IDENTITIES = (_layers.Dropout, _layers.SpatialDropout2D, _layers.Flatten, _layers.Reshape)
_JOINS = (_layers.Add, _layers.Concatenate)


@dataclass(frozen=True)
class _Value:
    """A tensor of the new model, with the activation that is put off, and whether numbers are around zero or below."""

    tensor: Any
    activation: tf.keras.layers.Layer | None = None
    centred: bool = False
    below: bool = False


class Binarizer:
    """Builds the model in which what was chosen is binary.

    Args:
        model: the functional model.
        calls: its calls.
        choice: what becomes of its layers.
        residual: whether binary layers get a shortcut where shapes allow: none where the depth changes, but for one
            that doubles.
    """

    def __init__(self, model: tf.keras.Model, calls: Calls, choice: Choice, residual: bool) -> None:
        self._model, self._calls, self._choice, self._residual = model, calls, choice, residual
        self._norms = {
            norm: call.layer for call in calls.calls if call.layer in choice.binary and (norm := self._norm(call))
        }
        self._values: dict[int, _Value] = {}
        self._activated: dict[int, Any] = {}
        self._copies: dict[tf.keras.layers.Layer, tf.keras.layers.Layer] = {}
        self._names = {call.layer.name for call in calls.calls}
        self._signs: dict[int, bool] = {}
        self._taken: set[str] = set()
        self._kernels: dict[str, np.ndarray] = {}

    def build(self) -> tf.keras.Model:
        """Returns the new model, with the weights of the old one as a start."""
        inputs = [tf.keras.Input(x.shape[1:], dtype=x.dtype, name=x.name) for x in self._model.inputs]
        self._values = {number: _Value(x) for number, x in zip(self._calls.inputs, inputs, strict=True)}
        for call in self._calls.calls:
            values = self._repeat(call)
            self._values.update(zip(call.outputs, values, strict=True))
        outputs = [self._active(number) for number in self._calls.outputs]
        model = tf.keras.Model(inputs, outputs, name=f"binary_{self._model.name}")
        for old, new in self._copies.items():
            if new.weights:
                new.set_weights(old.get_weights())
            if hasattr(new, "finalize_state"):  # of a Normalization: what it computes with follows from its weights
                new.finalize_state()
        for name, kernel in self._kernels.items():
            model.get_layer(name).set_weights([kernel])
        return model

    def _repeat(self, call: Call) -> list[_Value]:
        layer, first = call.layer, self._values[call.inputs[0]]
        if layer in self._choice.binary:
            return [self._binary(call, first)]
        if layer in self._norms or layer in self._choice.padding:
            return [first]
        if is_activation(layer) and self._meets_sign(call.outputs[0]):
            return [_Value(self._active(call.inputs[0]), self._copy(layer))]
        if isinstance(layer, (*_POOLS, *_IDENTITIES, *_JOINS)) and self._meets_sign(call.outputs[0]):
            return [self._pass_on(call)]
        tensors = [self._active(number) for number in call.inputs]
        put_off = None
        if has_kernel(layer) and activation_of(layer) in ACTIVATIONS and self._meets_sign(call.outputs[0]):
            put_off = _layers.Activation(layer.activation, name=self._name(f"{layer.name}_{activation_of(layer)}"))
            copy = self._copy(layer, activation="linear")
        else:
            copy = self._copy(layer)
        centred = isinstance(layer, _layers.BatchNormalization)
        return [_Value(tensor, put_off, centred) for tensor in call.repeat(copy, tensors)]

    def _pass_on(self, call: Call) -> _Value:
        """A pooling or a sum in front of a sign: the activations of what it reads are put off further."""
        values = [self._values[number] for number in call.inputs]
        (tensor,) = call.repeat(self._copy(call.layer), [value.tensor for value in values])
        centred, below = all(value.centred for value in values), all(value.below for value in values)
        if isinstance(call.layer, _layers.MaxPooling2D):
            centred, below = below, False
        activation = values[0].activation if len(values) == 1 else None
        return _Value(tensor, activation, centred, below)

    def _binary(self, call: Call, value: _Value) -> _Value:
        layer, x = call.layer, value.tensor
        if isinstance(layer, _layers.Dense):
            x = _layers.Reshape((1, 1, x.shape[-1]), name=self._name(f"{layer.name}_map"))(x)
        if not value.centred:
            x = batch_norm(x, self._name(f"{layer.name}_centre", "_bn"), scale=False)
        pooled = self._is_pooled(call.outputs[0])
        y = self._convolved(layer, x)
        y = batch_norm(y, self._name(layer.name, "_bn"), beta=POOL_BETA if pooled else 0.0)
        if self._residual and (shortcut := self._shortcut(layer, x, y)) is not None:
            y = _layers.Add(name=self._name(f"{layer.name}_add"))([y, shortcut])
        if isinstance(layer, _layers.Dense):
            y = _layers.Reshape((layer.units,), name=self._name(f"{layer.name}_row"))(y)
        activation = None
        if activation_of(layer):
            name = self._name(f"{layer.name}_{activation_of(layer)}")
            activation = _layers.Activation(layer.activation, name=name)
        return _Value(y, activation, centred=True, below=pooled)

    def _convolved(self, layer: tf.keras.layers.Layer, x: Any) -> Any:
        kernel = layer.get_weights()[0]
        if isinstance(layer, _layers.Dense):
            kernel, filters, options = kernel[None, None], layer.units, {"kernel": 1}
        else:
            filters = layer.filters
            options = {"kernel": layer.kernel_size, "strides": layer.strides, "dilation_rate": layer.dilation_rate}
            if layer.padding == "same" or layer in self._choice.padding.values():
                options |= {"padding": "same", "pad_values": 1.0}
        name = self._own_name(layer)
        self._kernels[name] = np.clip(kernel, -1, 1)
        return binary_conv2d(x, filters, name=name, binarization=BinarizationConfig(), **options)

    def _shortcut(self, layer: tf.keras.layers.Layer, x: Any, y: Any) -> Any:
        """Returns what is added to a binary layer's output; None where shapes do not allow it."""
        times, rest = divmod(y.shape[-1], x.shape[-1])
        strided = getattr(layer, "strides", (1, 1)) == (2, 2)
        if rest or times > 2 or y.shape[1:3] != tuple(-(-size // 2) if strided else size for size in x.shape[1:3]):
            return None
        if strided:
            x = average_pool(x, name=self._name(f"{layer.name}_shortcut_pool"))
        return x if times == 1 else _layers.Concatenate(name=self._name(f"{layer.name}_shortcut"))([x, x])

    def _active(self, number: int) -> Any:
        """Returns a tensor with the activation that was put off."""
        value = self._values[number]
        if value.activation is None:
            return value.tensor
        if number not in self._activated:
            self._activated[number] = value.activation(value.tensor)
        return self._activated[number]

    def _meets_sign(self, number: int) -> bool:
        """Returns whether a binary layer reads a tensor, itself or past what an activation can be put off behind."""
        if number not in self._signs:  # remembered, or dense connections would take for ever
            self._signs[number] = any(
                call.layer in self._choice.binary or (self._passes(call.layer) and self._meets_sign(call.outputs[0]))
                for call in self._calls.readers(number)
            )
        return self._signs[number]

    def _passes(self, layer: tf.keras.layers.Layer) -> bool:
        if isinstance(layer, (*_POOLS, *_IDENTITIES, *_JOINS)) or is_activation(layer):
            return True
        return layer in self._norms or layer in self._choice.padding

    def _chain(self, number: int) -> list[Call]:
        """Returns the calls behind a tensor, as long as each has one reader, which changes no place of a channel."""
        found: list[Call] = []
        while number not in self._calls.outputs and len(readers := self._calls.readers(number)) == 1:
            kinds = (*_POOLS, _layers.Dropout, _layers.SpatialDropout2D, _layers.BatchNormalization)
            if not (isinstance(readers[0].layer, kinds) or is_activation(readers[0].layer)):
                break
            found.append(readers[0])
            number = readers[0].outputs[0]
        return found

    def _norm(self, call: Call) -> tf.keras.layers.Layer | None:
        norms = (other.layer for other in self._chain(call.outputs[0]))
        return next((layer for layer in norms if isinstance(layer, _layers.BatchNormalization)), None)

    def _is_pooled(self, number: int) -> bool:
        """Returns whether a max pooling comes between a tensor and a sign."""
        pools = (call for call in self._chain(number) if isinstance(call.layer, _layers.MaxPooling2D))
        pool = next(pools, None)
        return pool is not None and self._meets_sign(pool.outputs[0])

    def _copy(self, layer: tf.keras.layers.Layer, **changes: Any) -> tf.keras.layers.Layer:
        if layer not in self._copies:
            config = {**layer.get_config(), **changes, "name": self._own_name(layer)}
            self._copies[layer] = type(layer).from_config(config)
        return self._copies[layer]

    def _own_name(self, layer: tf.keras.layers.Layer) -> str:
        """Returns the name of a layer, but a new one when a layer of another nested model has had it."""
        name = self._name(layer.name) if layer.name in self._taken else layer.name
        self._taken.add(name)
        return name

    def _name(self, name: str, ending: str = "") -> str:
        """Returns a name that, with its ending, no other layer has."""
        number, free = 1, name
        while free + ending in self._names:
            number += 1
            free = f"{name}_{number}"
        self._names.add(free + ending)
        return free
