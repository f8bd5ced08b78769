"""Pass: the operators run in the order that needs the least memory for what is between them."""

from hybrid_tf.compiler.passes.note import Note
from hybrid_tf.graphs.file_graph import file_graph
from hybrid_tf.graphs.graph import Graph
from hybrid_tf.graphs.memory import peak_memory
from hybrid_tf.graphs.order import least_memory_order
from hybrid_tf.tflite.flatbuffer import parse_tflite
from hybrid_tf.tflite.model import Model
from hybrid_tf.tflite.write import model_bytes

REWRITE = "order"


def order_for_least_memory(model: Model) -> list[Note]:
    """Sorts the operators; see the module."""

    def graph() -> Graph:
        return file_graph(parse_tflite(model_bytes(model), "the network"))

    before = graph()
    order = least_memory_order(before)
    if order == sorted(order):
        return []
    model.operators = [model.operators[number] for number in order]
    text = f"activations take {peak_memory(graph()).bytes:,} bytes at most, not {peak_memory(before).bytes:,}"
    return [Note(REWRITE, "the network", True, text)]
