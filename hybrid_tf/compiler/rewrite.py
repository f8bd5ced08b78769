"""Changes to a TensorFlow Lite file: the order of its operators, its metadata, or its outputs."""

from collections.abc import Callable, Iterable, Sequence

import flatbuffers
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

_IDENTIFIER = b"TFL3"
BUFFER_ALIGNMENT = 16  # bytes; `force_align: 16` of Buffer.data in tensorflow/lite/schema/schema.fbs


class _AligningBuilder(flatbuffers.Builder):
    """Aligns byte vectors as the schema asks; neither flatbuffers' Python packer nor LCE's converter does."""

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> int:
        """Starts a vector; named and called by the code flatbuffers generates."""
        return super().StartVector(elemSize, numElems, BUFFER_ALIGNMENT if elemSize == 1 else alignment)


def _rewrite(content: bytes, change: Callable[[schema.ModelT], None]) -> bytes:
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
    change(model)
    # Room for everything from the start: growing would copy all weights again and again.
    builder = _AligningBuilder(len(content) + len(content) // 8 + 65536)
    builder.Finish(model.Pack(builder), file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


def add_metadata(content: bytes, name: str, value: bytes) -> bytes:
    """Returns the file with `value` stored in its metadata under `name`, and every buffer aligned to 16 bytes."""

    def change(model: schema.ModelT) -> None:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(value, np.uint8)
        entry = schema.MetadataT()
        entry.name = name
        entry.buffer = len(model.buffers)
        model.buffers.append(buffer)
        model.metadata = [*(model.metadata or []), entry]

    return _rewrite(content, change)


def reorder(content: bytes, order: Sequence[int]) -> bytes:
    """Returns the file with the operators of its network in `order`, given as their present numbers."""

    def change(model: schema.ModelT) -> None:
        graph = model.subgraphs[0]
        graph.operators = [graph.operators[number] for number in order]

    return content if list(order) == sorted(order) else _rewrite(content, change)


def add_outputs(content: bytes, tensors: Iterable[int]) -> bytes:
    """Returns the file with the numbered tensors as further outputs, after its own."""

    def change(model: schema.ModelT) -> None:
        graph = model.subgraphs[0]
        graph.outputs = np.asarray([*graph.outputs, *tensors], np.int32)

    return _rewrite(content, change)
