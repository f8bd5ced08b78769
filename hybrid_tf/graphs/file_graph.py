"""The operators of a `.tflite` file, LCE's or any other, with their weights and multiply-accumulates.

TensorFlow is not needed. Multiply-accumulates are counted for convolutions, dense layers and matrix products; those of
recurrent operators are not. Layouts of the operators' inputs are those of tensorflow/lite/kernels.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hybrid_tf.errors import HybridTFError
from hybrid_tf.graphs.graph import TYPE_BITS, Activation, Graph, Operation, elements
from hybrid_tf.tflite import names
from hybrid_tf.tflite.flatbuffer import Operator, TFLiteFile

# Operators whose second input is a kernel, or the second factor of a product.
_WITH_KERNEL = (*names.WEIGHT_OPS, names.CONV_3D, names.BATCH_MATMUL, names.BINARY_CONV_2D)
# Operators that only bring a constant into another form.
_CONSTANT_COPIES = (names.DEQUANTIZE, names.DENSIFY)
_INTEGER_WEIGHTS = ("INT8", "UINT8", "INT4")
_PARAMETER_TYPES = ("FLOAT32", "FLOAT16", "INT8", "UINT8")
_LARGEST = 2**62  # bytes of one tensor, weights or MACs of one operator, that a sound file can have


class SizeError(ValueError):
    """A number of bytes, weights or MACs that no network has; sums of those that one has fit a float."""


@contextmanager
def damage_in(path: str | Path) -> Iterator[None]:
    """Names the file `path` when what is made of its operators shows that they cannot be run.

    Raises:
        HybridTFError: when an operator lacks an input, or has sizes that none can have.
    """
    try:
        yield
    except (IndexError, KeyError, SizeError) as error:  # the first two: it lacks an input that its kind has
        why = error if isinstance(error, SizeError) else "an operator lacks an input"
        raise HybridTFError(f"{path} is cut off or damaged ({why}): copy it again") from error


def file_graph(file: TFLiteFile, seen: set[int] | None = None) -> Graph:
    """Returns the graph of one subgraph of a file.

    Args:
        file: the subgraph.
        seen: numbers of the kernel buffers that other subgraphs have counted; those of this one are added.

    Raises:
        SizeError, IndexError: see `damage_in`.
    """
    reader = _Reader(file, set() if seen is None else seen)
    operations = tuple(reader.operation(number, operator) for number, operator in enumerate(file.operators))
    used = {tensor for op in operations for tensor in (*op.inputs, *op.outputs)} | {*file.inputs, *file.outputs}
    tensors = {number: reader.activation(number) for number in used if not reader.is_stored(number)}
    sizes = [tensor.bytes for tensor in tensors.values()]
    sizes += [size for op in operations for size in (op.weights, op.macs)]
    if not all(0 <= size <= _LARGEST for size in sizes):
        raise SizeError(f"an operator of below 0 or over {_LARGEST:,} bytes, weights or MACs")
    return Graph(tensors, operations, file.inputs, file.outputs, frozenset(reader.copies))


def kernel_of(operator: Operator) -> int:
    """Returns the number of the tensor that holds an operator's kernel, -1 for an operator without one."""
    return operator.inputs[1] if operator.name in _WITH_KERNEL and len(operator.inputs) > 1 else -1


class _Reader:
    def __init__(self, file: TFLiteFile, seen: set[int]) -> None:
        self._file = file
        self._seen = seen
        # Tensors that are constants in another form, and the constants.
        self.copies = {
            op.outputs[0]: op.inputs[0] for op in file.operators if op.name in _CONSTANT_COPIES and self._is_copy(op)
        }
        self._channels = _packed_channels(file)

    def _is_copy(self, operator: Operator) -> bool:
        return len(operator.inputs) == len(operator.outputs) == 1 and self.is_stored(operator.inputs[0])

    def is_stored(self, tensor: int) -> bool:
        """Whether a tensor's content is in the file."""
        return tensor >= 0 and len(self._file.buffers[self._file.tensors[tensor].buffer]) > 0

    def activation(self, tensor: int) -> Activation:
        spec = self._file.tensors[tensor]
        return Activation(spec.name, spec.shape, spec.type, self._channels.get(tensor, 0))

    def operation(self, number: int, operator: Operator) -> Operation:
        kernel = kernel_of(operator)
        values = tuple(
            tensor
            for tensor in operator.inputs
            if tensor >= 0 and not self.is_stored(tensor) and tensor not in self.copies
        )
        constants = [tensor for tensor in operator.inputs if self.is_stored(tensor)]
        name = layer_name(self._file, operator) or f"{operator.name}_{number}"
        if not (self.is_stored(kernel) or kernel in self.copies or operator.name == names.BATCH_MATMUL):
            parameters = [t for t in constants if self._file.tensors[t].type in _PARAMETER_TYPES]
            size = 0 if operator.outputs[0:1] and operator.outputs[0] in self.copies else self._bytes(parameters)
            return Operation(name, operator.name, values, operator.outputs, parameter_bytes=size)
        stored = self.copies.get(kernel, kernel)
        weights, bits = self._weights(operator, kernel, stored)
        buffer = self._file.tensors[stored].buffer
        first_use = buffer not in self._seen
        self._seen.add(buffer)
        precision, mac_kind = self._precision(operator, stored)
        return Operation(
            name,
            operator.name,
            values,
            operator.outputs,
            kind=_kind(operator.name, self._file.tensors[kernel].shape),
            precision=precision,
            weights=weights if first_use else 0,
            bits=bits,
            macs=self._macs(operator, weights),
            mac_kind=mac_kind,
            weight_bytes=self._bytes([stored]),
            parameter_bytes=self._bytes([t for t in constants[0:] if t != stored and self._is_parameter(operator, t)]),
        )

    def _is_parameter(self, operator: Operator, tensor: int) -> bool:
        # A bias of an int8 convolution and the thresholds of a binary one are int32, but so is a stored output shape.
        return not (operator.name == names.TRANSPOSE_CONV and tensor == operator.inputs[0])

    def _bytes(self, tensors: list[int]) -> int:
        return sum(len(self._file.buffers[self._file.tensors[tensor].buffer]) for tensor in tensors)

    def _weights(self, operator: Operator, kernel: int, stored: int) -> tuple[int, int]:
        if not self.is_stored(stored):
            return 0, 0  # both factors of a matrix product are computed
        shape = self._file.tensors[kernel].shape
        if operator.name == names.BINARY_CONV_2D:
            return math.prod(shape[:-1]) * _channels_in_group(operator, shape[-1]), 1
        return math.prod(shape), TYPE_BITS.get(self._file.tensors[stored].type, 0)

    def _precision(self, operator: Operator, stored: int) -> tuple[str, str]:
        if operator.name == names.BINARY_CONV_2D:
            return "binary", "binary"
        # Integer weights with float32 activations count as int8 too: the kernels quantize the activations first.
        return (
            ("int8", "int8") if self._file.tensors[stored].type in _INTEGER_WEIGHTS else ("full_precision", "float32")
        )

    def _macs(self, operator: Operator, weights: int) -> int:
        result = self._file.tensors[operator.outputs[0]].shape
        if operator.name == names.BATCH_MATMUL:  # every output element sums over one row of the first factor
            left = elements(self._file.tensors[operator.inputs[0]].shape)
            return left * elements(result[-1:]) if result else 0
        if operator.name == names.TRANSPOSE_CONV:  # the kernel is applied at each pixel of its input, the third tensor
            return weights * elements(self._file.tensors[operator.inputs[2]].shape[1:-1])
        if operator.name == names.FULLY_CONNECTED:
            units = self._file.tensors[operator.inputs[1]].shape[0]
            return weights * (elements(result) // units if units else 0)
        return weights * elements(result[1:-1])


def _channels_in_group(operator: Operator, words: int) -> int:
    channels = operator.options().get("channels_in", 0)
    if not isinstance(channels, int) or channels <= 0:
        return words * names.WORD_BITS
    groups = max(1, -(-channels // names.WORD_BITS) // max(words, 1))
    return channels // groups


def _packed_channels(file: TFLiteFile) -> dict[int, int]:
    """Channels of each bit-packed tensor, by number."""
    channels: dict[int, int] = {}
    for operator in file.operators:
        if not operator.outputs or file.tensors[operator.outputs[0]].type != "INT32":
            continue
        if operator.name == names.BINARY_CONV_2D:
            count = file.tensors[operator.inputs[1]].shape[0]
        elif operator.name == names.BINARY_QUANTIZE:
            count = file.tensors[operator.inputs[0]].shape[-1]
        elif operator.name == names.BINARY_MAX_POOL_2D:
            count = channels.get(operator.inputs[0], 0)
        else:
            continue
        channels[operator.outputs[0]] = count
    return channels


def _kind(operator: str, kernel: tuple[int, ...]) -> str:
    if operator in (*names.CONVOLUTIONS, names.BINARY_CONV_2D) and len(kernel) == 4:
        prefix = {names.DEPTHWISE_CONV_2D: "depthwise", names.TRANSPOSE_CONV: "transposed conv"}.get(operator, "conv")
        return f"{prefix} {kernel[1]}x{kernel[2]}"
    return "dense" if operator == names.FULLY_CONNECTED else operator


def layer_name(file: TFLiteFile, operator: Operator) -> str:
    """Returns what the converter left of the name of the layer that an operator comes from; may be empty or cut off.

    A tensor is named after the operations that were fused into its producer, the last one first. The quantizer of a
    binary layer's input carries the name of that layer, so a bit-packed tensor is named after its reader.
    """
    output = layers_in(file.tensors[operator.outputs[0]].name) if operator.outputs else []
    is_packed = operator.outputs and file.tensors[operator.outputs[0]].type == "INT32"
    if operator.name == names.BINARY_CONV_2D and is_packed and operator.inputs:
        output = layers_in(file.tensors[operator.inputs[0]].name)
    if not output:  # the network's outputs are named after nothing, but a bias keeps its name
        stored = [t for t in operator.inputs[1:] if t >= 0 and len(file.buffers[file.tensors[t].buffer])]
        named = [file.tensors[tensor].name for tensor in stored]
        output = [name.split("/")[-2] for name in named if name.endswith("/bias")]
        output += [layer for name in named for layer in layers_in(name)]
    return output[0] if output else ""


def layers_in(name: str) -> list[str]:
    """Returns the layers that the name of a tensor tells of, the one that ran last in front."""
    layers = []
    for part in name.split(";"):
        pieces = part.split("/")
        if len(pieces) > 1 and not pieces[1].startswith(("re_lu", "FakeQuant")):
            layers.append(pieces[1].removesuffix("_bn"))
    return layers
