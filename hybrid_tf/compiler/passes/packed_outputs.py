"""Pass: a binary convolution whose signs alone are read writes bits, by a threshold for each channel."""

import numpy as np

from hybrid_tf.compiler.passes.binary_operator import depth_of, is_binary_convolution, pads_with_zeros
from hybrid_tf.compiler.passes.note import Note, layer_of
from hybrid_tf.tflite import names
from hybrid_tf.tflite.bits import packed, unpacked
from hybrid_tf.tflite.model import Model, Operator, constant

REWRITE = "packed outputs"
# Lowest and highest sum behind an activation, by its number in the schema.
_LIMITS = {0: (-np.inf, np.inf), 1: (0, np.inf), 2: (-1, 1), 3: (0, 6)}


def write_bits(model: Model) -> list[Note]:
    """Rewrites the convolutions; see the module."""
    notes = []
    for op in list(model.operators):
        if not is_binary_convolution(op):
            continue
        output = op.outputs[0]
        readers = model.readers(output)
        quantizes = [reader for reader in readers if reader.name == names.BINARY_QUANTIZE]
        if not quantizes:
            continue
        if len(quantizes) < len(readers) or output in model.outputs:
            notes.append(Note(REWRITE, layer_of(op), False, "its output is read as numbers, too"))
            continue
        if pads_with_zeros(op):
            notes.append(Note(REWRITE, layer_of(op), False, "it pads with zeros: pad_values=1.0 lets it write bits"))
            continue
        bits = quantizes[0].outputs[0]
        _write_bits(op)
        op.outputs = [bits]
        for quantize in quantizes:
            model.operators.remove(quantize)
            model.replace(quantize.outputs[0], bits)
        notes.append(Note(REWRITE, layer_of(op), True, "it writes bits"))
    return notes


def _write_bits(op: Operator) -> None:
    """Gives a binary convolution thresholds in place of multiplier and bias.

    A bit is set, for -1, where more products than the threshold are -1. A negative multiplier becomes a positive one of
    the negated filter.
    """
    depth = depth_of(op)
    multiplier, bias = (op.constant(number).astype(np.float64) for number in (2, 3))
    low, high = _LIMITS[op.options["fused_activation_function"]]
    falls = multiplier < 0

    def is_positive(products: np.ndarray) -> np.ndarray:
        """Whether the sign is +1 when so many products of the filter, negated where it falls, are -1."""
        sums = np.where(falls, 2 * products - depth, depth - 2 * products)
        return np.clip(sums, low, high) * multiplier + bias >= 0

    # The most products with +1 in each channel, by bisection: -1 always has it, depth + 1 never.
    below, above = np.full(len(bias), -1), np.full(len(bias), depth + 1)
    while np.any(above - below > 1):
        middle = (below + above) // 2
        right = (middle < 0) | is_positive(middle)
        below, above = np.where(right, middle, below), np.where(right, above, middle)
    channels = depth // int(np.prod(op.inputs[1].shape[1:3]))
    negative = unpacked(op.constant(1), channels) ^ falls[:, None, None, None]
    # The activation acts on the sums in front of the multiplier, and is in the thresholds.
    op.options = {**op.options, "fused_activation_function": 0}
    op.inputs = [op.inputs[0], constant(packed(negative)), None, None, constant(below.astype(np.int32))]
