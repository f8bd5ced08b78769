"""Each operator of TensorFlow Lite that the check allows: what is sound runs and is right, and damage is refused."""

import re
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from hybrid_tf_runtime import HybridTFRuntimeError, Interpreter
from hybrid_tf_runtime.library import check_model
from tests.support.graph_builder import Graph, build_file
from tests.support.packing import pack_model
from tests.support.stock_operators import CASES, MAP, SYMMETRIC, Case, Constant

RULES = Path(__file__).parents[2] / "runtime" / "src" / "check"


def refusal(model):
    with pytest.raises(HybridTFRuntimeError) as refused:
        check_model(pack_model(model), "it")
    return str(refused.value)


def outputs_of(content, arrays, **options):
    """Returns the outputs of a file in whose shapes no image comes first."""
    interpreter = Interpreter(content, **options).interpreter
    for tensor, array in zip(interpreter.get_input_details(), arrays, strict=True):
        interpreter.set_tensor(tensor["index"], np.ascontiguousarray(array))
    interpreter.invoke()
    return [interpreter.get_tensor(tensor["index"]) for tensor in interpreter.get_output_details()]


def test_every_rule_has_a_case():
    rules = re.findall(r"make_rule\(schema::(\w+),", "".join(path.read_text() for path in RULES.glob("*.cc")))
    quantized = {"QUANTIZE", "DEQUANTIZE"}  # in test_check_model.py
    assert len(rules) == len(set(rules))
    assert set(rules) - quantized == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_it_runs(name):
    case = CASES[name]
    found = outputs_of(pack_model(case.model(name)), case.given())
    for expected, output in zip(case.outputs, found, strict=True):
        assert (output.dtype, output.shape) == (expected.dtype, expected.shape)
        np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_when_it_is_damaged(name):
    def damaged(change):
        model = CASES[name].model(name)
        change(model, model.subgraphs[0].operators[0], model.subgraphs[0].tensors)
        return refusal(model)

    def other_shape(model, op, tensors):
        shape = tensors[op.outputs[-1]].shape
        tensors[op.outputs[-1]].shape = np.append(shape[:-1], shape[-1] + 1).astype(np.int32)

    def other_type(model, op, tensors):
        tensors[op.outputs[-1]].type = schema.TensorType.FLOAT16

    def no_input(model, op, tensors):
        op.inputs = op.inputs[:0]

    for change in (other_shape, other_type, no_input):
        assert f"({name}) " in damaged(change), change.__name__
    if CASES[name].table and name not in ("CAST", "RESHAPE", "SELECT", "SELECT_V2", "L2_NORMALIZATION"):
        assert "lacks options" in damaged(lambda model, op, tensors: setattr(op, "builtinOptionsType", 0))


def changed(name, position, *values, **options):
    """Returns a case with another constant in the place of an input, or with other options."""
    case = CASES[name]
    inputs = list(case.inputs)
    if values:
        inputs[position] = Constant(*values, dtype=inputs[position].array.dtype)
    return Case(inputs, case.outputs, case.table, **{**case.options, **options})


BEYOND = Case([MAP, Constant([[0, 0], [1, 4], [0, 1], [0, 0]])], np.zeros((1, 9, 7, 8), np.float32), "MirrorPad")
FAULTS = {
    "place behind the map": ("GATHER", changed("GATHER", 1, 3, 0, 4), "has place 4"),
    "place before the map": ("GATHER", changed("GATHER", 1, 3, -1, 3), "has place -1"),
    "gather of batches": ("GATHER", changed("GATHER", None, batchDims=1), "dimensions of batches 1"),
    "slice behind the map": ("SLICE", changed("SLICE", 1, 0, 3, 2, 0), "has a slice of 2"),
    "slice of nothing": ("SLICE", changed("SLICE", 1, 0, 9, 2, 0), "has a first place of 9"),
    "stride of 0": ("STRIDED_SLICE", changed("STRIDED_SLICE", 3, 1, 0, 2, 1), "stride of 0"),
    "single place behind": ("STRIDED_SLICE", changed("STRIDED_SLICE", 1, 0, -1, 1, 8), "cuts nothing of dimension 3"),
    "new axes": ("STRIDED_SLICE", changed("STRIDED_SLICE", None, newAxisMask=1), "in a way that is not checked"),
    "ellipsis": ("STRIDED_SLICE", changed("STRIDED_SLICE", None, ellipsisMask=1), "in a way that is not checked"),
    "mirror of the border": (
        "MIRROR_PAD",
        BEYOND,
        "padding 4",
    ),
    "unknown mirror": ("MIRROR_PAD", changed("MIRROR_PAD", None, mode=2), "mode 2"),
    "negative padding": ("PADV2", changed("PADV2", 1, [[0, 0], [1, 2], [2, 1], [0, -1]]), "padding -1"),
    "two values to pad with": ("PADV2", changed("PADV2", 2, 1.5, 2.5), "padding values 2"),
    "resized to nothing": ("RESIZE_NEAREST_NEIGHBOR", changed("RESIZE_NEAREST_NEIGHBOR", 1, 0, 9), "side of 0"),
    "resized beyond": ("RESIZE_BILINEAR", changed("RESIZE_BILINEAR", 1, 1, 2**15), "side of 32768"),
    "other map behind it": ("TRANSPOSE_CONV", changed("TRANSPOSE_CONV", None, strideH=1), "another shape"),
    "other depth behind it": ("TRANSPOSE_CONV", changed("TRANSPOSE_CONV", 0, 1, 8, 12, 4), "channels 4"),
    "axis that is nowhere": ("ARG_MAX", changed("ARG_MAX", 1, 4), "axis 4"),
    "places of another type": ("ARG_MAX", changed("ARG_MAX", None, outputType=2), "another type"),
    "uneven parts": ("SPLIT_V", changed("SPLIT_V", 1, 5, 4), "cannot compute the shape"),
    "a part too few": ("UNPACK", changed("UNPACK", None, num=1), "does not make 2 parts"),
    "a part too many": ("PACK", changed("PACK", None, valuesCount=3), "values 3"),
    "odd blocks": ("SPACE_TO_DEPTH", changed("SPACE_TO_DEPTH", None, blockSize=3), "does not divide"),
    "no block": ("DEPTH_TO_SPACE", changed("DEPTH_TO_SPACE", None, blockSize=0), "block 0"),
    "squeezed pixels": ("SQUEEZE", changed("SQUEEZE", None, squeezeDims=np.int32([2])), "squeezed dimension of 6"),
    "many repetitions": ("TILE", changed("TILE", 1, 1, 2**30, 1, 3), "repetitions 1073741824"),
    "matrices that do not fit": ("BATCH_MATMUL", changed("BATCH_MATMUL", None, adjY=False), "such matrices"),
    "no bias": (
        "DEPTHWISE_CONV_2D",
        Case(
            [*CASES["DEPTHWISE_CONV_2D"].inputs[:2], None],
            MAP,
            "DepthwiseConv2D",
            depthMultiplier=1,
            strideH=1,
            strideW=1,
        ),
        "lacks a bias",
    ),
    "comparison of conditions": ("LESS", Case([MAP < 0, MAP < 1], MAP < 0), "compare such types"),
    "choice by numbers": ("SELECT_V2", Case([MAP, MAP, MAP], MAP, "SelectV2"), "is not bool"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_it_refuses(fault):
    name, case, message = FAULTS[fault]
    assert message in refusal(case.model(name))


def test_a_mirror_may_repeat_the_border():
    padding = [[0, 0], [1, 4], [6, 1], [0, 0]]
    case = Case([MAP, Constant(padding)], np.pad(MAP, padding, "symmetric"), "MirrorPad", mode=SYMMETRIC)
    np.testing.assert_array_equal(outputs_of(pack_model(case.model("MIRROR_PAD")), [MAP])[0], case.outputs[0])


def shapes_model(first):
    """A map is reshaped to sizes that are computed from its shape, as TensorFlow's converter writes them."""
    graph = Graph()
    x = graph.input(MAP)
    shape = CASES["SHAPE"]
    options = schema.ShapeOptionsT()
    options.outType = schema.TensorType.INT32
    (sizes,) = graph.operator("SHAPE", [x], shape.outputs, schema.BuiltinOptions.ShapeOptions, options)
    options = schema.StridedSliceOptionsT()
    options.shrinkAxisMask = 1
    ends = [graph.constant(np.int32([value])) for value in (first, first + 1, 1)]
    kind = schema.BuiltinOptions.StridedSliceOptions
    (size,) = graph.operator("STRIDED_SLICE", [sizes, *ends], [np.int32(MAP.shape[first])], kind, options)
    graph.tensors[size.tensor][0].shape = np.int32([])
    other = graph.constant(np.int32([MAP.size // MAP.shape[first]]))
    graph.tensors[other.tensor][0].shape = np.int32([])
    options = schema.PackOptionsT()
    options.valuesCount = 2
    (both,) = graph.operator("PACK", [size, other], [np.int32([0, 0])], schema.BuiltinOptions.PackOptions, options)
    (y,) = graph.operator("RESHAPE", [x, both], [MAP.reshape(MAP.shape[first], -1)])
    graph.output(y)
    return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(build_file([graph]), 0))


def test_sizes_may_be_computed_from_shapes():
    content = pack_model(shapes_model(1))
    np.testing.assert_array_equal(outputs_of(content, [MAP])[0].ravel(), MAP.ravel())
    model = shapes_model(1)
    model.subgraphs[0].tensors[model.subgraphs[0].outputs[0]].shape = np.int32([8, 24])
    assert "(RESHAPE) has another shape" in refusal(model)


def test_an_unknown_operator_is_named_and_runs_when_it_is_trusted():
    content = pack_model(Case([4 * MAP, MAP], np.floor(4 * MAP / MAP)).model("FLOOR_DIV"))
    with pytest.raises(HybridTFRuntimeError, match=r"operator 0 \(FLOOR_DIV\) is not checked; .*trusted=True"):
        Interpreter(content)
    np.testing.assert_array_equal(outputs_of(content, [4 * MAP, MAP], trusted=True)[0], np.floor(4 * MAP / MAP))


def test_a_number_without_a_name_is_shown():
    model = CASES["ABS"].model("ABS")
    model.operatorCodes[0].builtinCode = 1000
    assert "(number 1000 of TensorFlow Lite's) is not checked" in refusal(model)
