"""Rules on the graph of a traced model, for what the converter gets wrong, and how to walk such a graph."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from hybrid_tf.compiler.lint.findings import Finding, finding
from hybrid_tf.compiler.lint.texts import TEXTS
from hybrid_tf.errors import HybridTFError

# Operations that hand on each input as the output of the same number. Larq's quantizers end in an IdentityN, whose
# second output, the value before the sign, is there for the gradient and is read by nobody.
HAND_ON = ("Identity", "IdentityN", "StopGradient")
RELUS = ("Relu", "Relu6")
POOLS = ("MaxPool", "AvgPool")
RESHAPES = ("Reshape", "Squeeze", "ExpandDims")
_CONVOLUTIONS = ("Conv2D", "DepthwiseConv2dNative")
# Keras calls a grouped convolution as a compiled function, of the same two inputs.
CALLS = ("PartitionedCall", "StatefulPartitionedCall")


def source(tensor: tf.Tensor) -> tf.Tensor:
    """Returns the tensor that `tensor` is a copy of."""
    while tensor.op.type in HAND_ON and tensor.op.inputs:
        tensor = tensor.op.inputs[tensor.value_index]
    return tensor


def same(one: tf.Tensor, other: tf.Tensor) -> bool:
    """Whether two objects stand for the same tensor of a graph."""
    return one.name == other.name


def readers(tensor: tf.Tensor) -> list[tf.Operation | None]:
    """Returns the operations that read a tensor or a copy of it; `None` stands for an output of the model."""
    found = [None for output in tensor.graph.outputs if same(output, tensor)]
    for op in tensor.consumers():
        if op.type not in HAND_ON:
            found.append(op)
            continue
        for number, value in enumerate(op.inputs):
            if same(value, tensor):
                found += readers(op.outputs[number])
    return found


def layer_name(op: tf.Operation) -> str:
    """Returns the name of the layer that `op` belongs to: scopes, the layer's own, and the operation."""
    return op.name.split("/")[-2:][0]


def check_padding(graph: tf.Graph) -> None:
    """Checks that no explicit padding is one that the converter turns into another.

    Args:
        graph: graph of the network, with every shape known.

    Raises:
        HybridTFError: naming the convolution.
    """
    for fault in padding_faults(graph):
        raise HybridTFError(str(fault))


def padding_faults(graph: tf.Graph) -> Iterable[Finding]:
    """Yields the convolutions whose padding layer the converter turns into another padding.

    It folds padding into the convolution behind as SAME padding where the sizes fit, without checking that SAME would
    pad by as much (`IsSamePadding1D` in LCE's padding.h). A symmetric ZeroPadding2D before a strided convolution then
    gives wrong numbers.
    """
    for op in graph.get_operations():
        pad = source(op.inputs[0]).op if op.inputs and op.type in (*_CONVOLUTIONS, *CALLS) else None
        if pad is not None and pad.type in ("Pad", "PadV2"):
            conv = _convolution(op)
            if conv is not None and conv["padding"].s == b"VALID" and _is_miscompiled(pad, op, conv):
                yield finding(
                    "explicit-padding",
                    layer_name(op),
                    "is strided and has explicit padding before it, which the converter gets wrong",
                    "use padding='same' instead of a padding layer",
                )


def _convolution(op: tf.Operation) -> Any:
    """Returns the attributes of a convolution, or of the one that a called function consists of; None for others."""
    if op.type in _CONVOLUTIONS:
        return op.node_def.attr
    called = op.get_attr("f").name
    functions = op.graph.as_graph_def().library.function
    nodes = [node for function in functions if function.signature.name == called for node in function.node_def]
    convs = [node.attr for node in nodes if node.op in _CONVOLUTIONS]
    return convs[0] if len(convs) == 1 else None


def _is_miscompiled(pad: tf.Operation, conv: tf.Operation, options: Any) -> bool:
    paddings = tf.get_static_value(pad.inputs[1])
    shapes = (pad.inputs[0].shape, conv.inputs[1].shape, conv.outputs[0].shape)
    if paddings is None or np.shape(paddings) != (4, 2) or not all(shape.is_fully_defined() for shape in shapes):
        return False
    wrong = False
    for axis, kernel_axis in ((1, 0), (2, 1)):
        before, after = (int(value) for value in paddings[axis])
        size, out = pad.inputs[0].shape[axis], conv.outputs[0].shape[axis]
        stride = options["strides"].list.i[axis]
        extent = (conv.inputs[1].shape[kernel_axis] - 1) * options["dilations"].list.i[axis] + 1
        total = before + after
        if out != -(-size // stride) or before != total // 2:
            return False  # not taken for SAME, so left as it is
        wrong |= total != max((out - 1) * stride + extent - size, 0)
    return wrong


def check_relus(layers: Iterable[tf.keras.layers.Layer], inputs: Iterable[tf.Tensor]) -> None:
    """Checks that no ReLU in front of a binary layer is one that the converter loses.

    Args:
        layers: binary layers, one for each call.
        inputs: tensor that each call quantizes.

    Raises:
        HybridTFError: naming the layer.
    """
    for layer, tensor in zip(layers, inputs, strict=True):
        fault = relu_fault(layer.name, tensor)
        if fault and fault.severity == "error":
            raise HybridTFError(str(fault))


def relu_fault(layer: str, tensor: tf.Tensor) -> Finding | None:
    """Returns what is wrong with quantizing `tensor` when all of it is positive, or None when it is no ReLU's.

    TensorFlow Lite fuses a ReLU into the max pool before it, and LCE then replaces the pool by one of bits without
    looking at the activation: the file's bits are those from before the ReLU. Comparing scores does not show it
    reliably, because where Keras's input is exactly zero either sign counts as right.
    """
    op = _before_pools(tensor)
    if op.type not in RELUS:
        return None
    pool = source(op.inputs[0])
    if pool.op.type == "MaxPool" and len(readers(pool)) == 1 and _is_only_quantized(op.outputs[0]):
        return finding(
            "relu-dropped",
            layer,
            "quantizes what a ReLU behind a max pool gives, and the converter loses that ReLU",
            "leave the ReLU out: every input bit is +1 with it",
        )
    return finding("relu-before-sign", layer, *TEXTS["relu-before-sign"])


def _before_pools(tensor: tf.Tensor) -> tf.Operation:
    op = source(tensor).op
    while op.type == "MaxPool":
        op = source(op.inputs[0]).op
    return op


def _is_only_quantized(tensor: tf.Tensor) -> bool:
    return all(
        op is not None and (op.type == "Sign" or (op.type == "MaxPool" and _is_only_quantized(op.outputs[0])))
        for op in readers(tensor)
    )
