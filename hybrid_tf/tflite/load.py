"""The reading of a `.tflite` file into a `Model`, with the options of its operators; it needs TensorFlow's schema."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from hybrid_tf.errors import HybridTFError
from hybrid_tf.tflite import flatbuffer, names
from hybrid_tf.tflite.model import NUMPY_TYPES, Model, Operator, Quantization, Tensor


def load_model(content: bytes, name: str | Path) -> Model:
    """Returns the network of a TensorFlow Lite file.

    Args:
        content: content of the whole file.
        name: name of the file, for an error.

    Raises:
        HybridTFError: when it is no TensorFlow Lite file, is damaged, or holds several subgraphs, variables or sparse
            tensors.
    """
    file = flatbuffer.parse_tflite(content, name)  # checks every offset but those inside of options
    try:
        graph = schema.Model.GetRootAs(content, 0).Subgraphs(0)
        options = [_options(graph.Operators(number), op) for number, op in enumerate(file.operators)]
        versions = _versions(content, graph)
        odd = [graph.Tensors(n).IsVariable() or graph.Tensors(n).Sparsity() for n in range(len(file.tensors))]
        tensors = [_tensor(file, spec) for spec in file.tensors]
    except HybridTFError:
        raise
    except Exception as error:  # the schema's code checks nothing, so damage shows as whatever Python raises first
        raise HybridTFError(f"{name} is cut off or damaged ({error}): copy or convert it again") from error
    if any(odd):
        raise HybridTFError(f"{name} holds variables or sparse tensors: use a network without them")
    operators = [
        Operator(
            op.name,
            [None if number < 0 else tensors[number] for number in op.inputs],
            [tensors[number] for number in op.outputs],
            settings,
            version,
            op.is_custom,
        )
        for op, settings, version in zip(file.operators, options, versions, strict=True)
    ]
    inputs, outputs = ([tensors[number] for number in numbers] for numbers in (file.inputs, file.outputs))
    return Model(operators, inputs, outputs, dict(file.metadata))


def _options(table: Any, op: flatbuffer.Operator) -> Any:
    if op.is_custom:
        return op.options() or None
    if table.BuiltinOptions2Type():
        raise HybridTFError(f"operator {op.name} is of a kind that is not read: use a network without it")
    if not table.BuiltinOptionsType() and op.name in names.ARITHMETIC:  # a file may leave them out, see `write`
        return getattr(schema, f"{op.name.title()}OptionsT")()
    return schema.BuiltinOptionsCreator(table.BuiltinOptionsType(), table.BuiltinOptions())


def _versions(content: bytes, graph: Any) -> list[int]:
    model = schema.Model.GetRootAs(content, 0)
    codes = [model.OperatorCodes(number).Version() for number in range(model.OperatorCodesLength())]
    return [codes[graph.Operators(number).OpcodeIndex()] for number in range(graph.OperatorsLength())]


def _tensor(file: flatbuffer.TFLiteFile, spec: flatbuffer.Tensor) -> Tensor:
    stored = file.buffers[spec.buffer]
    quantization = Quantization(spec.scales, spec.zero_points, spec.axis) if spec.scales else None
    data = None
    if len(stored):
        kind = NUMPY_TYPES.get(spec.type)
        if kind is None:
            data = np.frombuffer(stored, np.uint8)
        elif len(stored) != math.prod(spec.shape) * np.dtype(kind).itemsize:
            raise HybridTFError(f"tensor '{spec.name}' of shape {spec.shape} holds {len(stored)} bytes: copy it again")
        else:
            data = np.frombuffer(stored, kind).reshape(spec.shape)
    return Tensor(spec.name, tuple(spec.shape), spec.type, data, quantization, spec.point)
