"""Pass: what is computed between two transpositions that undo each other is computed without them.

Converters of frameworks whose images have their channels first leave such stretches, often within a sign: a comparison,
a transposition, the choice of -1 or +1, a padding, and the transposition back.
"""

import numpy as np

from hybrid_tf.compiler.passes.note import Note, layer_of
from hybrid_tf.tflite import names
from hybrid_tf.tflite.model import Model, Operator, Tensor, constant

REWRITE = "transpositions"
_BY_ELEMENT = (names.SIGN, names.SELECT_V2, *names.COMPARISONS, *names.ARITHMETIC, *names.RELUS)
_PADS = (names.PAD, names.PADV2)
_REDUCTIONS = (names.MEAN, names.REDUCE_MAX)


def remove_transpositions(model: Model) -> list[Note]:
    """Rewrites every stretch; see the module."""
    notes = []
    for op in list(model.operators):
        order = _order(op)
        stretch = [] if order is None else _stretch(model, op, order)
        if order is None or not stretch:
            continue
        model.replace(op.outputs[0], op.inputs[0])
        for inner in stretch:
            _undo(model, inner, order)
        last = stretch[-1]
        if last.name == names.TRANSPOSE:
            model.replace(last.outputs[0], last.inputs[0])
        notes.append(Note(REWRITE, layer_of(stretch[0]), True, f"{len(stretch)} operators keep their channels last"))
    return notes


def _order(op: Operator) -> list[int] | None:
    """Returns which axis of its input each axis of a transposition's output is; None of any other operator."""
    axes = op.constant(1) if op.name == names.TRANSPOSE else None
    if axes is None or op.inputs[0] is None or sorted(axes.ravel().tolist()) != list(range(len(op.inputs[0].shape))):
        return None
    return axes.ravel().tolist()


def _stretch(model: Model, first: Operator, order: list[int]) -> list[Operator]:
    """Returns the operators behind a transposition as far as one that undoes it, or that sums over what it moved."""
    found: list[Operator] = []
    tensor = first.outputs[0]
    while (op := model.only_reader(tensor)) is not None:
        found.append(op)
        if op.name == names.TRANSPOSE:
            back = _order(op)
            return found if back is not None and [order[axis] for axis in back] == sorted(order) else []
        if op.name in _REDUCTIONS:
            return found if op.inputs[0] is tensor and _kept_in_order(op, order) else []
        if len(op.outputs) != 1 or not _moves(op, tensor, len(order)):
            return []
        tensor = op.outputs[0]
    return []


def _moves(op: Operator, tensor: Tensor, rank: int) -> bool:
    """Whether an operator computes the same of what is transposed otherwise, with its constants transposed, too."""
    if op.name in _PADS:
        paddings = op.constant(1)
        return op.inputs[0] is tensor and paddings is not None and paddings.shape == (rank, 2)
    others = [number for number, input in enumerate(op.inputs) if input is not tensor]
    constants = [op.constant(number) for number in others]
    return (
        op.name in _BY_ELEMENT
        and len(op.outputs[0].shape) == rank
        and all(isinstance(data, np.ndarray) and (data.size == 1 or data.ndim == rank) for data in constants)
    )


def _kept_in_order(op: Operator, order: list[int]) -> bool:
    """Whether the axes that a reduction leaves stand in the same order without the transposition."""
    axes = op.constant(1)
    if (
        axes is None
        or op.options is None
        or op.options.keepDims
        or not all(-1 < axis < len(order) for axis in axes.flat)
    ):
        return False
    kept = [order[axis] for axis in range(len(order)) if axis not in axes]
    return kept == sorted(kept)


def _undo(model: Model, op: Operator, order: list[int]) -> None:
    """Lets an operator of a stretch work on axes in the order that was before the transposition."""
    before = np.argsort(order)
    if op.name in _REDUCTIONS:
        axes = op.constant(1)
        assert axes is not None
        op.inputs[1] = constant(np.array([order[axis] for axis in axes.flat], axes.dtype))
        return
    if op.name == names.TRANSPOSE:
        return
    if op.name in _PADS:
        paddings = op.constant(1)
        assert paddings is not None
        op.inputs[1] = constant(paddings[before])
    else:
        for number, tensor in enumerate(op.inputs):
            if tensor is not None and tensor.data is not None and tensor.data.size > 1:
                op.inputs[number] = constant(tensor.data.transpose(before), tensor.name)
    old = op.outputs[0]
    op.outputs[0] = Tensor(old.name, tuple(old.shape[axis] for axis in before), old.type, quantization=old.quantization)
    model.replace(old, op.outputs[0])
