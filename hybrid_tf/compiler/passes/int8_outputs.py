"""Pass: a binary convolution whose output is only read as int8 writes int8."""

from hybrid_tf.compiler.passes.binary_operator import is_binary_convolution, pads_with_zeros
from hybrid_tf.compiler.passes.note import Note, layer_of
from hybrid_tf.tflite import names
from hybrid_tf.tflite.model import Model, Operator, Tensor

REWRITE = "int8 outputs"
_LOWEST = -128


def write_int8(model: Model) -> list[Note]:
    """Rewrites the convolutions; see the module."""
    notes = []
    for op in list(model.operators):
        if not is_binary_convolution(op):
            continue
        quantize = _quantize_behind(model, op.outputs[0])
        if quantize is None:
            continue
        if pads_with_zeros(op):
            text = "it pads with zeros, so that it writes float32: pad_values=1.0 lets it write int8"
            notes.append(Note(REWRITE, layer_of(op), False, text))
            continue
        op.outputs = quantize.outputs
        model.operators.remove(quantize)
        notes.append(Note(REWRITE, layer_of(op), True, "it writes int8"))
    return notes


def _quantize_behind(model: Model, tensor: Tensor) -> Operator | None:
    """Returns the one operator that rounds a tensor to int8.

    A ReLU between them changes nothing where the lowest int8 stands for zero.
    """
    reader = model.only_reader(tensor)
    if reader is None:
        return None
    if reader.name == names.RELU:
        inner = _quantize_behind(model, reader.outputs[0])
        zero_points = inner.outputs[0].quantization.zero_points if inner else ()
        return inner if zero_points == (_LOWEST,) else None
    is_int8 = reader.name == names.QUANTIZE and reader.outputs[0].type == "INT8"
    return reader if is_int8 else None
