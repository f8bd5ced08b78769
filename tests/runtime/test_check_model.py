"""What the check of a file refuses, before a stock interpreter believes it; and that it refuses no sound one."""

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from hybrid_tf_runtime import HybridTFRuntimeError
from hybrid_tf_runtime.library import check_model
from tests.support.graph_builder import Graph, build_file
from tests.support.int8_reference import Quantization
from tests.support.lce_reference import SAME, VALID


def constant(*shape):
    return np.ones(shape, np.float32)


def sound_model():
    """Operators: 0 CONV_2D, 1 LceQuantize, 2 LceBconv2d, 3 ADD, 4 MAX_POOL_2D, 5 MEAN, 6 FULLY_CONNECTED."""
    graph = Graph()
    x = graph.input(constant(1, 8, 8, 3))
    x = graph.convolution(x, constant(32, 3, 3, 3), constant(32), (2, 2))
    filters = np.ones((32, 3, 3, 32), np.int8)
    y = graph.bconv(graph.quantize(x), filters, constant(32), constant(32), padding=SAME)
    x = graph.pool(graph.add(x, y), "max", (2, 2), (2, 2), VALID)
    graph.output(graph.fully_connected(graph.mean(x), constant(5, 32), constant(5)))
    return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(build_file([graph]), 0))


def int8_model():
    """Operators: 0 LceQuantize of int8, 1 LceBconv2d to int8."""
    graph = Graph()
    x = graph.input(np.ones((1, 4, 4, 32), np.int8), None, 0.5, 0)
    filters = np.ones((32, 3, 3, 32), np.int8)
    graph.output(graph.bconv(graph.quantize(x), filters, constant(32), constant(32), int8=(0.5, 3)))
    return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(build_file([graph]), 0))


def int8_hybrid():
    """Operators: 0 QUANTIZE, 1 CONV_2D, 2 LceQuantize, 3 LceBconv2d, 4 ADD, 5 MEAN, 6 RESHAPE, 7 FULLY_CONNECTED,
    8 DEQUANTIZE."""
    graph, to = Graph(), Quantization(0.5, 3)
    x = graph.int8_quantize(graph.input(constant(1, 8, 8, 3)), to)
    weights, scales = np.ones((32, 3, 3, 3), np.int8), np.linspace(0.5, 1.5, 32)
    x = graph.int8_convolution(x, weights, scales, np.arange(32, dtype=np.int32), to, (2, 2))
    filters = np.ones((32, 3, 3, 32), np.int8)
    y = graph.bconv(graph.quantize(x), filters, constant(32), constant(32), int8=to)
    x = graph.reshape(graph.int8_mean(graph.int8_add(x, y, to), to), (1, 32))
    x = graph.int8_fully_connected(x, np.ones((5, 32), np.int8), 0.25, np.arange(5, dtype=np.int32), to)
    graph.output(graph.int8_dequantize(x))
    return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(build_file([graph]), 0))


def packed(model):
    builder = flatbuffers.Builder(4096)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def operator(model, number):
    return model.subgraphs[0].operators[number]


def tensor_of(model, number, position=0, side="outputs"):
    return model.subgraphs[0].tensors[getattr(operator(model, number), side)[position]]


def change_shape(model, number, shape, position=0, side="outputs"):
    tensor_of(model, number, position, side).shape = np.int32(shape)


def set_option(number, name, value):
    return lambda model: setattr(operator(model, number).builtinOptions, name, value)


def set_input(number, position, tensor):
    def change(model):
        inputs = operator(model, number).inputs.copy()
        inputs[position] = tensor
        operator(model, number).inputs = inputs

    return change


def add_control_dependencies(model):
    entry = schema.MetadataT()
    entry.name, entry.buffer = "model_control_dependencies", 0
    model.metadata = [entry]


def put_slices_in_one_tensor(model):
    quantization = tensor_of(model, 1).quantization = schema.QuantizationParametersT()
    quantization.scale, quantization.zeroPoint = np.float32([1, 2, 3]), np.int64([0, 0, 0])


CHANGES = {
    "other graphs": (lambda m: m.subgraphs.append(m.subgraphs[0]), "has 2 graphs"),
    "older format": (lambda m: setattr(m, "version", 2), "version 2"),
    "no output": (lambda m: setattr(m.subgraphs[0], "outputs", np.int32([])), "no output"),
    "output that is nowhere": (lambda m: setattr(m.subgraphs[0], "outputs", np.int32([99])), "lacks"),
    "input that is nowhere": (set_input(3, 0, 99), "lacks"),
    "wrong order": (lambda m: m.subgraphs[0].operators.reverse(), "before anything has computed it"),
    "two producers": (lambda m: m.subgraphs[0].operators.append(operator(m, 6)), "again"),
    "kind that is nowhere": (lambda m: setattr(operator(m, 0), "opcodeIndex", 50), "number 50 of"),
    "unknown builtin": (lambda m: setattr(m.operatorCodes[0], "builtinCode", 119), "(WHILE) is not checked"),
    "unknown custom": (lambda m: setattr(m.operatorCodes[1], "customCode", "Bogus"), "(Bogus)"),
    "control dependencies": (add_control_dependencies, "damaged"),
    "variable": (lambda m: setattr(tensor_of(m, 0), "isVariable", True), "variable"),
    "strings": (lambda m: setattr(tensor_of(m, 0), "type", schema.TensorType.STRING), "type 5"),
    "buffer that is nowhere": (lambda m: setattr(tensor_of(m, 0), "buffer", 77), "buffer 77"),
    "short buffer": (lambda m: setattr(m.buffers[1], "data", m.buffers[1].data[:8]), "its buffer holds 8"),
    "negative size": (lambda m: change_shape(m, 0, (1, -4, 4, 32)), "dimension of -4"),
    "huge size": (lambda m: change_shape(m, 0, (1, 2**30, 2, 32)), "larger than"),
    "scales that do not fit": (put_slices_in_one_tensor, "3 scales"),
    "lost inputs": (lambda m: setattr(operator(m, 3), "inputs", np.int32([0])), "(ADD) has 1 inputs"),
    "lost options": (lambda m: setattr(operator(m, 4), "builtinOptionsType", 0), "(MAX_POOL_2D) lacks options"),
    "no stride": (set_option(0, "strideH", 0), "(CONV_2D) has a filter, stride or dilation of 0"),
    "other stride": (set_option(0, "strideH", 1), "(CONV_2D) cannot compute the shape"),
    "unknown padding": (set_option(4, "padding", 2), "padding 2"),
    "unknown activation": (set_option(3, "fusedActivationFunction", 9), "activation 9"),
    "filter above the map": (set_option(4, "filterHeight", 9), "larger than its map"),
    "other channels": (lambda m: change_shape(m, 0, (32, 3, 1, 9), 1, "inputs"), "other channels"),
    "bias of another size": (set_input(6, 2, 2), "bias"),
    "axis that is nowhere": (lambda m: setattr(m.buffers[6], "data", np.uint8([7] + [0] * 7)), "reduces axis 7"),
    "other sum": (lambda m: change_shape(m, 3, (1, 4, 8, 16)), "(ADD) cannot compute the shape"),
    "other signs": (lambda m: change_shape(m, 1, (1, 4, 4, 2)), "(LceQuantize) cannot compute the shape"),
    "damaged options": (lambda m: setattr(operator(m, 2), "customOptions", np.uint8([1, 2, 3])), "damaged options"),
    "name that is no text": (None, "damaged"),
}


def split_model():
    """Operators: 0 SPLIT, 1 LceQuantize."""
    graph = Graph()
    first, second = graph.split(graph.input(constant(1, 4, 4, 64)), 2)
    graph.output(graph.quantize(first))
    graph.output(second)
    return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(build_file([graph]), 0))


SPLIT_CHANGES = {
    "another number of parts": (set_option(0, "numSplits", 4), "does not make 2 even parts"),
    "one part of another size": (lambda m: change_shape(m, 0, (1, 4, 4, 16), 1), "(SPLIT) cannot compute the shape"),
    "axis that is nowhere": (lambda m: setattr(m.buffers[1], "data", np.uint8([9, 0, 0, 0])), "splits no axis"),
    "uneven": (lambda m: change_shape(m, 0, (1, 4, 4, 63), 1, "inputs"), "does not make 2 even parts"),
}


@pytest.mark.parametrize("name", SPLIT_CHANGES)
def test_it_refuses_a_split(name):
    change, message = SPLIT_CHANGES[name]
    model = split_model()
    change(model)
    with pytest.raises(HybridTFRuntimeError) as refused:
        check_model(packed(model), "it")
    assert message in str(refused.value)


def test_sound_models_pass():
    for model in (sound_model(), int8_model(), int8_hybrid(), split_model()):
        check_model(packed(model), "it")


@pytest.mark.parametrize("name", CHANGES)
def test_it_refuses(name):
    change, message = CHANGES[name]
    model = sound_model()
    if change:
        change(model)
    content = packed(model)
    if name == "name that is no text":
        content = content.replace(b"tensor0", b"tens\xffr0")
    with pytest.raises(HybridTFRuntimeError, match=r"^it cannot be run: ") as refused:
        check_model(content, "it")
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("scale", "zero_point", "message"),
    [(0.0, 0, "scale of 0"), (float("nan"), 0, "scale of"), (0.5, 200, "zero point of 200"), (None, 0, "int8")],
)
def test_it_refuses_an_unfit_scale(scale, zero_point, message):
    model = sound_model()
    pool = tensor_of(model, 4)
    pool.type = schema.TensorType.INT8
    if scale is not None:
        pool.quantization = schema.QuantizationParametersT()
        pool.quantization.scale, pool.quantization.zeroPoint = np.float32([scale]), np.int64([zero_point])
    with pytest.raises(HybridTFRuntimeError) as refused:
        check_model(packed(model), "it")
    assert message in str(refused.value)


def set_scale(number, position, side, scales, zero_point=0, axis=0):
    def change(model):
        quantization = tensor_of(model, number, position, side).quantization = schema.QuantizationParametersT()
        quantization.scale = np.float32(scales)
        quantization.zeroPoint = np.full(len(scales), zero_point, np.int64)
        quantization.quantizedDimension = axis

    return change


def set_type(number, position, side, name):
    return lambda model: setattr(tensor_of(model, number, position, side), "type", getattr(schema.TensorType, name))


INT8_CHANGES = {
    "weights without scales": (set_scale(1, 1, "inputs", []), "(CONV_2D) has int8 weights without scales"),
    "scales of another axis": (
        set_scale(1, 1, "inputs", [1, 1, 1], axis=3),
        "(CONV_2D) has int8 weights without scales",
    ),
    "weights with a zero point": (set_scale(1, 1, "inputs", [1], 5), "(CONV_2D) has int8 weights with a zero point"),
    "tiny scale": (set_scale(1, 1, "inputs", [1e-20]), "(CONV_2D) has scales that do not fit"),
    "huge sum": (set_scale(4, 0, "outputs", [1e-8]), "(ADD) has scales that do not fit"),
    "huge mean": (set_scale(5, 0, "outputs", [1e-8]), "(MEAN) has scales that do not fit"),
    "float result": (set_type(4, 0, "outputs", "FLOAT32"), "zero point of 3"),
    "int8 bias": (set_type(7, 2, "inputs", "INT8"), "its buffer holds 20"),
    "quantize to float": (set_type(0, 0, "outputs", "FLOAT32"), "zero point of 3"),
    "other size": (lambda m: change_shape(m, 6, (1, 33)), "(RESHAPE) changes the number of values"),
}


@pytest.mark.parametrize("name", INT8_CHANGES)
def test_it_refuses_in_an_int8_hybrid(name):
    change, message = INT8_CHANGES[name]
    model = int8_hybrid()
    change(model)
    with pytest.raises(HybridTFRuntimeError) as refused:
        check_model(packed(model), "it")
    assert message in str(refused.value)


def test_no_byte_beyond_the_file_is_needed():
    content = packed(sound_model())
    for length in range(0, len(content), 7):
        with pytest.raises(HybridTFRuntimeError):
            check_model(content[:length], "it")
