"""Golden cases for the kernels on a Cortex-M: single operators of the sweep, and what LCE computes of them."""

import json

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from larq_compute_engine.tflite.python.interpreter import Interpreter

from tests.support.graph_builder import build_file
from tests.support.sweep_models import Case

KINDS = ("bconv", "bconv_grouped", "quantize", "dequantize", "bmaxpool")
LARGEST = 12_000  # bytes of a tensor: the emulated Cortex-M55 has 512 KiB for the program
_TFLM_TYPES = {
    schema.TensorType.FLOAT32: 1,
    schema.TensorType.INT32: 2,
    schema.TensorType.BOOL: 6,
    schema.TensorType.INT8: 9,
}


def golden_source(count: int, seed: int) -> str:
    """Returns the C++ source of `count` cases."""
    cases, index = [], 0
    while len(cases) < count:
        case = Case(seed, index)
        index += 1
        kind = case.name.partition(":")[2].partition(" ")[0]
        if kind in KINDS and case.interpreters and _small(case):
            cases.append(_source(case, len(cases)))
    arrays, rows = zip(*cases, strict=True)
    return "\n".join(
        [
            '#include "golden.h"',
            *arrays,
            f"const int golden_count = {count};",
            "const GoldenCase golden_cases[] = {",
            *rows,
            "};\n",
        ]
    )


def _small(case):
    return all(value.array.nbytes <= LARGEST for value in case.graph.inputs + case.graph.outputs) and all(
        buffer is None or len(buffer.data) <= LARGEST for _, buffer in case.graph.tensors
    )


def _source(case, number):
    """Returns the arrays of a case, and its row of the table."""
    graph = case.graph
    name = "reference" if "reference" in case.interpreters else sorted(case.interpreters)[0]
    arrays = [value.array for value in graph.inputs]
    content = build_file([graph])
    lce = Interpreter(content, 1, name == "reference", name == "indirect")
    [result] = lce.interpreter.predict(arrays)
    [(operator, code)] = graph.operators
    given = {value.tensor: value.array for value in graph.inputs}
    texts, tensors = [], []
    for position, tensor in enumerate([*operator.inputs, *operator.outputs]):
        if tensor < 0:
            tensors.append("{}")
            continue
        spec, buffer = graph.tensors[tensor]
        is_output = position == len(operator.inputs)
        data = result if is_output else given.get(tensor)
        raw = np.ascontiguousarray(data).tobytes() if data is not None else bytes(buffer.data)
        texts.append(_array(f"data{number}_{position}", raw))
        quantization = spec.quantization
        scale, zero_point = (quantization.scale[0], quantization.zeroPoint[0]) if quantization else (1, 0)
        shape = ", ".join(map(str, spec.shape))
        constant = "true" if buffer is not None else "false"
        tensors.append(
            f"{{{_TFLM_TYPES[spec.type]}, {float(scale)!r}f, {zero_point}, {len(spec.shape)}, {{{shape}}}, {constant}, "
            f"{len(raw)}, data{number}_{position}}}"
        )
    options = operator.customOptions
    raw = b"" if options is None else bytes(options)
    texts.append(_array(f"options{number}", raw or b"\0"))
    row = (
        f"{{{json.dumps(case.name)}, {json.dumps(code)}, options{number}, {len(raw)}, {len(operator.inputs)}, "
        f"{{{', '.join(tensors[:-1])}}}, {tensors[-1]}}},"
    )
    return "\n".join(texts), row


def _array(name, raw):
    return f"alignas(8) static const unsigned char {name}[] = {{{','.join(map(str, raw))}}};"
