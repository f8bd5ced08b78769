"""A SavedModel folder as a float `.tflite` file, without running anything that the folder brings along.

TensorFlow runs what a SavedModel names on loading: initialisers, functions that restore. Here only the operations are
taken that the network's outputs follow from, each one of a list of those that compute and do nothing else, and the
weights are read from the checkpoint as data.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2, trackable_object_graph_pb2

from hybrid_tf.compiler.float_graph import float_graph
from hybrid_tf.errors import HybridTFError
from hybrid_tf.system.quiet import silenced

_SIGNATURE = "serving_default"
_MOST_BYTES = 1 << 30  # of the graph, which holds no variables
_VARIABLE = "VarHandleOp"
_OPERATIONS = frozenset(
    """
    Placeholder Const Identity IdentityN NoOp StopGradient EnsureShape ReadVariableOp VarHandleOp PartitionedCall
    StatefulPartitionedCall Conv2D DepthwiseConv2dNative Conv2DBackpropInput MatMul BatchMatMul BatchMatMulV2
    BatchMatMulV3 Einsum BiasAdd FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 Add AddV2 AddN Sub Mul RealDiv Div
    DivNoNan MulNoNan Maximum Minimum Neg Abs Sign Square Sqrt Rsqrt Exp Log Pow SquaredDifference Round Floor Ceil Relu
    Relu6 LeakyRelu Elu Selu Tanh Sigmoid Softmax LogSoftmax Softplus Softsign Erf MaxPool MaxPoolV2 AvgPool Mean Sum
    Max Min Prod All Any ArgMax ArgMin Reshape Squeeze ExpandDims Shape ShapeN Rank Size StridedSlice Slice Pack Unpack
    ConcatV2 Split SplitV Transpose Tile Pad PadV2 MirrorPad Fill ZerosLike OnesLike Range Cast Greater GreaterEqual
    Less LessEqual Equal NotEqual LogicalAnd LogicalOr LogicalNot Select SelectV2 Where GatherV2 GatherNd ResizeBilinear
    ResizeNearestNeighbor SpaceToDepth DepthToSpace SpaceToBatchND BatchToSpaceND BroadcastTo ClipByValue ReverseV2
    FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel
    """.split()  # noqa: SIM905
)


@dataclass(frozen=True)
class _Network:
    """What the outputs of a signature follow from: the graph, the names of its ends, and the shapes of the inputs."""

    graph: tf.compat.v1.GraphDef
    inputs: dict[str, tf.TensorSpec]
    outputs: dict[str, str]


def float_file_of(folder: Path) -> bytes:
    """Returns the float `.tflite` file that TensorFlow's converter makes of a SavedModel, for a batch of one.

    Raises:
        HybridTFError: when the folder cannot be read, is damaged, has no signature for inference or several, does
            something else than compute, or cannot be converted.
    """
    try:
        network = _network(folder)
        with silenced():
            function, _kept = _function(
                network, _variables(folder, network.graph)
            )  # variables live while they are held
    except HybridTFError:
        raise
    except Exception as error:  # of a graph that does not fit, or a checkpoint without it
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise HybridTFError(f"{folder} is no SavedModel that can be read ({reason[:300]}): save it again") from error
    return float_graph(function, int8=False)


def _network(folder: Path) -> _Network:
    path = folder / "saved_model.pb"
    if path.stat().st_size > _MOST_BYTES:
        raise HybridTFError(f"{path} is larger than {_MOST_BYTES:,} bytes: weights belong into the checkpoint")
    try:
        saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    except DecodeError as error:
        raise HybridTFError(f"{path} is cut off or damaged: save the model again") from error
    graphs = [graph for graph in saved.meta_graphs if "serve" in graph.meta_info_def.tags]
    if len(graphs) != 1 or _SIGNATURE not in graphs[0].signature_def:
        raise HybridTFError(
            f"{folder} has no signature '{_SIGNATURE}': save it with tf.saved_model.save or model.export"
        )
    [meta], signature = graphs, graphs[0].signature_def[_SIGNATURE]
    inputs = {info.name: _spec(folder, info) for _, info in sorted(signature.inputs.items())}
    outputs = {name: info.name for name, info in sorted(signature.outputs.items())}
    return _Network(_reachable(folder, meta.graph_def, inputs, outputs.values()), inputs, outputs)


def _spec(folder: Path, info: Any) -> tf.TensorSpec:
    shape = tf.TensorShape(info.tensor_shape).as_list()
    shape = [1 if number == 0 and size is None else size for number, size in enumerate(shape)]
    if None in shape:
        raise HybridTFError(f"{folder} takes {info.name} of any size, {shape}: save it with a fixed size")
    return tf.TensorSpec(shape, tf.as_dtype(info.dtype))


def _reachable(
    folder: Path, graph: tf.compat.v1.GraphDef, inputs: Iterable[str], outputs: Iterable[str]
) -> tf.compat.v1.GraphDef:
    """Returns the part of a graph that outputs follow from. Raises HybridTFError when it does more than compute."""
    nodes = {node.name: node for node in graph.node}
    functions = {function.signature.name: function for function in graph.library.function}
    needed: dict[str, Any] = {}
    called: dict[str, Any] = {}
    left = [_node(name) for name in outputs]
    ends = {_node(name) for name in inputs}
    while left:
        name = left.pop()
        if name not in needed and name not in ends:
            needed[name] = nodes[name]
            left += [_node(tensor) for tensor in nodes[name].input]
    bodies = list(needed.values())
    while bodies:
        node = bodies.pop()
        names = [name for name in _called(node) if name in functions]
        if node.op not in _OPERATIONS and node.op not in functions:
            raise HybridTFError(f"{folder} holds operation {node.op}, which is not taken from a file: save it without")
        for name in (name for name in names if name not in called):
            called[name] = functions[name]
            bodies += functions[name].node_def
    part = tf.compat.v1.GraphDef(versions=graph.versions)
    part.node.extend(node for node in needed.values() if node.op != _VARIABLE)
    part.library.function.extend(called.values())
    part.node.extend(node for node in needed.values() if node.op == _VARIABLE)
    return part


def _node(tensor: str) -> str:
    return tensor.removeprefix("^").partition(":")[0]


def _called(node: Any) -> Iterator[str]:
    """Yields the names of the functions that a node may call."""
    yield node.op
    for value in node.attr.values():
        if value.func.name:
            yield value.func.name
        yield from (function.name for function in value.list.func)


def _variables(folder: Path, graph: tf.compat.v1.GraphDef) -> dict[str, np.ndarray]:
    """Returns the value of each variable of a graph, by the name of its node."""
    reader = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    kept = trackable_object_graph_pb2.TrackableObjectGraph.FromString(reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"))
    keys: dict[str, set[str]] = {}
    for attribute in (attribute for node in kept.nodes for attribute in node.attributes):
        keys.setdefault(attribute.full_name, set()).add(attribute.checkpoint_key)
    values = {}
    for node in (node for node in graph.node if node.op == _VARIABLE):
        name = node.attr["shared_name"].s.decode()
        if len(keys.get(name, ())) != 1:
            raise HybridTFError(f"{folder} has no value for variable '{name}', or several: save the model again")
        values[node.name] = reader.get_tensor(*keys[name])
    return values


def _function(
    network: _Network, values: dict[str, np.ndarray]
) -> tuple[tf.types.experimental.ConcreteFunction, list[tf.Variable]]:
    """Returns the network as a function of its inputs to a dictionary of outputs, and its variables."""
    variables = {name: tf.Variable(value, trainable=False) for name, value in values.items()}
    graph = tf.compat.v1.GraphDef()
    graph.CopyFrom(network.graph)
    del graph.node[len(graph.node) - len(values) :]  # the variables, which come last

    @tf.function(input_signature=list(network.inputs.values()), autograph=False)
    def run(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        given = dict(zip(network.inputs, inputs, strict=True))
        for name, variable in variables.items():
            variable.read_value()  # so that the function knows it as one of its variables
            given[f"{name}:0"] = tf.compat.v1.get_default_graph().capture(variable.handle)
        found = tf.graph_util.import_graph_def(graph, given, list(network.outputs.values()), name="network")
        return dict(zip(network.outputs, found, strict=True))

    return run.get_concrete_function(), list(variables.values())
