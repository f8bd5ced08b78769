"""The memory of a network: its weights, the activations that are alive at once, and what a file is made of.

TensorFlow is not needed.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from hybrid_tf.graphs.file_graph import kernel_of
from hybrid_tf.graphs.graph import Graph, LayerProfile
from hybrid_tf.tflite import names
from hybrid_tf.tflite.flatbuffer import TFLiteFile

# The stock interpreter writes the result of these over an input of the same size that nothing reads afterwards.
IN_PLACE = names.ARITHMETIC

WEIGHTS = {"binary": "binary weights", "int8": "int8 weights", "full_precision": "full-precision weights"}
PARAMETERS = "biases, multipliers and thresholds"
CONSTANTS, METADATA, UNUSED, STRUCTURE = "other constants", "metadata", "buffers without a reader", "other (flatbuffer)"


def size(count: float) -> str:
    """Returns a number of bytes as text, in units of 1,000."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}" if unit != "bytes" else f"{count:.0f} bytes"
        count /= 1000
    return f"{count:,.2f} GB"


def weight_bits(rows: Iterable[LayerProfile]) -> int:
    """Returns the memory of the kernels in bits, as arXiv 1902.00460 counts it: no biases, no padding."""
    return sum(row.weights * row.bits for row in rows)


@dataclass(frozen=True)
class Peak:
    """The moment at which the activations take the most memory.

    Attributes:
        bytes: bytes of all tensors that are alive at that moment.
        operation: name of the operation that runs at that moment.
        tensors: names of the tensors that are alive at that moment.
    """

    bytes: int
    operation: str
    tensors: tuple[str, ...]


def peak_memory(graph: Graph) -> Peak:
    """Returns the peak of the activation memory: the RAM that the tensors between operators need on a device.

    A tensor is alive from the operation that makes it to the last one that reads it. As in TensorFlow Lite's
    interpreter, the inputs are never overwritten, the outputs stay to the end, and an addition writes over an input of
    the same size that nothing reads any more. An interpreter may need more: scratch memory of its kernels, gaps in its
    arena, and its own structures are not counted.
    """
    spans = _spans(graph)
    best = Peak(0, "", ())
    for index, operation in enumerate(graph.operations):
        alive = [tensor for tensor, (first, last) in spans.items() if first <= index <= last]
        total = sum(graph.tensors[tensor].bytes for tensor in alive)
        if total > best.bytes:
            best = Peak(total, operation.name, tuple(graph.tensors[tensor].name for tensor in alive))
    return best


def _spans(graph: Graph) -> dict[int, tuple[int, int]]:
    """First and last operation for which each piece of memory is held, by the tensor that was in it first."""
    end = len(graph.operations)
    made = {tensor: index for index, op in enumerate(graph.operations) for tensor in op.outputs}
    read = {tensor: index for index, op in enumerate(graph.operations) for tensor in op.inputs}
    last = {tensor: read.get(tensor, made.get(tensor, end)) for tensor in graph.tensors}
    kept = {*graph.inputs, *graph.outputs, *graph.persistent, *(graph.tensors.keys() - made.keys())}
    last |= dict.fromkeys(kept & graph.tensors.keys(), end)

    home: dict[int, int] = {}
    spans: dict[int, tuple[int, int]] = {}
    for tensor in graph.tensors:
        if tensor not in made or tensor in graph.persistent:
            home[tensor], spans[tensor] = tensor, (0, end)
    for index, operation in enumerate(graph.operations):
        for tensor in operation.outputs:
            if tensor in home or tensor not in graph.tensors:
                continue
            shared = next(
                (
                    home[source]
                    for source in operation.inputs
                    if source not in kept
                    and graph.tensors[source].bytes == graph.tensors[tensor].bytes
                    and (operation.op in names.VIEWS or (operation.op in IN_PLACE and spans[home[source]][1] == index))
                ),
                tensor,
            )
            home[tensor] = shared
            first, until = spans.get(shared, (index, index))
            spans[shared] = (first, max(until, last[tensor]))
    return spans


def file_memory(graphs: Iterable[TFLiteFile], file_bytes: int) -> dict[str, int]:
    """Returns what the bytes of a file are, by use; the values sum to `file_bytes`.

    Args:
        graphs: subgraphs of the file.
        file_bytes: size of the file in bytes.
    """
    uses: dict[int, str] = {}
    graphs = tuple(graphs)
    for graph in graphs:
        copies = {op.outputs[0]: op.inputs[0] for op in graph.operators if op.name == names.DEQUANTIZE}
        for operator in graph.operators:
            kernel = copies.get(kernel_of(operator), kernel_of(operator))
            for tensor in operator.inputs:
                if tensor < 0:
                    continue
                spec = graph.tensors[tensor]
                beside = PARAMETERS if kernel >= 0 else CONSTANTS
                uses.setdefault(spec.buffer, beside)
            if kernel >= 0:
                uses[graph.tensors[kernel].buffer] = WEIGHTS[_kernel_precision(operator.name, graph, kernel)]
    if graphs:
        uses |= dict.fromkeys(graphs[0].metadata_buffers, METADATA)
    found = Counter(dict.fromkeys((*WEIGHTS.values(), PARAMETERS, CONSTANTS, METADATA, UNUSED), 0))
    for number, content in enumerate(graphs[0].buffers if graphs else ()):
        found[uses.get(number, UNUSED)] += len(content)
    return {**found, STRUCTURE: file_bytes - sum(found.values())}


def _kernel_precision(operator: str, graph: TFLiteFile, kernel: int) -> str:
    if operator == names.BINARY_CONV_2D:
        return "binary"
    return "int8" if graph.tensors[kernel].type in ("INT8", "UINT8", "INT4") else "full_precision"
