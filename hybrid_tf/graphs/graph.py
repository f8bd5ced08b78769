"""The graph of what a device runs: operators in order, and the tensors between them, wherever they come from.

`file_graph` makes it from a `.tflite` file, which may be one that is never written. Memory and energy are functions of
it. This module and those it imports work without TensorFlow.
"""

import math
import re
from dataclasses import asdict, dataclass
from typing import Any

from hybrid_tf.tflite.names import WORD_BITS

FULL_PRECISION_BITS = 32
PRECISIONS = ("binary", "int8", "full_precision")
MAC_KINDS = ("binary", "int8", "float32")
# Bits of an element; 0 where the size is not known from the shape.
TYPE_BITS = {
    "FLOAT64": 64, "FLOAT32": 32, "FLOAT16": 16, "BFLOAT16": 16, "COMPLEX64": 64, "COMPLEX128": 128,
    "INT64": 64, "INT32": 32, "INT16": 16, "INT8": 8, "INT4": 4, "UINT64": 64, "UINT32": 32, "UINT16": 16, "UINT8": 8,
    "BOOL": 8, "STRING": 0, "RESOURCE": 0, "VARIANT": 0,
}  # fmt: skip
_STAGE = re.compile(r"(?:^|/)(?:stage(\d+)|(head|stem|classifier))(?=_|/|$)")


def elements(shape: tuple[int, ...]) -> int:
    """Returns the number of elements of a tensor computed at run time; a size of -1, not known yet, counts as 1."""
    return math.prod(1 if size < 0 else size for size in shape)


@dataclass(frozen=True)
class Activation:
    """A tensor computed at run time.

    Attributes:
        name: name of the tensor, for people.
        shape: shape as stored, batch (1) first: a bit-packed tensor has ceil(C / 32) words in place of C channels.
        type: element type as in the TensorFlow Lite schema; a bit-packed tensor is `INT32`.
        channels: number of channels when bit-packed, else 0.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    channels: int = 0

    @property
    def bytes(self) -> int:
        """Bytes it takes on the device."""
        return -(-elements(self.shape) * TYPE_BITS.get(self.type, 0) // 8)

    @property
    def logical_shape(self) -> tuple[int, ...]:
        """The shape without the batch, in channels even when these are bit-packed."""
        shape = (*self.shape[:-1], self.channels) if self.channels else self.shape
        return shape[1:] if len(shape) > 1 else shape

    @property
    def precision(self) -> str:
        """`binary` when bit-packed, `int8` when 8-bit integers, else `full_precision`."""
        return "binary" if self.channels else "int8" if self.type in ("INT8", "UINT8") else "full_precision"


def packed(name: str, shape: tuple[int, ...]) -> Activation:
    """Returns the bit-packed tensor of values of `shape`: 32 channels of a pixel in one int32."""
    return Activation(name, (*shape[:-1], -(-shape[-1] // WORD_BITS)), "INT32", shape[-1])


@dataclass(frozen=True)
class LayerProfile:
    """One operator as it runs on the device, once an image; a convolution or dense layer when it has MACs.

    Attributes:
        name: name of the Keras layer; read from a file, what the converter left of it.
        kind: kind of operator: `conv 3x3`, `depthwise 3x3`, `transposed conv 2x2`, `dense`, or the operator's name.
        precision: precision of the weights, `binary`, `int8` or `full_precision`; without weights, that of the output.
        weights: number of kernel elements, without biases and batch norm; 0 in a further use of the same kernel.
        bits: number of bits that a stored weight takes.
        output_shape: height, width and channels of the output, or its features.
        macs: number of multiply-accumulates for one image.
        mac_kind: kind of the multiply-accumulates, `binary`, `int8` or `float32`.
        stage: stage of our networks that the operator is in (`1`, `2`, `head`, ...); empty when the name does not say.
        op: name of the operator in the TensorFlow Lite schema, or LCE's.
        weight_bytes: bytes of the kernel as stored, the padding of input channels to 32 included; read at each use.
        parameter_bytes: bytes of the biases, multipliers and thresholds beside the kernel.
        input_bytes: bytes of all inputs computed at run time, as executed: bit-packed, int8 or float32.
        output_bytes: bytes of all outputs.
    """

    name: str
    kind: str
    precision: str
    weights: int
    bits: int
    output_shape: tuple[int, ...]
    macs: int
    mac_kind: str
    stage: str
    op: str
    weight_bytes: int
    parameter_bytes: int
    input_bytes: int
    output_bytes: int

    @property
    def macs_by_kind(self) -> dict[str, int]:
        """The multiply-accumulates of each kind."""
        return {kind: self.macs if kind == self.mac_kind else 0 for kind in MAC_KINDS}

    def to_dict(self) -> dict[str, Any]:
        """Returns the row as plain JSON values."""
        return asdict(self) | {"macs_by_kind": self.macs_by_kind}


@dataclass(frozen=True)
class Operation:
    """An operator of a graph; see `LayerProfile` for what the fields mean. Inputs and outputs are tensor numbers."""

    name: str
    op: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    kind: str = ""
    precision: str = ""
    weights: int = 0
    bits: int = 0
    macs: int = 0
    mac_kind: str = "float32"
    weight_bytes: int = 0
    parameter_bytes: int = 0


@dataclass(frozen=True)
class Graph:
    """Operators in the order in which they run.

    Attributes:
        tensors: tensors computed at run time, by number.
        operations: operators in the order in which they run.
        inputs, outputs: tensor numbers of the graph's inputs and outputs.
        persistent: numbers of tensors computed once and kept, e.g. float32 copies of float16 weights.
    """

    tensors: dict[int, Activation]
    operations: tuple[Operation, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    persistent: frozenset[int] = frozenset()

    def rows(self) -> list[LayerProfile]:
        """Returns a row for every operator, in order."""
        return [self._row(operation) for operation in self.operations]

    def layers(self) -> list[LayerProfile]:
        """Returns a row for each convolution and dense layer, in order."""
        return [row for row in self.rows() if row.macs]

    def _row(self, operation: Operation) -> LayerProfile:
        outputs = [self.tensors[number] for number in operation.outputs if number in self.tensors]
        return LayerProfile(
            name=operation.name,
            kind=operation.kind or operation.op,
            precision=operation.precision or (outputs[0].precision if outputs else "full_precision"),
            weights=operation.weights,
            bits=operation.bits,
            output_shape=outputs[0].logical_shape if outputs else (),
            macs=operation.macs,
            mac_kind=operation.mac_kind,
            stage=stage_of(operation.name),
            op=operation.op,
            weight_bytes=operation.weight_bytes,
            parameter_bytes=operation.parameter_bytes,
            input_bytes=sum(self.tensors[number].bytes for number in set(operation.inputs) if number in self.tensors),
            output_bytes=sum(tensor.bytes for tensor in outputs),
        )


def stage_of(name: str) -> str:
    """Returns the stage that a layer's name gives, as a plan's `sections=` names it; empty when it gives none."""
    found = _STAGE.search(name)
    return (found[1] or found[2]) if found else ""
