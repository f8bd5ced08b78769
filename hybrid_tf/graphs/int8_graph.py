"""The graph of a network whose full-precision sections are int8, foreseen from its float32 graph.

It follows `hybrid-tf convert --int8`: every float32 tensor between operators becomes int8, with one operator at the
image that rounds and one at the scores that goes back; dense layers become 1x1 convolutions; kernels take a quarter of
the memory, and biases stay at four bytes. Multipliers and biases of binary convolutions stay float32.
Tests compare it with converted files.
"""

from dataclasses import replace

from hybrid_tf.graphs.graph import Activation, Graph, Operation
from hybrid_tf.graphs.order import in_least_memory_order
from hybrid_tf.tflite import names

INT8_BITS = 8
_CONSTANT_OPS = (names.PRELU, names.ADD)  # the parameters beside these are int8, too


def int8_graph(graph: Graph) -> Graph:
    """Returns `graph`, of a float32 network, with int8 in place of float32, but for the image and the scores."""
    tensors = {number: _int8(tensor) for number, tensor in graph.tensors.items()}
    first, last = (Operation(name, name, (), ()) for name in (names.QUANTIZE, names.DEQUANTIZE))
    inside = dict(zip(graph.inputs, range(len(tensors), len(tensors) + len(graph.inputs)), strict=True))
    for outer, inner in inside.items():
        tensors[inner], tensors[outer] = tensors[outer], graph.tensors[outer]
    outside = dict(zip(graph.outputs, range(len(tensors), len(tensors) + len(graph.outputs)), strict=True))
    for inner, outer in outside.items():
        tensors[outer] = graph.tensors[inner]
    operations = [_operation(operation, inside) for operation in graph.operations]
    int8 = Graph(
        tensors,
        (
            *(replace(first, inputs=(outer,), outputs=(inner,)) for outer, inner in inside.items()),
            *operations,
            *(replace(last, inputs=(inner,), outputs=(outer,)) for inner, outer in outside.items()),
        ),
        graph.inputs,
        tuple(outside.values()),
        graph.persistent,
    )
    return in_least_memory_order(int8)


def _int8(tensor: Activation) -> Activation:
    return replace(tensor, type="INT8") if tensor.type == "FLOAT32" else tensor


def _operation(operation: Operation, inside: dict[int, int]) -> Operation:
    operation = replace(operation, inputs=tuple(inside.get(number, number) for number in operation.inputs))
    if operation.op in _CONSTANT_OPS and not operation.macs:
        return replace(operation, parameter_bytes=operation.parameter_bytes // 4)
    if operation.precision != "full_precision" or not operation.weight_bytes:
        return operation
    dense = operation.op == names.FULLY_CONNECTED
    weights = operation.weight_bytes // 4
    return replace(
        operation,
        op=names.CONV_2D if dense else operation.op,
        kind="conv 1x1" if dense else operation.kind,
        precision="int8",
        mac_kind="int8",
        bits=INT8_BITS,
        weight_bytes=weights,
    )
