"""What tflite_abi.h says of the interpreters' structs, compared with what real interpreters show a delegate."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from runtime.compile_library import SOURCES, find_compiler
from tests.support.graph_builder import Graph, build_file
from tests.support.int8_reference import Quantization
from tests.support.lce_reference import SAME, VALID

pytestmark = pytest.mark.compiled

PROBE = Path(__file__).with_name("abi_probe.cc")
RELU, RELU6 = 1, 3


def litert():
    from ai_edge_litert import interpreter

    return interpreter.Interpreter, interpreter.load_delegate


def tensorflow():
    import tensorflow as tf

    return tf.lite.Interpreter, tf.lite.experimental.load_delegate


@pytest.fixture(scope="module")
def probe(tmp_path_factory):
    library = tmp_path_factory.mktemp("probe") / "libprobe.so"
    flags = ["-std=c++17", "-shared", "-fPIC", "-I", SOURCES]
    subprocess.run([*find_compiler(), *flags, PROBE, "-o", library], check=True)
    return library


@pytest.fixture(scope="module")
def graph():
    """Every operator that the delegate reads, no two numbers of an operator's options alike."""
    random = np.random.default_rng(0)
    graph = Graph()
    floats = graph.input(random.standard_normal((1, 9, 11, 5), np.float32))
    x = graph.convolution(
        floats, random.standard_normal((8, 2, 3, 5), np.float32), np.ones(8, np.float32), (3, 1), (1, 2), SAME, RELU6
    )
    x = graph.pool(x, "average", (2, 3), (1, 4), VALID, RELU)
    x = graph.pool(x, "max", (1, 2), (2, 3), SAME, RELU6)
    x = graph.add(x, x, RELU)
    filters = np.where(random.integers(0, 2, (6, 1, 1, 8)), 1, -1)
    ones = np.ones(6, np.float32)
    graph.output(graph.bconv(graph.quantize(x), filters, ones, ones))
    graph.output(graph.dequantize(graph.quantize(graph.input(np.zeros((1, 2, 1, 33), np.int8), None, 0.25, -7)), bool))
    graph.output(graph.mean(floats, keep_dims=True))
    graph.output(graph.fully_connected(graph.mean(floats), random.standard_normal((4, 5), np.float32), None, RELU6))
    weights, scales = np.ones((3, 1, 1, 33), np.int8), np.float32([0.5, 0.75, 1.25])
    x = graph.int8_convolution(graph.inputs[1], weights, scales, np.zeros(3, np.int32), Quantization(4.0, 9))
    y = graph.depthwise(
        floats, random.standard_normal((2, 3, 5), np.float32), np.ones(5, np.float32), (2, 3), (1, 1), VALID, RELU
    )
    z = graph.multiply(y, y, RELU6)
    for part in graph.split(graph.concatenate([y, z]), 2):
        graph.output(graph.logistic(part))
    x = graph.reshape(graph.int8_add(x, x, x.quantization), (1, 1, 2, 3))
    graph.output(graph.int8_dequantize(graph.int8_quantize(x, Quantization(0.5, -3))))
    return graph


@pytest.fixture(scope="module", params=[litert, tensorflow], ids=lambda engine: engine.__name__)
def seen(request, probe, graph, tmp_path_factory):
    interpreter, load_delegate = request.param()
    file = tmp_path_factory.mktemp("seen") / "seen.json"
    delegate = load_delegate(str(probe), {"file": str(file)})
    interpreter(model_content=build_file([graph]), num_threads=3, experimental_delegates=[delegate])
    return json.loads(file.read_text())


def test_context(seen, graph):
    assert seen["threads"] == 3
    assert len(seen["tensors"]) >= len(graph.tensors)  # XNNPACK may add some


def test_tensors(seen, graph):
    type_of = {0: 1, 2: 2, 6: 6, 9: 9}  # TensorType of the file: TfLiteType
    for tensor, (expected, constant) in zip(seen["tensors"], graph.tensors, strict=False):
        quantized = expected.quantization is not None
        assert tensor == {
            "name": expected.name,
            "type": type_of[expected.type],
            "shape": list(expected.shape),
            "scale": expected.quantization.scale[0] if quantized and len(expected.quantization.scale) == 1 else 0,
            "zero_point": expected.quantization.zeroPoint[0] if quantized else 0,
            "scales": list(expected.quantization.scale) if quantized else [],
            "zero_points": list(expected.quantization.zeroPoint) if quantized else [],
            "axis": expected.quantization.quantizedDimension if quantized else 0,
            "bytes": len(constant.data) if constant else tensor["bytes"],
            "first_byte": constant.data[0] if constant else -1,
            "variable": 0,
            "quantization": int(quantized),
            "sparse": 0,
        }


def test_operators(seen, graph):
    for operator, (expected, code) in zip(seen["operators"], graph.operators, strict=True):
        custom = isinstance(code, str)
        assert operator["code"] == (32 if custom else code)
        assert operator["custom"] == (code if custom else "")
        assert operator["inputs"] == list(expected.inputs)
        assert operator["outputs"] == list(expected.outputs)
        assert operator["custom_size"] == (0 if expected.customOptions is None else len(expected.customOptions))


def test_options(seen):
    same, valid = 1, 2  # TfLitePadding
    options = {operator["code"]: operator["options"] for operator in reversed(seen["operators"])}  # the first of a kind
    assert options[3] == [same, 1, 3, RELU6, 2, 1]  # CONV_2D
    assert options[1] == [valid, 4, 1, 3, 2, RELU]  # AVERAGE_POOL_2D
    assert options[17] == [same, 3, 2, 2, 1, RELU6]  # MAX_POOL_2D
    assert options[0] == [RELU]  # ADD
    assert options[9] == [RELU6, 0, 0]  # FULLY_CONNECTED
    assert options[4] == [valid, 3, 2, 1, RELU, 1, 1]  # DEPTHWISE_CONV_2D
    assert options[18] == [RELU6]  # MUL
    assert options[2] == [-1, 0]  # CONCATENATION
    assert options[49] == [2]  # SPLIT
    assert [operator["options"] for operator in seen["operators"] if operator["code"] == 40] == [[1], [0]]  # MEAN
