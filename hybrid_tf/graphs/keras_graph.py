"""The operators a device will run for a Keras or Larq model, foreseen without converting it.

It follows what Larq Compute Engine's converter does: batch norm and ReLU are fused into the operator in front, values
are bit-packed where a sign is taken, and stay so between binary layers when nothing else reads them. Tests compare it
with converted files.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import tensorflow as tf

from hybrid_tf.errors import HybridTFError
from hybrid_tf.graphs.graph import FULL_PRECISION_BITS, Activation, Graph, Operation, packed
from hybrid_tf.graphs.order import in_least_memory_order
from hybrid_tf.models.layers import Shift, is_binary
from hybrid_tf.tflite import names

_layers = tf.keras.layers
_CONVOLUTIONS = {  # the first that fits: the transposed one is a Conv2D too
    _layers.Conv2DTranspose: (names.TRANSPOSE_CONV, "transposed conv"),
    _layers.DepthwiseConv2D: (names.DEPTHWISE_CONV_2D, "depthwise"),
    _layers.Conv1D: (names.CONV_2D, "conv"),
    _layers.Conv2D: (names.CONV_2D, "conv"),
    _layers.Conv3D: (names.CONV_3D, "conv"),
}
_OPERATORS = {
    _layers.Add: names.ADD,
    _layers.Subtract: names.SUB,
    _layers.Multiply: names.MUL,
    _layers.Concatenate: names.CONCATENATION,
    _layers.MaxPooling2D: names.MAX_POOL_2D,
    _layers.AveragePooling2D: names.AVERAGE_POOL_2D,
    _layers.GlobalAveragePooling2D: names.MEAN,
    _layers.GlobalMaxPooling2D: names.REDUCE_MAX,
    _layers.ZeroPadding2D: names.PAD,
    _layers.Softmax: names.SOFTMAX,
    _layers.PReLU: names.PRELU,
    Shift: names.ADD,
    _layers.ReLU: names.RELU,
    _layers.Flatten: names.RESHAPE,
    _layers.Reshape: names.RESHAPE,
}
_FUNCTIONS = {"__operators__.add": names.ADD, "math.add": names.ADD, "math.multiply": names.MUL, "nn.relu": names.RELU}
_PARAMETERISED = (_layers.PReLU, Shift)
_VIEWS = (_layers.Flatten, _layers.Reshape, _layers.Dropout, _layers.SpatialDropout2D, _layers.ActivityRegularization)
_FUSE_RELU = (
    *(names.CONV_2D, names.DEPTHWISE_CONV_2D, names.FULLY_CONNECTED, *names.POOLS),
    *(names.ADD, names.SUB, names.MUL, names.CONCATENATION),
)
_FUSE_BATCH_NORM = (*names.WEIGHT_OPS, names.BINARY_CONV_2D)


def is_packed_layer(layer: tf.keras.layers.Layer) -> bool:
    """Returns whether LCE runs `layer` on bits: a 2-D convolution whose kernel and input quantizers both give 1 bit.

    `QuantDense`, depthwise and separable layers, and layers with only binary weights, stay float32 in the file.
    """
    plain = isinstance(layer, _layers.Conv2D) and not isinstance(layer, _layers.Conv2DTranspose)
    return plain and is_binary(layer) and getattr(layer.input_quantizer, "precision", 32) == 1


@dataclass
class _Call:
    """One call of a layer.

    Attributes:
        layer: layer that is called.
        inputs, output: keys of the values that the call reads and makes.
        shape: shape of the output, batch first.
        reshapes: whether the shape differs from that of the first input by more than sizes of 1.
    """

    layer: tf.keras.layers.Layer
    inputs: list[str]
    output: str
    shape: tuple[int, ...]
    reshapes: bool


@dataclass
class _Value:
    """A value that exists on the device: its tensor, the call's output it stands for, and what of it is fused."""

    number: int
    key: str
    has_relu: bool = False
    has_batch_norm: bool = False


@dataclass
class _Lowering:
    readers: dict[str, list[_Call | None]]  # `None` reads the outputs of the model
    tensors: dict[int, Activation] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)
    values: dict[str, _Value] = field(default_factory=dict)
    bits: dict[int, int] = field(default_factory=dict)  # number of the bit-packed tensor made of each tensor
    kernels: set[int] = field(default_factory=set)

    def add_tensor(self, tensor: Activation) -> int:
        self.tensors[len(self.tensors)] = tensor
        return len(self.tensors) - 1

    def producer(self, tensor: int) -> int:
        """Returns the index of the operation that makes `tensor`, -1 for an input."""
        return next((i for i, operation in enumerate(self.operations) if tensor in operation.outputs), -1)

    def real_readers(self, key: str) -> Iterator[_Call | None]:
        """Yields the calls that read a value, views of it included."""
        for call in self.readers.get(key, []):
            if call is not None and _is_view(call):
                yield from self.real_readers(call.output)
            else:
                yield call

    def emit(self, call: _Call, op: str, inputs: list[int], **fields: Any) -> None:
        number = self.add_tensor(Activation(call.layer.name, call.shape, "FLOAT32"))
        self.operations.append(Operation(call.layer.name, op, tuple(inputs), (number,), **fields))
        self.values[call.output] = _Value(number, call.output)


def keras_graph(model: tf.keras.Model) -> Graph:
    """Returns the graph of a functional or sequential model for one image.

    Raises:
        HybridTFError: when the model is subclassed, so that its layers' order is not known, or takes inputs of no fixed
            size.
    """
    calls: list[_Call] = []
    keys, results = _collect(model, calls, None, "")
    readers: dict[str, list[_Call | None]] = {}
    for call in calls:
        for key in call.inputs:
            readers.setdefault(key, []).append(call)
    for key in results:
        readers.setdefault(key, []).append(None)
    state = _Lowering(readers)
    calls = _in_order(calls, results)
    for key, shape, name in keys:
        state.values[key] = _Value(state.add_tensor(Activation(name, shape, "FLOAT32")), key)
    inputs = tuple(state.tensors)
    for call in calls:
        _lower(call, state)
    outputs = tuple(state.values[key].number for key in results)
    return in_least_memory_order(Graph(state.tensors, tuple(state.operations), inputs, outputs))


def _collect(model: tf.keras.Model, calls: list[_Call], given: list[str] | None, prefix: str) -> tuple[list, list[str]]:
    """Appends the calls of a model in order, those of nested models in place; returns its inputs and output keys."""
    if not getattr(model, "_is_graph_network", False):
        raise HybridTFError(
            f"model '{model.name}' is subclassed, so the order of its layers is not known: "
            "convert it with `hybrid-tf convert` and analyse the file"
        )
    keys: dict[str, str] = {}
    if given is not None:
        keys = {str(id(tensor)): key for tensor, key in zip(model.inputs, given, strict=True)}
    inputs = []
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            outputs = tf.nest.flatten(node.outputs)
            identities = list(node.flat_output_ids)
            if node.is_input:
                if given is None:
                    keys[str(identities[0])] = f"{prefix}{identities[0]}"
                    inputs.append((f"{prefix}{identities[0]}", _shape(outputs[0], node.layer), node.layer.name))
                continue
            read = [keys[str(identity)] for identity in node.flat_input_ids]
            if isinstance(node.layer, tf.keras.Model):
                _, made = _collect(node.layer, calls, read, f"{prefix}{identities[0]}/")
                keys.update(zip(map(str, identities), made, strict=True))
                continue
            for identity in identities:
                keys[str(identity)] = f"{prefix}{identity}"
            # A layer with several outputs is followed by its first; such layers have no weights here.
            shapes = [_shape(tensor, node.layer) for tensor in (*tf.nest.flatten(node.input_tensors)[:1], outputs[0])]
            calls.append(_Call(node.layer, read, keys[str(identities[0])], shapes[-1], _differ(*shapes)))
            for identity in identities[1:]:
                keys[str(identity)] = keys[str(identities[0])]
    return inputs, [keys[str(id(tensor))] for tensor in model.outputs]


def _in_order(calls: list[_Call], results: list[str]) -> list[_Call]:
    """Returns the calls in the usual order of the converter: all that an input needs before the next input.

    A shortcut therefore runs behind the convolutions it goes around, where the addition names it last. The names of
    variables can lead to another order in the file.
    """
    makers = {call.output: call for call in calls}
    ordered: dict[str, _Call] = {}
    waiting = [makers[key] for key in reversed(results) if key in makers]
    while waiting:
        call = waiting[-1]
        missing = [makers[key] for key in call.inputs if key in makers and key not in ordered]
        if missing:
            waiting.extend(reversed(missing))
        else:
            ordered[waiting.pop().output] = call
    return list(ordered.values())


def _shape(tensor: Any, layer: tf.keras.layers.Layer) -> tuple[int, ...]:
    shape = tuple(tensor.shape)[1:]
    if None in shape:
        raise HybridTFError(
            f"layer '{layer.name}' gives {tuple(tensor.shape)}: build the model with a fixed input size"
        )
    return (1, *shape)


def _is_linear(layer: tf.keras.layers.Layer) -> bool:
    return isinstance(layer, _layers.Activation) and layer.activation is tf.keras.activations.linear


def _differ(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return [size for size in one if size > 1] != [size for size in other if size > 1]


def _is_view(call: _Call) -> bool:
    layer = call.layer
    return (isinstance(layer, _VIEWS) and not call.reshapes) or _is_linear(layer) or type(layer) is _layers.Layer


def _is_relu(layer: tf.keras.layers.Layer) -> bool:
    activation = getattr(layer, "activation", None)
    return isinstance(layer, _layers.ReLU) or activation is tf.keras.activations.relu


def _lower(call: _Call, state: _Lowering) -> None:
    layer = call.layer
    if is_packed_layer(layer):
        _binary_convolution(call, state)
        return
    sources = [state.values[key] for key in call.inputs]
    inputs = [value.number for value in sources]
    convolution = next((found for kind, found in _CONVOLUTIONS.items() if isinstance(layer, kind)), None)
    if _is_view(call):
        state.values[call.output] = replace(sources[0], key=call.output)
    elif convolution:
        _weight_layer(call, state, inputs, *convolution)
    elif isinstance(layer, _layers.Dense):
        _weight_layer(call, state, inputs, names.FULLY_CONNECTED, "dense")
    elif not _fused(call, sources[0], state):
        parameters = layer.count_params() if isinstance(layer, _PARAMETERISED) else 0
        state.emit(call, _operator(layer), inputs, parameter_bytes=4 * parameters)


def _operator(layer: tf.keras.layers.Layer) -> str:
    name = next((op for kind, op in _OPERATORS.items() if isinstance(layer, kind)), "")
    if isinstance(layer, _layers.Activation):
        name = getattr(layer.activation, "__name__", "activation").upper()
    return name or _FUNCTIONS.get(getattr(layer, "symbol", None), type(layer).__name__)


def _fused(call: _Call, source: _Value, state: _Lowering) -> bool:
    """Fuses a batch norm or a ReLU into the operation in front, where LCE's converter does."""
    index = state.producer(source.number)
    if index < 0 or len(state.readers[source.key]) != 1 or len(call.inputs) != 1:
        return False
    op = state.operations[index].op
    if isinstance(call.layer, _layers.BatchNormalization):
        # A binary convolution applies its ReLU to the integer sum, in front of the multiplier that batch norm becomes.
        binary = op == names.BINARY_CONV_2D
        fits = op in _FUSE_BATCH_NORM and not source.has_batch_norm and (binary or not source.has_relu)
        done = replace(source, key=call.output, has_batch_norm=True)
        if fits and op == names.FULLY_CONNECTED:
            units = call.shape[-1]
            state.operations[index] = replace(state.operations[index], parameter_bytes=4 * units)
    elif _is_relu(call.layer) and not isinstance(call.layer, _layers.BatchNormalization):
        fits = op in _FUSE_RELU or (op == names.BINARY_CONV_2D and not source.has_batch_norm)
        fits = fits and not source.has_relu
        done = replace(source, key=call.output, has_relu=True)
    else:
        return False
    if fits:
        state.values[call.output] = done
    return fits


def _weight_layer(call: _Call, state: _Lowering, inputs: list[int], op: str, kind: str) -> None:
    layer = call.layer
    kernel = layer.depthwise_kernel if op == names.DEPTHWISE_CONV_2D else layer.kernel
    shape, weights = tuple(kernel.shape), math.prod(kernel.shape)
    pixels = math.prod(call.shape[1:-1])
    if op == names.TRANSPOSE_CONV:  # the kernel is applied at each pixel of its input
        pixels = math.prod(state.tensors[inputs[0]].shape[1:-1])
    # TensorFlow Lite gives every convolution a bias, a dense layer only one that it needs.
    biases = call.shape[-1] if op != names.FULLY_CONNECTED or layer.use_bias else 0
    state.emit(
        call,
        op,
        inputs,
        kind=f"{kind} {'x'.join(map(str, shape[:-2]))}" if len(shape) > 2 else kind,
        precision="full_precision",
        weights=0 if id(layer) in state.kernels else weights,
        bits=FULL_PRECISION_BITS,
        macs=weights * pixels,
        weight_bytes=4 * weights,
        parameter_bytes=4 * biases,
    )
    state.kernels.add(id(layer))
    _own_activation(call, state)


def _own_activation(call: _Call, state: _Lowering) -> None:
    """Adds the activation that is an argument of the layer; a ReLU is part of the operation."""
    activation = getattr(call.layer, "activation", None)
    value = state.values[call.output]
    if activation is tf.keras.activations.relu:
        value.has_relu = True
    elif activation not in (None, tf.keras.activations.linear):
        state.emit(call, getattr(activation, "__name__", "activation").upper(), [value.number])


def _binary_convolution(call: _Call, state: _Lowering) -> None:
    layer = call.layer
    height, width, channels, filters = layer.kernel.shape
    weights = math.prod(layer.kernel.shape)
    source = _bits(state.values[call.inputs[0]], state)
    state.emit(
        call,
        names.BINARY_CONV_2D,
        [source],
        kind=f"conv {height}x{width}",
        precision="binary",
        weights=0 if id(layer) in state.kernels else weights,
        bits=1,
        macs=weights * math.prod(call.shape[1:-1]),
        mac_kind="binary",
        weight_bytes=4 * filters * height * width * -(-channels // names.WORD_BITS),
        parameter_bytes=8 * filters,  # a multiplier and a bias; `_bits` makes thresholds of them
    )
    state.kernels.add(id(layer))
    _own_activation(call, state)


def _bits(value: _Value, state: _Lowering) -> int:
    """Returns the bit-packed tensor of a value, made by its own operation where LCE does so, else by a quantizer."""
    tensor = value.number
    if tensor in state.bits:
        return state.bits[tensor]
    index = state.producer(tensor)
    operation = state.operations[index] if index >= 0 else None
    only_bits = all(call is not None and is_packed_layer(call.layer) for call in state.real_readers(value.key))
    spec = state.tensors[tensor]
    if operation and only_bits and operation.op == names.BINARY_CONV_2D:
        state.tensors[tensor] = packed(spec.name, spec.shape)
        state.operations[index] = replace(operation, parameter_bytes=operation.parameter_bytes // 2)
        state.bits[tensor] = tensor
    elif operation and only_bits and operation.op == names.MAX_POOL_2D and not value.has_relu:
        _pool_bits(operation, state)
        state.tensors[tensor] = packed(spec.name, spec.shape)
        state.bits[tensor] = tensor
    else:
        state.bits[tensor] = _quantize(tensor, len(state.operations), state)
    return state.bits[tensor]


def _pool_bits(pool: Operation, state: _Lowering) -> None:
    """Turns a maximum pooling that only binary layers read into one of bits, and packs what it reads."""
    source = pool.inputs[0]
    if source not in state.bits:
        readers = [op for op in state.operations if source in op.inputs]
        index = state.producer(source)
        if index >= 0 and state.operations[index].op == names.BINARY_CONV_2D and len(readers) == 1:
            operation = state.operations[index]
            spec = state.tensors[source]
            state.tensors[source] = packed(spec.name, spec.shape)
            state.operations[index] = replace(operation, parameter_bytes=operation.parameter_bytes // 2)
            state.bits[source] = source
        else:
            state.bits[source] = _quantize(source, state.operations.index(pool), state)
    index = state.operations.index(pool)
    state.operations[index] = replace(pool, op=names.BINARY_MAX_POOL_2D, inputs=(state.bits[source],))


def _quantize(tensor: int, index: int, state: _Lowering) -> int:
    spec = state.tensors[tensor]
    number = state.add_tensor(packed(f"{spec.name}_bits", spec.shape))
    state.operations.insert(index, Operation(f"{spec.name}_bits", names.BINARY_QUANTIZE, (tensor,), (number,)))
    return number
