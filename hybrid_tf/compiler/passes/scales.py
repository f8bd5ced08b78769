"""Pass: a multiplication or addition by channel becomes part of the convolution in front, also behind a pooling.

TensorFlow's converter folds a batch norm that follows a convolution at once. Behind an average, a sum of pixels, or a
view, it commutes with these; the maximum commutes with what multiplies by no negative number.
"""

import numpy as np

from hybrid_tf.compiler.passes.binary_operator import ACTIVATIONS, NONE, is_binary_convolution
from hybrid_tf.compiler.passes.note import Note, layer_of
from hybrid_tf.tflite import names
from hybrid_tf.tflite.model import Model, Operator, Tensor, constant

REWRITE = "scales"


def fold_scales(model: Model) -> list[Note]:
    """Rewrites multiplications, additions and subtractions; see the module."""
    notes = []
    for op in list(model.operators):
        if op.name not in (names.MUL, names.ADD, names.SUB) or op.outputs[0].type != "FLOAT32":
            continue
        tensor, values = _tensor_and_channels(op)
        between, conv = _convolution_in_front(model, tensor) if tensor is not None else ([], None)
        if conv is None:
            continue
        name = layer_of(conv)
        if op.name == names.MUL and any(b.name == names.MAX_POOL_2D for b in between) and np.any(values < 0):
            text = (
                f"a batch norm behind its maximum pooling multiplies {np.sum(values < 0)} channels by a negative number"
            )
            notes.append(Note(REWRITE, name, False, f"{text}, so that it stays: put it in front of the pooling"))
            continue
        _scale(conv, values) if op.name == names.MUL else _shift(conv, values if op.name == names.ADD else -values)
        _leave_activation(model, op, tensor, between)
        notes.append(Note(REWRITE, name, True, f"it takes over a {op.name} by channel behind it"))
    return notes


def _tensor_and_channels(op: Operator) -> tuple[Tensor | None, np.ndarray]:
    """Returns what is scaled or shifted, and by which numbers, one for each channel; None when it is not by channel."""
    for number in (0, 1):
        values, tensor = op.constant(number), op.inputs[1 - number]
        if values is None or tensor.data is not None or (op.name == names.SUB and number == 0):
            continue
        channels = op.outputs[0].shape[-1] if op.outputs[0].shape else 1
        by_channel = values.size == 1 or values.size == values.shape[-1] == channels
        if by_channel and tensor.shape == op.outputs[0].shape:
            return tensor, np.broadcast_to(values.reshape(-1), (channels,)).astype(np.float64)
    return None, np.zeros(0)


def _convolution_in_front(model: Model, tensor: Tensor) -> tuple[list[Operator], Operator | None]:
    """Returns the convolution that a tensor comes from, and the operators between, which nothing else reads."""
    between = []
    while True:
        op = model.maker(tensor)
        if op is None or model.only_reader(tensor) is None:
            return [], None
        if is_binary_convolution(op) or _is_linear_convolution(op):
            return between, op
        is_pool = op.name in names.POOLS and op.options.fusedActivationFunction == NONE
        is_view = op.name in names.VIEWS and op.inputs[0].shape[-1:] == tensor.shape[-1:]
        if not (is_pool or is_view):
            return [], None
        between.append(op)
        tensor = op.inputs[0]


def _is_linear_convolution(op: Operator) -> bool:
    """Whether an operator is a float convolution of constants, without activation."""
    stored = [op.constant(number) for number in (1, 2)]
    return (
        op.name == names.CONV_2D
        and op.options.fusedActivationFunction == NONE
        and all(array is not None and array.dtype == np.float32 for array in stored)
    )


def _scale(conv: Operator, values: np.ndarray) -> None:
    """Multiplies what a convolution gives."""
    first = 2 if conv.name == names.BINARY_CONV_2D else 1
    for number in (first, first + 1):
        array = conv.constant(number)
        by_channel = values.reshape(-1, *[1] * (array.ndim - 1))
        conv.inputs[number] = constant(np.float32(array * by_channel), conv.inputs[number].name)


def _shift(conv: Operator, values: np.ndarray) -> None:
    """Adds to what a convolution gives."""
    number = 3 if conv.name == names.BINARY_CONV_2D else 2
    conv.inputs[number] = constant(np.float32(conv.constant(number) + values), conv.inputs[number].name)


def _leave_activation(model: Model, op: Operator, tensor: Tensor, between: list[Operator]) -> None:
    """Puts the activation of a folded operator, if it has one, in its place; else nothing."""
    activation = op.options.fusedActivationFunction
    if activation == NONE:
        model.operators.remove(op)
        model.replace(op.outputs[0], tensor)
        _rename(tensor, op.outputs[0])
    elif between and between[0].name in names.POOLS:
        between[0].options.fusedActivationFunction = activation
        model.operators.remove(op)
        model.replace(op.outputs[0], tensor)
        _rename(tensor, op.outputs[0])
    else:
        model.put_in_place(op, Operator(ACTIVATIONS[activation], [tensor], op.outputs))


def _rename(tensor: Tensor, old: Tensor) -> None:
    tensor.name = tensor.name or old.name
