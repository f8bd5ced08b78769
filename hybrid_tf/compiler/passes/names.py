"""Pass: tensors keep the names that a person reads: those of layers with weights, and of the network's ends.

The names of all other layers go into the metadata, compressed; hybrid-tf reads both alike.
"""

from hybrid_tf.compiler.passes.note import Note
from hybrid_tf.graphs.file_graph import layers_in
from hybrid_tf.tflite import names
from hybrid_tf.tflite.model import Model
from hybrid_tf.tflite.stored_names import NAMES_ENTRY, packed_names

_WITH_WEIGHTS = (*names.WEIGHT_OPS, names.BINARY_CONV_2D)


def shorten_names(model: Model) -> list[Note]:
    """Shortens the names; see the module."""
    ends = {*model.inputs, *model.outputs}
    for op in model.operators:
        stored = [tensor for tensor in op.inputs if tensor is not None and tensor.data is not None]
        found = [layer for tensor in (*op.outputs, *stored) for layer in layers_in(tensor.name)]
        for tensor in stored:
            tensor.name = ""
        if found and op.outputs[0] in ends and op.constant(1) is not None:
            op.inputs[1].name = f"/{found[0]}"  # `layer_name` looks there, as the network's output has its own name
    for tensor in model.tensors():
        if tensor not in ends and tensor.data is None:
            tensor.name = _short(tensor.name)
    model.metadata[NAMES_ENTRY] = packed_names([tensor.name for tensor in model.tensors()])
    kept = ends.union(*(op.outputs for op in model.operators if op.name in _WITH_WEIGHTS))
    for tensor in model.tensors():
        if tensor not in kept and tensor.data is None:
            tensor.name = ""
    return []


def _short(name: str) -> str:
    """Returns the layer that a person looks for: not a batch norm without a name of its own, where it was fused."""
    layers = layers_in(name)
    named = [layer for layer in layers if not layer.startswith("batch_normalization")]
    return next((f"/{layer}" for layer in (*named, *layers)), "")
