"""What a pass did to an operator, or why it left one alone."""

from dataclasses import asdict, dataclass
from typing import Any

from hybrid_tf.graphs.file_graph import layers_in
from hybrid_tf.tflite.model import Operator


@dataclass(frozen=True)
class Note:
    """One line of a compilation's record.

    Attributes:
        rewrite: name of the pass.
        layer: layer that the operator comes from, as far as its name tells; else the operator's name.
        done: whether the pass changed something.
        text: what it did, or why it did not, as part of a sentence.
    """

    rewrite: str
    layer: str
    done: bool
    text: str

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as JSON values."""
        return asdict(self)


def layer_of(op: Operator) -> str:
    """Returns the name of the layer that an operator comes from; the operator's name where nothing tells."""
    found = [layer for tensor in op.outputs for layer in layers_in(tensor.name)]
    return found[0] if found else op.name
