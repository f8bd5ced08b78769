"""Pass: the maximum of numbers whose signs alone are read, or of signs, becomes an LceBMaxPool2d, the maximum of bits.

The sign of a maximum is the maximum of the signs. A pooling with an activation stays: LCE's own converter loses it.
"""

from hybrid_tf.compiler.passes.binary_operator import NONE
from hybrid_tf.compiler.passes.note import Note, layer_of
from hybrid_tf.tflite import names
from hybrid_tf.tflite.model import Model, Operator, Tensor

REWRITE = "pooling of bits"


def pool_bits(model: Model) -> list[Note]:
    """Rewrites the poolings; see the module."""
    notes = []
    for op in list(model.operators):
        if op.name != names.MAX_POOL_2D:
            continue
        signs = model.maker(op.inputs[0])
        readers = model.readers(op.outputs[0])
        of_signs = signs is not None and signs.name == names.BINARY_DEQUANTIZE
        to_signs = readers and all(reader.name == names.BINARY_QUANTIZE for reader in readers)
        if not of_signs and (not to_signs or op.outputs[0] in model.outputs):
            continue
        if op.options.fusedActivationFunction != NONE:
            text = "its activation is computed in float: an activation in front of a sign only costs"
            notes.append(Note(REWRITE, layer_of(op), False, text))
            continue
        if of_signs:
            bits = _bits_like(op.outputs[0])
            back = Operator(names.BINARY_DEQUANTIZE, [bits], op.outputs, is_custom=True)
            model.put_in_place(op, _pool(op, signs.inputs[0], bits), back)
        else:
            bits = readers[0].outputs[0]
            before = Tensor(bits.name, _bits_like(op.inputs[0]).shape, "INT32")
            quantize = Operator(names.BINARY_QUANTIZE, [op.inputs[0]], [before], is_custom=True)
            model.put_in_place(op, quantize, _pool(op, before, bits))
            for reader in readers:
                model.operators.remove(reader)
                model.replace(reader.outputs[0], bits)
        notes.append(Note(REWRITE, layer_of(op), True, "its maximum is taken of bits"))
    return notes


def _bits_like(tensor: Tensor) -> Tensor:
    return Tensor(tensor.name, (*tensor.shape[:-1], -(-tensor.shape[-1] // names.WORD_BITS)), "INT32")


def _pool(op: Operator, bits: Tensor, output: Tensor) -> Operator:
    options = {
        "padding": int(op.options.padding),
        "stride_width": op.options.strideW,
        "stride_height": op.options.strideH,
        "filter_width": op.options.filterWidth,
        "filter_height": op.options.filterHeight,
    }
    return Operator(names.BINARY_MAX_POOL_2D, [bits], [output], options, is_custom=True)
