"""The quantized Larq layers of a model: which they are, when they are called, and the bits of their kernels."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from hybrid_tf.tflite.bits import packed

# Larq is imported where it is needed: a float `.tflite` file is converted without it.
Call = Callable[..., tf.Tensor]
_QUANTIZERS = ("input_quantizer", "kernel_quantizer", "depthwise_quantizer", "pointwise_quantizer")


def layers_of(model: tf.keras.Model) -> list[tf.keras.layers.Layer]:
    """Returns every layer inside `model`, nested ones included; those that Keras lists come first, in Keras's order."""
    listed = []
    for layer in model.layers:
        listed += [layer, *(layers_of(layer) if isinstance(layer, tf.keras.Model) else ())]
    others = [module for module in model.submodules if isinstance(module, tf.keras.layers.Layer)]
    return list(dict.fromkeys(listed + others))


def quantizers_of(layer: tf.keras.layers.Layer) -> dict[str, Any]:
    """Returns the quantizers of `layer` by attribute name; empty for a full-precision layer."""
    quantizers = {name: getattr(layer, name, None) for name in _QUANTIZERS}
    return {name: quantizer for name, quantizer in quantizers.items() if quantizer is not None}


def quantized_layers(model: tf.keras.Model) -> list[tf.keras.layers.Layer]:
    """Returns the layers inside `model` that have a quantizer, for their input or for their weights."""
    return [layer for layer in layers_of(model) if quantizers_of(layer)]


@contextlib.contextmanager
def replaced_inputs(
    layers: list[tf.keras.layers.Layer], replace: Callable[[tf.keras.layers.Layer, tf.Tensor], tf.Tensor]
) -> Iterator[None]:
    """While this lasts, a call of one of `layers` with a tensor gets `replace(layer, tensor)` instead.

    See `calls_through` for what this reaches.
    """

    def around(layer: tf.keras.layers.Layer, call: Call, inputs: tf.Tensor, *args: Any, **kwargs: Any) -> tf.Tensor:
        return call(replace(layer, inputs), *args, **kwargs)

    with calls_through(layers, around):
        yield


@contextlib.contextmanager
def recorded_calls(
    layers: list[tf.keras.layers.Layer], record: Callable[[tf.keras.layers.Layer, tf.Tensor, tf.Tensor], None]
) -> Iterator[None]:
    """While this lasts, each call of one of `layers` is followed by `record(layer, input, output)`."""

    def around(layer: tf.keras.layers.Layer, call: Call, inputs: tf.Tensor, *args: Any, **kwargs: Any) -> tf.Tensor:
        output = call(inputs, *args, **kwargs)
        record(layer, inputs, output)
        return output

    with calls_through(layers, around):
        yield


@contextlib.contextmanager
def calls_through(layers: list[tf.keras.layers.Layer], around: Callable[..., tf.Tensor]) -> Iterator[None]:
    """While this lasts, a call of one of `layers` is `around(layer, call, *arguments)`, with its own `call`.

    This sees every use of a layer in every kind of model: nested, shared, functional or subclassed. It acts when a
    model is traced, so what is traced inside keeps it, and nothing else does. Several can be inside each other.
    """

    def wrap(layer: tf.keras.layers.Layer) -> None:
        call = layer.call

        def wrapped(*args: Any, **kwargs: Any) -> tf.Tensor:
            return around(layer, call, *args, **kwargs)

        layer.call = wrapped

    import larq

    quantize = larq.context.should_quantize()
    before = [vars(layer).get("call") for layer in layers]
    try:
        for layer in layers:
            wrap(layer)
        yield
    finally:
        for layer, call in zip(layers, before, strict=True):
            vars(layer).pop("call", None)
            if call is not None:
                layer.call = call
        # When a call fails, Larq stays as it was inside of it: kernels would read as signs, in training too.
        # Entering sets the value; a scope that is left sets the one before.
        larq.context.quantized_scope(quantize).__enter__()


def quantized_kernel(layer: tf.keras.layers.Layer) -> np.ndarray:
    """Returns the kernel of a Larq layer as the forward pass uses it, channels out last."""
    import larq

    with larq.context.quantized_scope(True):
        return tf.convert_to_tensor(layer.kernel).numpy()


def packed_kernel(layer: tf.keras.layers.Layer, window: tuple[int, int] = (1, 1)) -> tuple[np.ndarray, np.ndarray]:
    """Returns the signs of a binary layer's kernel as LCE stores them, and those of the negated kernel.

    Each is int32 [channels out, height, width, ceil(channels in / 32)]; bit c % 32 of word c // 32 is 1 where the
    weight of input channel c is negative. The bits that fill up the last word are 0 in both.

    Args:
        layer: Larq convolution or dense layer.
        window: height and width of the map that a dense layer reads; a convolution has its own.
    """
    kernel = quantized_kernel(layer)
    if kernel.ndim == 2:
        kernel = kernel.reshape(*window, -1, kernel.shape[-1])
    negative = np.moveaxis(kernel < 0, -1, 0)
    return packed(negative), packed(~negative)
