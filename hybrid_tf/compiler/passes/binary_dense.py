"""Pass: a dense layer of signs with binary weights becomes an LceBconv2d over the whole map, one bit a weight."""

import math

import numpy as np

from hybrid_tf.compiler.passes.binary_operator import (
    BinaryWeights,
    Window,
    binary_convolution,
    binary_weights,
    with_activation,
)
from hybrid_tf.compiler.passes.note import Note, layer_of
from hybrid_tf.tflite import names
from hybrid_tf.tflite.model import Model, Operator, Tensor, constant

REWRITE = "binary dense layers"


def make_dense_layers_binary(model: Model) -> list[Note]:
    """Rewrites the dense layers; see the module."""
    notes = []
    for op in list(model.operators):
        if op.name != names.FULLY_CONNECTED:
            continue
        quantize = _quantize_in_front(model, op.inputs[0])
        if quantize is None:
            continue
        source, before = _map_of_signs(model, quantize, op.inputs[1].shape[-1])
        weights, bias = op.constant(1), op.constant(2)
        is_constant = weights is not None and weights.dtype == np.float32 and (op.input(2) is None or bias is not None)
        found = binary_weights(weights.reshape(len(weights), *_kernel(source, weights))) if is_constant else None
        if found is None:
            notes.append(Note(REWRITE, layer_of(op), False, "its weights are not of one magnitude per output channel"))
            continue
        bits, operators = _dense(source, found, bias, op)
        model.put_in_place(op, *before, *operators)
        model.replaced.setdefault(quantize.outputs[0], bits)
        notes.append(Note(REWRITE, layer_of(op), True, "its weights are bits"))
    return notes


def _kernel(source: Tensor, weights: np.ndarray) -> tuple[int, int, int]:
    """Returns height, width and channels of a filter over the whole map, or of 1x1 where each pixel is a row."""
    _, height, width, channels = source.shape
    return (height, width, channels) if height * width * channels == weights.shape[1] else (1, 1, channels)


def _dense(
    source: Tensor, weights: BinaryWeights, bias: np.ndarray | None, op: Operator
) -> tuple[Tensor, list[Operator]]:
    """Returns the bits that the layer reads, and its operators."""
    output = op.outputs[0]
    bits = Tensor(source.name, (*source.shape[:-1], -(-source.shape[-1] // names.WORD_BITS)), "INT32")
    outputs = len(weights.scale)
    result = Tensor(output.name, (1, math.prod(output.shape) // outputs, 1, outputs))
    conv = binary_convolution(bits, source.shape[-1], weights, bias, Window(), result)
    return bits, [
        Operator(names.BINARY_QUANTIZE, [source], [bits], is_custom=True),
        *with_activation(conv, op.options.fusedActivationFunction),
        reshape(result, output),
    ]


def _quantize_in_front(model: Model, tensor: Tensor) -> Operator | None:
    """Returns the operator that makes the bits of the signs that a dense layer reads."""
    signs = model.maker(_unviewed(model, tensor))
    quantize = model.maker(signs.inputs[0]) if signs is not None and signs.name == names.BINARY_DEQUANTIZE else None
    return quantize if quantize is not None and quantize.name == names.BINARY_QUANTIZE else None


def _map_of_signs(model: Model, quantize: Operator, features: int) -> tuple[Tensor, list[Operator]]:
    """Returns a map [1, height, width, channels] whose signs a dense layer reads, and what reshapes to it.

    A flattened map is taken as it was: its pixels are filled up to 32 channels each, and nothing moves.
    """
    source = quantize.inputs[0]
    original = _unviewed(model, source)
    if len(original.shape) == 4 and original.shape[0] == 1 and math.prod(original.shape) == features:
        return original, []
    mapped = Tensor(quantize.outputs[0].name, (1, math.prod(source.shape) // features, 1, features), source.type)
    mapped.quantization = source.quantization
    return mapped, [reshape(source, mapped)]


def _unviewed(model: Model, tensor: Tensor) -> Tensor:
    """Returns the tensor that `tensor` is, maybe under another shape."""
    op = model.maker(tensor)
    while op is not None and op.name in names.VIEWS:
        tensor = op.inputs[0]
        op = model.maker(tensor)
    return tensor


def reshape(source: Tensor, result: Tensor) -> Operator:
    """Returns the operator that gives `source` the shape of `result`."""
    return Operator(names.RESHAPE, [source, constant(np.int32(result.shape))], [result])
