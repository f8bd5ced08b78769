"""Writes a model of the generated schema as a `.tflite` file. Needs flatbuffers only."""

import flatbuffers


class _AligningBuilder(flatbuffers.Builder):
    def StartVector(self, elemSize, numElems, alignment):
        return super().StartVector(elemSize, numElems, 16 if elemSize == 1 else alignment)


def pack_model(model):
    """Returns the file of a model."""
    builder = _AligningBuilder(1 << 20)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())
