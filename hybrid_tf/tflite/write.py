"""The writing of a `Model` as a `.tflite` file that stores nothing twice and no name that nobody reads.

Constants with equal bytes share a buffer; equal shapes, lists of tensors, options, quantizations and names are written
once and pointed to, and so are tensors that differ in nothing. A tensor that is computed has the empty buffer, as all
others do. Options that readers assume are left out. Names of a network with hybrid-tf's metadata stand there. Buffers
are aligned to 16 bytes, as `force_align` in the schema says and neither TensorFlow's nor Larq Compute Engine's Python
writer does; short lists fill the gaps.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import flatbuffers
import numpy as np
from flatbuffers import flexbuffers
from tensorflow.lite.python import schema_py_generated as schema

from hybrid_tf.tflite import names
from hybrid_tf.tflite.build_entry import BUILD_ENTRY, packed_build, unpacked_build
from hybrid_tf.tflite.model import Model, Operator, Quantization, Tensor

_IDENTIFIER = b"TFL3"
_VERSION = 3  # of the schema
BUFFER_ALIGNMENT = 16  # bytes; `force_align: 16` of Buffer.data in tensorflow/lite/schema/schema.fbs
_MOST_IN_A_BYTE = 127  # of operator codes
_OFFSET = 4  # bytes of an offset, an int32 or a float32


def model_bytes(model: Model) -> bytes:
    """Returns the file of a network."""
    return _Writer(model).file()


class _Writer:
    def __init__(self, model: Model) -> None:
        self._model = model
        self._tensors = model.tensors()
        sizes = sum(0 if tensor.data is None else tensor.data.nbytes for tensor in self._tensors)
        # Room for everything from the start: growing would copy all weights again and again.
        self._builder = flatbuffers.Builder(sizes + 65536)
        self._written: dict[Hashable, int] = {}
        self._number_of = {tensor: number for number, tensor in enumerate(self._tensors)}
        self._named: set[Tensor] | None = None  # tensors that keep their names; None where all do
        self._waiting: dict[int, list[tuple[int, ...]]] = {}  # by their bytes beyond a multiple of the alignment

    def file(self) -> bytes:
        """Writes from the end of the file to its start, so what is pointed to comes first."""
        model, builder = self._model, self._builder
        metadata = self._metadata_with_names()
        contents: dict[bytes, int] = {b"": 0}  # the empty buffer is number 0
        buffer_of = {
            tensor: contents.setdefault(b"" if tensor.data is None else tensor.data.tobytes(), len(contents))
            for tensor in self._tensors
        }
        buffer_of_entry = {name: contents.setdefault(value, len(contents)) for name, value in metadata.items()}
        self._quantizations()
        self._wait()
        data = [self._data(content) for content in contents]
        buffers = self._offsets([self._buffer(place) for place in data])
        codes = {code: number for number, (code, _) in enumerate(Counter(map(_code, model.operators)).most_common())}
        entries = self._offsets([self._metadata(name, number) for name, number in buffer_of_entry.items()])
        graphs = self._offsets([self._graph(buffer_of, codes)])
        kinds = self._offsets([self._operator_code(*code) for code in codes])
        schema.ModelStart(builder)
        schema.ModelAddVersion(builder, _VERSION)
        schema.ModelAddOperatorCodes(builder, kinds)
        schema.ModelAddSubgraphs(builder, graphs)
        schema.ModelAddBuffers(builder, buffers)
        if metadata:
            schema.ModelAddMetadata(builder, entries)
        builder.Finish(schema.ModelEnd(builder), file_identifier=_IDENTIFIER)
        return bytes(builder.Output())

    def _metadata_with_names(self) -> dict[str, bytes]:
        """Returns the metadata, with the names that tensors do not keep."""
        model = self._model
        if BUILD_ENTRY not in model.metadata:
            return model.metadata
        facts, _ = unpacked_build(model.metadata[BUILD_ENTRY])
        self._named = {*model.inputs, *model.outputs}
        lines = [("" if t in self._named else _layer(t.name), t.point) for t in self._tensors]
        return {**model.metadata, BUILD_ENTRY: packed_build(facts, lines)}

    def _quantizations(self) -> None:
        """Writes every quantization, without gaps: a zero point of 8 aligned bytes and its table take 24 bytes."""
        found = dict.fromkeys(tensor.quantization for tensor in self._tensors if tensor.quantization)
        for quantization in found:
            self._numbers(quantization.scales, "<f4")
        for quantization in (*{quantization.zero_points: quantization for quantization in found}.values(), *found):
            self._quantization(quantization)

    def _wait(self) -> None:
        """Collects the shapes and the lists of tensors of the graph, which can stand anywhere in the file."""
        shapes = [tensor.shape for tensor in self._tensors]
        lists = [self._numbers_of(tensors) for op in self._model.operators for tensors in (op.inputs, op.outputs)]
        for values in dict.fromkeys(map(tuple, (*shapes, *lists))):
            self._waiting.setdefault((_OFFSET + _OFFSET * len(values)) % BUFFER_ALIGNMENT, []).append(values)

    def _fill(self, size: int) -> None:
        """Puts what waits into the gap that would be left in front of `size` aligned bytes."""
        while gap := -(self._builder.Offset() + size) % BUFFER_ALIGNMENT:
            fitting = next((self._waiting[n] for n in (gap, 2 * _OFFSET) if n <= gap and self._waiting.get(n)), None)
            if fitting is None:
                return
            self._numbers(fitting.pop(), "<i4")

    def _once(self, key: Hashable, write: Callable[[], int]) -> int:
        """Returns the place of what `write` writes; what has an equal key is written once."""
        if key not in self._written:
            self._written[key] = write()
        return self._written[key]

    def _offsets(self, places: Sequence[int]) -> int:
        self._builder.StartVector(_OFFSET, len(places), _OFFSET)
        for place in reversed(places):
            self._builder.PrependUOffsetTRelative(place)
        return self._builder.EndVector()

    def _numbers(self, values: Sequence[Any] | np.ndarray, kind: Any) -> int:
        array = np.asarray(values, kind)
        place = self._once((array.dtype.str, array.tobytes()), lambda: self._builder.CreateNumpyVector(array))
        if array.dtype == np.int64 and array.size == 1 and 0 <= array[0] < 1 << 31:
            # Its first bytes are the list of this one number as an int32.
            self._written.setdefault(("<i4", array.astype("<i4").tobytes()), place)
        return place

    def _numbers_of(self, tensors: Sequence[Tensor | None]) -> list[int]:
        return [-1 if tensor is None else self._number_of[tensor] for tensor in tensors]

    def _text(self, text: str) -> int:
        return self._once(text, lambda: self._builder.CreateString(text))

    def _data(self, content: bytes) -> int:
        """Writes the content of a buffer; returns its place, 0 for an empty one."""
        builder = self._builder
        if not content:
            return 0
        self._fill(len(content))
        builder.StartVector(1, len(content), BUFFER_ALIGNMENT)
        builder.head -= len(content)
        builder.Bytes[builder.head : builder.head + len(content)] = content
        return builder.EndVector()

    def _buffer(self, data: int) -> int:
        schema.BufferStart(self._builder)
        if data:
            schema.BufferAddData(self._builder, data)
        return schema.BufferEnd(self._builder)

    def _metadata(self, name: str, buffer: int) -> int:
        text = self._text(name)
        schema.MetadataStart(self._builder)
        schema.MetadataAddName(self._builder, text)
        schema.MetadataAddBuffer(self._builder, buffer)
        return schema.MetadataEnd(self._builder)

    def _operator_code(self, name: str, is_custom: bool, version: int) -> int:
        builder = self._builder
        number = schema.BuiltinOperator.CUSTOM if is_custom else getattr(schema.BuiltinOperator, name)
        text = self._text(name) if is_custom else 0
        schema.OperatorCodeStart(builder)
        schema.OperatorCodeAddDeprecatedBuiltinCode(builder, min(number, _MOST_IN_A_BYTE))
        if is_custom:
            schema.OperatorCodeAddCustomCode(builder, text)
        schema.OperatorCodeAddVersion(builder, version)
        if number >= _MOST_IN_A_BYTE:  # readers take the larger one
            schema.OperatorCodeAddBuiltinCode(builder, number)
        return schema.OperatorCodeEnd(builder)

    def _graph(self, buffer_of: dict[Tensor, int], codes: dict[tuple, int]) -> int:
        builder, model = self._builder, self._model

        def listed(tensors: Sequence[Tensor | None]) -> int:
            return self._numbers(self._numbers_of(tensors), "<i4")

        operators = self._offsets(
            [self._operator(op, codes[_code(op)], listed(op.inputs), listed(op.outputs)) for op in model.operators]
        )
        tensors = self._offsets([self._tensor(tensor, buffer_of[tensor]) for tensor in self._tensors])
        inputs, outputs = listed(model.inputs), listed(model.outputs)
        schema.SubGraphStart(builder)
        schema.SubGraphAddTensors(builder, tensors)
        schema.SubGraphAddInputs(builder, inputs)
        schema.SubGraphAddOutputs(builder, outputs)
        schema.SubGraphAddOperators(builder, operators)
        return schema.SubGraphEnd(builder)

    def _tensor(self, tensor: Tensor, buffer: int) -> int:
        key = ("tensor", tensor.shape, tensor.type, buffer, self._name(tensor), tensor.quantization)
        return self._once(key, lambda: self._new_tensor(tensor, buffer))

    def _name(self, tensor: Tensor) -> str:
        """Returns the name that a tensor keeps in the file."""
        return tensor.name if self._named is None or tensor in self._named else ""

    def _new_tensor(self, tensor: Tensor, buffer: int) -> int:
        builder = self._builder
        shape = self._numbers(tensor.shape, "<i4")
        name = self._text(self._name(tensor)) if self._name(tensor) else 0
        quantization = self._quantization(tensor.quantization) if tensor.quantization else 0
        schema.TensorStart(builder)
        if tensor.shape:  # a single value has none
            schema.TensorAddShape(builder, shape)
        schema.TensorAddType(builder, getattr(schema.TensorType, tensor.type))
        schema.TensorAddBuffer(builder, buffer)
        if name:
            schema.TensorAddName(builder, name)
        if quantization:
            schema.TensorAddQuantization(builder, quantization)
        return schema.TensorEnd(builder)

    def _quantization(self, quantization: Quantization) -> int:
        def write() -> int:
            scales = self._numbers(quantization.scales, "<f4")
            zero_points = self._numbers(quantization.zero_points, "<i8")
            schema.QuantizationParametersStart(self._builder)
            schema.QuantizationParametersAddScale(self._builder, scales)
            schema.QuantizationParametersAddZeroPoint(self._builder, zero_points)
            schema.QuantizationParametersAddQuantizedDimension(self._builder, quantization.axis)
            return schema.QuantizationParametersEnd(self._builder)

        return self._once(quantization, write)

    def _operator(self, op: Operator, code: int, inputs: int, outputs: int) -> int:
        builder = self._builder
        options = 0 if op.options is None or _says_nothing(op) else self._options(op)
        schema.OperatorStart(builder)
        schema.OperatorAddOpcodeIndex(builder, code)
        schema.OperatorAddInputs(builder, inputs)
        schema.OperatorAddOutputs(builder, outputs)
        if options and op.is_custom:
            schema.OperatorAddCustomOptions(builder, options)
        elif options:
            kind = getattr(schema.BuiltinOptions, type(op.options).__name__.removesuffix("T"))
            schema.OperatorAddBuiltinOptionsType(builder, kind)
            schema.OperatorAddBuiltinOptions(builder, options)
        return schema.OperatorEnd(builder)

    def _options(self, op: Operator) -> int:
        if op.is_custom:
            return self._numbers(np.frombuffer(flexbuffers.Dumps(op.options), np.uint8), np.uint8)
        fields = ((name, _plain(value)) for name, value in sorted(vars(op.options).items()))
        return self._once((type(op.options).__name__, *fields), lambda: op.options.Pack(self._builder))


def _plain(value: Any) -> Any:
    return tuple(value.tolist()) if isinstance(value, np.ndarray) else value


def _code(op: Operator) -> tuple[str, bool, int]:
    return op.name, op.is_custom, op.version


def _says_nothing(op: Operator) -> bool:
    """Whether options are those that readers assume where there are none."""
    if op.name == names.RESHAPE:  # the shape is an input, too
        return op.constant(1) is not None
    if op.name not in names.ARITHMETIC or op.outputs[0].type == "INT16":  # these have one more
        return False
    return not op.options.fusedActivationFunction


def _layer(name: str) -> str:
    """Returns the layer that a short name stands for, without what would end its line."""
    return " ".join(name.removeprefix("/").split())
