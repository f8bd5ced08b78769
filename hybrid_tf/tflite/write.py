"""The writing of a `Model` as a `.tflite` file that stores nothing twice and no name that nobody reads.

Constants with equal bytes share a buffer; equal shapes, lists of tensors, options, quantizations and names are written
once and pointed to, and so are tensors that differ in nothing. A tensor that is computed has the empty buffer, as all
others do. Buffers are aligned to 16 bytes, as `force_align` in the schema says and neither TensorFlow's nor Larq
Compute Engine's Python writer does.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import flatbuffers
import numpy as np
from flatbuffers import flexbuffers
from tensorflow.lite.python import schema_py_generated as schema

from hybrid_tf.tflite.model import Model, Operator, Quantization, Tensor

_IDENTIFIER = b"TFL3"
_VERSION = 3  # of the schema
BUFFER_ALIGNMENT = 16  # bytes; `force_align: 16` of Buffer.data in tensorflow/lite/schema/schema.fbs
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

    def file(self) -> bytes:
        """Writes from the end of the file to its start, so what is pointed to comes first."""
        model, builder = self._model, self._builder
        contents: dict[bytes, int] = {b"": 0}  # the empty buffer is number 0
        buffer_of = {
            tensor: contents.setdefault(b"" if tensor.data is None else tensor.data.tobytes(), len(contents))
            for tensor in self._tensors
        }
        metadata = {name: contents.setdefault(value, len(contents)) for name, value in model.metadata.items()}
        buffers = self._offsets([self._buffer(content) for content in contents])
        codes = {_code(op): number for number, op in enumerate(_first_of_each_kind(model.operators))}
        entries = self._offsets([self._metadata(name, number) for name, number in metadata.items()])
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
        return self._once((array.dtype.str, array.tobytes()), lambda: self._builder.CreateNumpyVector(array))

    def _text(self, text: str) -> int:
        return self._once(text, lambda: self._builder.CreateString(text))

    def _buffer(self, content: bytes) -> int:
        builder = self._builder
        place = 0
        if content:
            builder.StartVector(1, len(content), BUFFER_ALIGNMENT)
            builder.head -= len(content)
            builder.Bytes[builder.head : builder.head + len(content)] = content
            place = builder.EndVector()
        schema.BufferStart(builder)
        if content:
            schema.BufferAddData(builder, place)
        return schema.BufferEnd(builder)

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
        schema.OperatorCodeAddDeprecatedBuiltinCode(builder, min(number, 127))
        if is_custom:
            schema.OperatorCodeAddCustomCode(builder, text)
        schema.OperatorCodeAddVersion(builder, version)
        schema.OperatorCodeAddBuiltinCode(builder, number)
        return schema.OperatorCodeEnd(builder)

    def _graph(self, buffer_of: dict[Tensor, int], codes: dict[tuple, int]) -> int:
        builder, model = self._builder, self._model
        numbers = {tensor: number for number, tensor in enumerate(self._tensors)}

        def listed(tensors: Sequence[Tensor | None]) -> int:
            return self._numbers([-1 if tensor is None else numbers[tensor] for tensor in tensors], "<i4")

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
        key = ("tensor", tensor.shape, tensor.type, buffer, tensor.name, tensor.quantization)
        return self._once(key, lambda: self._new_tensor(tensor, buffer))

    def _new_tensor(self, tensor: Tensor, buffer: int) -> int:
        builder = self._builder
        shape = self._numbers(tensor.shape, "<i4")
        name = self._text(tensor.name) if tensor.name else 0
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
        options = 0 if op.options is None else self._options(op)
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


def _first_of_each_kind(operators: Sequence[Operator]) -> list[Operator]:
    return list({_code(op): op for op in reversed(operators)}.values())[::-1]
