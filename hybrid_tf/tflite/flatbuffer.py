"""A reader of TensorFlow Lite files without TensorFlow. Every offset is checked: damage is an error, not a crash.

Field numbers are those of tensorflow/lite/schema/schema.fbs; the layout is that of https://flatbuffers.dev/internals/.
"""

import math
import struct
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from flatbuffers import flexbuffers

from hybrid_tf.errors import HybridTFError
from hybrid_tf.tflite.build_entry import BUILD_ENTRY, unpacked_build
from hybrid_tf.tflite.builtin_options import FIELDS
from hybrid_tf.tflite.names import ARITHMETIC, CUSTOM, builtin_op_name

_T = TypeVar("_T")
_IDENTIFIER = b"TFL3"
_MOST_READ = 4  # most bytes to read, over those of the file
# enum TensorType, in order from 0.
_TENSOR_TYPES = """
    FLOAT32 FLOAT16 INT32 UINT8 INT64 STRING BOOL INT16 COMPLEX64 INT8 FLOAT64 COMPLEX128 UINT64 RESOURCE VARIANT UINT32
    UINT16 INT4 BFLOAT16
""".split()  # noqa: SIM905


class _DamagedError(Exception):
    """An offset or a value that cannot be."""


@dataclass(frozen=True)
class Tensor:
    """One tensor of a file.

    Attributes:
        name: name that the converter chose; LCE's converter cuts names off at 50 characters.
        shape: sizes of the axes, batch first.
        type: element type as the schema spells it, e.g. `FLOAT32`.
        buffer: number of the tensor's buffer.
        scales, zero_points: numbers of the quantization, real value = scale * (stored value - zero point): one pair, or
            one for each slice along `axis`; empty where the tensor is not quantized.
        axis: axis of the scales, when there are several.
        point: where hybrid-tf rounded these values to int8, see `Int8`; empty where it did not.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    buffer: int
    scales: tuple[float, ...] = ()
    zero_points: tuple[int, ...] = ()
    axis: int = 0
    point: str = ""


@dataclass(frozen=True)
class Operator:
    """One operator of a file.

    Attributes:
        name: name in the schema, or that of a custom operator.
        is_custom: whether the operator is none of TensorFlow Lite's.
        inputs, outputs: tensor numbers; -1 stands for an input that is absent.
        custom_options: options of a custom operator as a FlexBuffer, see `options`.
        builtin_options: options of another operator, name and value; empty where `builtin_options.FIELDS` lacks it.
    """

    name: str
    is_custom: bool
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    custom_options: bytes = b""
    builtin_options: tuple[tuple[str, int], ...] = ()

    def options(self) -> dict[str, Any]:
        """Returns the options by name; empty when there are none, or those of a custom operator are no map."""
        if not self.is_custom:
            return dict(self.builtin_options)
        try:
            found = flexbuffers.Loads(self.custom_options) if self.custom_options else {}
        except Exception:  # the decoder checks nothing, so damage shows as whatever Python raises first
            return {}
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class TFLiteFile:
    """What a file holds: one subgraph of it, with the buffers and the metadata that all subgraphs share.

    Attributes:
        tensors: tensors of the subgraph.
        operators: operators in the order in which they run; a custom one goes by its own name, e.g. `LceBconv2d`.
        inputs, outputs: tensor numbers of the subgraph's inputs and outputs.
        buffers: content of every buffer; empty for tensors computed at run time.
        metadata: content of each metadata entry, by name.
        metadata_buffers: numbers of the buffers that hold metadata.
    """

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    buffers: tuple[memoryview, ...]
    metadata: dict[str, bytes]
    metadata_buffers: tuple[int, ...] = ()

    def op_counts(self) -> dict[str, int]:
        """Returns how often each operator occurs, the most frequent first."""
        return dict(Counter(operator.name for operator in self.operators).most_common())

    def constant(self, tensor: int, dtype: type) -> np.ndarray:
        """Returns the content of constant tensor `tensor` as an array of its shape.

        Raises:
            HybridTFError: when the file holds more or less than that.
        """
        spec = self.tensors[tensor]
        content = self.buffers[spec.buffer]
        if len(content) != math.prod(spec.shape) * np.dtype(dtype).itemsize:
            raise HybridTFError(
                f"tensor '{spec.name}' of shape {spec.shape} holds {len(content)} bytes: copy the file again"
            )
        return np.frombuffer(content, dtype).reshape(spec.shape)


def read_bytes(path: str | Path) -> bytes:
    """Returns the content of the file `path`. Raises HybridTFError when it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise HybridTFError(f"cannot read {path}: {error.strerror or error}") from error


def parse_tflite(content: bytes, name: str | Path) -> TFLiteFile:
    """Returns what a TensorFlow Lite file with one subgraph holds.

    Args:
        content: content of the whole file.
        name: name of the file, for an error.

    Raises:
        HybridTFError: when it is no TensorFlow Lite file, is cut off or damaged, or holds more than one subgraph.
    """
    graphs = parse_subgraphs(content, name)
    if len(graphs) != 1:
        raise HybridTFError(f"{name} has {len(graphs)} subgraphs, so loops or branches: use a network without them")
    return graphs[0]


def parse_subgraphs(content: bytes, name: str | Path) -> tuple[TFLiteFile, ...]:
    """Returns every subgraph of a TensorFlow Lite file, the one that runs first in front.

    Args:
        content: content of the whole file.
        name: name of the file, for an error.

    Raises:
        HybridTFError: when it is no TensorFlow Lite file, or is cut off or damaged.
    """
    if content[4:8] != _IDENTIFIER:
        what = "is empty" if not content else "is not a TensorFlow Lite file"
        raise HybridTFError(f"{name} {what}: make it with `hybrid-tf convert`")
    try:
        return _parse(content)
    except (_DamagedError, struct.error, UnicodeDecodeError) as error:
        raise HybridTFError(f"{name} is cut off or damaged ({error}): copy or convert it again") from error


class _Content:
    """The bytes of a file, and how much may be read of them: vectors of a sound file do not overlap."""

    def __init__(self, content: bytes) -> None:
        self.data = memoryview(content)
        self._left = _MOST_READ * len(content)

    def spend(self, count: int) -> None:
        """Notes that so many bytes are read."""
        self._left -= count
        if self._left < 0:
            raise _DamagedError("its parts overlap")


class _Table:
    """A flatbuffer table at `position`; every read is bounds-checked."""

    def __init__(self, content: _Content, position: int) -> None:
        self._content = content
        self._data = content.data
        self._position = position
        self._vtable = position - _read(self._data, "<i", position)
        self._vtable_bytes = _read(self._data, "<H", self._vtable)

    def _field(self, number: int) -> int:
        """Returns the position of a field, or 0 when the field is absent and has its default."""
        entry = 4 + 2 * number
        if entry + 2 > self._vtable_bytes:
            return 0
        offset = _read(self._data, "<H", self._vtable + entry)
        return self._position + offset if offset else 0

    def scalar(self, number: int, kind: str, default: int = 0) -> int:
        """Returns an integer field."""
        position = self._field(number)
        return _read(self._data, kind, position) if position else default

    def _vector(self, number: int, item_bytes: int) -> tuple[int, int]:
        """Returns the position of a vector's first item, and the number of items."""
        position = self._field(number)
        if not position:
            return 0, 0
        position += _read(self._data, "<I", position)
        length = _read(self._data, "<I", position)
        if position + 4 + length * item_bytes > len(self._data):
            raise _DamagedError("a vector reaches past the end of the file")
        self._content.spend(length * item_bytes)
        return position + 4, length

    def bytes(self, number: int) -> memoryview:
        """Returns a field of bytes, or a string."""
        position, length = self._vector(number, 1)
        return self._data[position : position + length]

    def text(self, number: int) -> str:
        """Returns a string field."""
        return bytes(self.bytes(number)).decode()

    def numbers(self, number: int, kind: str) -> tuple:
        """Returns a field of numbers of a kind that `struct` knows by one letter."""
        position, length = self._vector(number, struct.calcsize(f"<{kind}"))
        return struct.unpack_from(f"<{length}{kind}", self._data, position)

    def integers(self, number: int) -> tuple[int, ...]:
        """Returns a field of int32."""
        return self.numbers(number, "i")

    def table(self, number: int, read: Callable[["_Table"], tuple]) -> tuple:
        """Returns `read(table)` of the one table in a field, or an empty tuple when it is absent."""
        position = self._field(number)
        return read(_Table(self._content, position + _read(self._data, "<I", position))) if position else ()

    def tables(self, number: int, read: Callable[["_Table"], _T]) -> tuple[_T, ...]:
        """Returns `read(table)` of every table in a field."""
        position, length = self._vector(number, 4)
        items = (position + 4 * index for index in range(length))
        return tuple(read(_Table(self._content, item + _read(self._data, "<I", item))) for item in items)


def _read(data: memoryview, kind: str, position: int) -> int:
    if position < 0:
        raise _DamagedError("an offset points before the file")
    return struct.unpack_from(kind, data, position)[0]


def _parse(content: bytes) -> tuple[TFLiteFile, ...]:
    whole = _Content(content)
    model = _Table(whole, _read(whole.data, "<I", 0))
    codes = model.tables(1, _read_code)
    buffers = model.tables(4, lambda table: _read_buffer(table, whole.data))
    metadata = model.tables(6, lambda table: (table.text(0), table.scalar(1, "<I")))
    _check_numbers("buffer", (number for _, number in metadata), len(buffers))
    contents = {name: bytes(buffers[number]) for name, number in metadata}
    numbers = tuple(number for _, number in metadata)

    def read(graph: _Table) -> TFLiteFile:
        tensors, operators, inputs, outputs = _read_graph(graph, codes, len(buffers))
        if BUILD_ENTRY in contents:
            tensors = _named(tensors, contents[BUILD_ENTRY])
        return TFLiteFile(tensors, operators, inputs, outputs, buffers, contents, numbers)

    return model.tables(2, read)


def _named(tensors: tuple[Tensor, ...], content: bytes) -> tuple[Tensor, ...]:
    """Returns tensors with the names and points that stand in the metadata, where there are any."""
    try:
        _, found = unpacked_build(content)
    except HybridTFError as error:
        raise _DamagedError(str(error)) from error
    if len(found) not in (0, len(tensors)):
        raise _DamagedError(f"it has names for {len(found)} tensors, not {len(tensors)}")
    return (
        tuple(
            replace(tensor, name=tensor.name or (f"/{layer}" if layer else ""), point=point)
            for tensor, (layer, point) in zip(tensors, found, strict=True)
        )
        if found
        else tensors
    )


def _read_graph(
    graph: _Table, codes: tuple[tuple[str, bool], ...], buffers: int
) -> tuple[tuple[Tensor, ...], tuple[Operator, ...], tuple[int, ...], tuple[int, ...]]:
    tensors = graph.tables(0, _read_tensor)
    _check_numbers("buffer", (tensor.buffer for tensor in tensors), buffers)
    operators = graph.tables(3, lambda table: _read_operator(table, codes))
    for operator in operators:
        _check_numbers("tensor", (number for number in operator.inputs if number != -1), len(tensors))
        _check_numbers("tensor", operator.outputs, len(tensors))
    inputs, outputs = graph.integers(1), graph.integers(2)
    _check_numbers("tensor", (*inputs, *outputs), len(tensors))
    return tensors, operators, inputs, outputs


def _read_buffer(table: _Table, data: memoryview) -> memoryview:
    # Files above 2 GB keep their buffers behind the flatbuffer; offsets 0 and 1 both mean that this one does not.
    offset, size = table.scalar(1, "<Q"), table.scalar(2, "<Q")
    if offset <= 1:
        return table.bytes(0)
    if offset + size > len(data):
        raise _DamagedError("a buffer reaches past the end of the file")
    return data[offset : offset + size]


def _check_numbers(kind: str, numbers: Iterable[int], count: int) -> None:
    for number in numbers:
        if not 0 <= number < count:
            raise _DamagedError(f"{kind} {number} does not exist")


def _read_code(table: _Table) -> tuple[str, bool]:
    # Codes above 127 did not fit the first version's byte; the schema says to take the larger of the two fields.
    code = max(table.scalar(0, "<b"), table.scalar(3, "<i"))
    return (table.text(1), True) if code == CUSTOM else (builtin_op_name(code), False)


def _read_tensor(table: _Table) -> Tensor:
    kind = table.scalar(1, "<b")
    if not 0 <= kind < len(_TENSOR_TYPES):
        raise _DamagedError(f"unknown tensor type {kind}")
    numbers = table.table(4, lambda found: (found.numbers(2, "f"), found.numbers(3, "q"), found.scalar(6, "<i")))
    return Tensor(table.text(3), table.integers(0), _TENSOR_TYPES[kind], table.scalar(2, "<I"), *numbers)


def _read_operator(table: _Table, codes: tuple[tuple[str, bool], ...]) -> Operator:
    code = table.scalar(0, "<I")
    _check_numbers("operator code", [code], len(codes))
    name, is_custom = codes[code]
    fields = () if is_custom else FIELDS.get(name, ())
    options = table.table(4, lambda found: tuple(_option(found, number, *field) for number, field in enumerate(fields)))
    if not options and name in ARITHMETIC:  # these may be without, see `write`
        options = tuple((field, default) for field, _, default in fields)
    return Operator(name, is_custom, table.integers(1), table.integers(2), bytes(table.bytes(5)), options)


def _option(table: _Table, number: int, name: str, kind: str, default: int) -> tuple[str, int]:
    return name, table.scalar(number, kind, default)
