"""Pass: a convolution of signs with weights of one magnitude per output channel becomes an LceBconv2d.

TensorFlow's converter has folded batch norm into weights and bias: the magnitude is the multiplier. Padding in front
becomes the convolution's own where it pads as much as SAME does; borders of +1 or -1 that SAME does not give are put
around the numbers whose signs are taken.
"""

from dataclasses import dataclass

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from hybrid_tf.compiler.passes.binary_operator import (
    SAME,
    VALID,
    Window,
    binary_convolution,
    binary_weights,
    same_padding,
    with_activation,
)
from hybrid_tf.compiler.passes.note import Note, layer_of
from hybrid_tf.tflite import names
from hybrid_tf.tflite.model import Model, Operator, Tensor, constant

REWRITE = "binary convolutions"


class _StaysFloat(Exception):
    """Why a convolution of signs cannot be binary."""


def make_convolutions_binary(model: Model) -> list[Note]:
    """Rewrites the convolutions; see the module."""
    notes = []
    for op in list(model.operators):
        if op.name not in (names.CONV_2D, names.DEPTHWISE_CONV_2D):
            continue
        pad = _padding_in_front(model, op.inputs[0])
        signs = model.maker(pad.inputs[0] if pad else op.inputs[0])
        if signs is None or signs.name != names.BINARY_DEQUANTIZE:
            continue
        try:
            model.put_in_place(op, *_binary(model, op, pad, signs))
            notes.append(Note(REWRITE, layer_of(op), True, "its weights are bits"))
        except _StaysFloat as reason:
            notes.append(Note(REWRITE, layer_of(op), False, str(reason)))
    return notes


def _padding_in_front(model: Model, tensor: Tensor) -> Operator | None:
    op = model.maker(tensor)
    return op if op is not None and op.name in (names.PAD, names.PADV2) else None


def _binary(model: Model, op: Operator, pad: Operator | None, signs: Operator) -> list[Operator]:
    weights, bias = op.constant(1), op.constant(2)
    if op.name != names.CONV_2D:
        raise _StaysFloat("it is depthwise, and LCE has no binary operator for it")
    if weights is None or weights.dtype != np.float32 or (op.input(2) is not None and bias is None):
        raise _StaysFloat("its weights are computed or stored as integers")
    found = binary_weights(weights)
    if found is None:
        raise _StaysFloat("its weights are not of one magnitude per output channel")
    channels = signs.outputs[0].shape[-1]
    if weights.shape[3] != channels and weights.shape[3] % names.WORD_BITS:
        raise _StaysFloat(f"a group has {weights.shape[3]} input channels, and LCE needs a multiple of 32")
    window, border = _window(op, pad, signs.outputs[0].shape)
    bits, before = signs.inputs[0], []
    if border:
        bits, before = _with_border(model, bits, border)
    conv = binary_convolution(bits, channels, found, bias, window, op.outputs[0])
    return [*before, *with_activation(conv, op.options.fusedActivationFunction)]


@dataclass(frozen=True)
class _Border:
    widths: np.ndarray
    value: int


def _window(op: Operator, pad: Operator | None, shape: tuple[int, ...]) -> tuple[Window, _Border | None]:
    """Returns how the filter slides over a map of `shape`, and the border that it needs around the map."""
    options = op.options
    stride, dilation = (options.strideH, options.strideW), (options.dilationHFactor, options.dilationWFactor)
    kernel = op.inputs[1].shape[1:3]

    def same(sizes: tuple[int, ...]) -> list[tuple[int, int]]:
        return [same_padding(sizes[a], kernel[a], stride[a], dilation[a]) for a in (0, 1)]

    outer = np.any(same(op.inputs[0].shape[1:3])) and options.padding == SAME
    if pad is None:
        return Window(stride, dilation, SAME if outer else VALID), None
    widths = pad.constant(1)
    fill = pad.constant(2) if pad.name == names.PADV2 else np.zeros(1)
    if widths is None or fill is None or float(fill.item()) not in (0, 1, -1):
        raise _StaysFloat("it is padded with other values than -1, 0 and +1")
    if outer or np.any(widths[[0, 3]]):
        raise _StaysFloat("it is padded twice, or along its channels")
    value = int(fill.item())
    if value >= 0 and np.array_equal(widths[1:3], same(shape[1:3])):
        return Window(stride, dilation, SAME, value), None
    if value == 0:
        raise _StaysFloat("it is padded with zeros otherwise than padding='same' does: pad with ones, or as 'same'")
    return Window(stride, dilation, VALID), _Border(widths, value)


def _with_border(model: Model, bits: Tensor, border: _Border) -> tuple[Tensor, list[Operator]]:
    """Returns the bits of the numbers behind `bits` with a border around them, and the operators that make them."""
    quantize = model.maker(bits)
    source = quantize.inputs[0] if quantize is not None and quantize.name == names.BINARY_QUANTIZE else None
    if source is None or source.type != "FLOAT32":
        raise _StaysFloat("it is padded otherwise than padding='same' does, and its input is int8")
    shape = tuple(size + int(sum(width)) for size, width in zip(source.shape, border.widths, strict=True))
    padded, wider = Tensor(bits.name, shape), Tensor(bits.name, (*shape[:-1], bits.shape[-1]), "INT32")
    inputs = [source, constant(np.int32(border.widths)), constant(np.array(border.value, np.float32))]
    pad = Operator(names.PADV2, inputs, [padded], schema.PadV2OptionsT())
    return wider, [pad, Operator(names.BINARY_QUANTIZE, [padded], [wider], is_custom=True)]
