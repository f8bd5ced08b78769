"""Pass: each computed tensor is named after one layer, constants after none, and the network's ends keep their names.

In a file the names of layers stand in the metadata, compressed, see `build_entry`; hybrid-tf reads both alike.
"""

from hybrid_tf.compiler.passes.note import Note
from hybrid_tf.graphs.file_graph import layers_in
from hybrid_tf.tflite.model import Model


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
    return []


def _short(name: str) -> str:
    """Returns the layer that a person looks for: not a batch norm without a name of its own, where it was fused."""
    layers = layers_in(name)
    named = [layer for layer in layers if not layer.startswith("batch_normalization")]
    return next((f"/{layer}" for layer in (*named, *layers)), "")
