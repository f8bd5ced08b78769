"""Pass: operators that compute the same from the same become one: signs that several layers take of one map, views."""

from hybrid_tf.compiler.passes.note import Note, layer_of
from hybrid_tf.tflite import names
from hybrid_tf.tflite.model import Model, Operator, Tensor

REWRITE = "shared operators"


def share_equal_operators(model: Model) -> list[Note]:
    """Rewrites the readers of all but the first; see the module."""
    notes = []
    first: dict[tuple, Operator] = {}
    for op in list(model.operators):
        if op.name != names.BINARY_QUANTIZE and op.name not in names.VIEWS:
            continue
        key = (op.name, op.inputs[0], op.outputs[0].shape)
        kept = first.setdefault(key, op)
        if kept is not op and op.outputs[0] not in model.outputs:
            _take_over(model, op.outputs[0], kept.outputs[0])
            model.operators.remove(op)
            notes.append(Note(REWRITE, layer_of(op), True, f"it shares {op.name} with {layer_of(kept)}"))
    return notes


def _take_over(model: Model, old: Tensor, new: Tensor) -> None:
    model.replace(old, new)
    new.name = new.name or old.name
