"""Pass: the float operators that compute a sign become LceQuantize, to bits, and LceDequantize, back to -1 and +1.

A sign of a binary network is -1 below zero and +1 from zero on. TensorFlow's own sign is 0 at zero, and stays.
"""

import numpy as np

from hybrid_tf.compiler.passes.note import Note, layer_of
from hybrid_tf.tflite import names
from hybrid_tf.tflite.model import Model, Operator, Tensor

REWRITE = "signs"
# Comparisons of x with zero that hold from zero on, by the input that x is; and those that hold below zero.
_FROM_ZERO = {(names.GREATER_EQUAL, 0), (names.LESS_EQUAL, 1)}
_BELOW_ZERO = {(names.LESS, 0), (names.GREATER, 1)}


def recognise_signs(model: Model) -> list[Note]:
    """Rewrites every sign; see the module."""
    notes = []
    for op in list(model.operators):
        if op.name not in names.SIGNS:
            continue
        source = _of_signs(model, op) if op.name == names.SIGN else _of_selection(model, op)
        if source is None or source.shape != op.outputs[0].shape or not source.shape:
            continue
        model.put_in_place(op, *_quantized(_exact(model, source), op.outputs[0]))
        notes.append(Note(REWRITE, layer_of(op), True, "its sign is one of bits"))
    return notes


def _quantized(source: Tensor, result: Tensor) -> tuple[Operator, Operator]:
    words = -(-source.shape[-1] // names.WORD_BITS)
    bits = Tensor(result.name, (*source.shape[:-1], words), "INT32")
    return (
        Operator(names.BINARY_QUANTIZE, [source], [bits], is_custom=True),
        Operator(names.BINARY_DEQUANTIZE, [bits], [result], is_custom=True),
    )


def _exact(model: Model, tensor: Tensor) -> Tensor:
    """Returns the int8 tensor that `tensor` is the real number of: its sign is the same."""
    op = model.maker(tensor)
    is_int8 = op is not None and op.name == names.DEQUANTIZE and op.inputs[0].type == "INT8"
    return op.inputs[0] if is_int8 else tensor


def _of_signs(model: Model, op: Operator) -> Tensor | None:
    """Returns x of sign(sign(x) + c), c between 0 and 1: Larq's quantizers, which give +1 at zero."""
    add = model.maker(op.inputs[0])
    if add is None or add.name != names.ADD or add.options.fusedActivationFunction:
        return None
    shift, inner = _constant_and_other(add)
    first = model.maker(inner)
    is_sign = first is not None and first.name == names.SIGN
    return first.inputs[0] if is_sign and shift is not None and np.all((shift > 0) & (shift < 1)) else None


def _of_selection(model: Model, op: Operator) -> Tensor | None:
    """Returns x of `+1 where x >= 0 else -1`."""
    compare, chosen, other = model.maker(op.inputs[0]), op.constant(1), op.constant(2)
    if compare is None or chosen is None or other is None or len(compare.inputs) != 2:
        return None
    zero, source = _constant_and_other(compare)
    if zero is None or np.any(zero != 0):
        return None
    kind = (compare.name, compare.inputs.index(source))
    signs = (1, -1) if kind in _FROM_ZERO else (-1, 1) if kind in _BELOW_ZERO else None
    is_sign = signs is not None and np.all(chosen == signs[0]) and np.all(other == signs[1])
    return source if is_sign else None


def _constant_and_other(op: Operator) -> tuple[np.ndarray | None, Tensor | None]:
    """Returns the constant input of an operator with two, and the other one."""
    for number in (0, 1):
        if op.constant(number) is not None:
            return op.constant(number), op.inputs[1 - number]
    return None, None
