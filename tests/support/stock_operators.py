"""Each operator of TensorFlow Lite that the check of files allows, once: its file, and what it computes by numpy."""

import math

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.support.graph_builder import Graph, build_file

MAP = np.random.default_rng(0).normal(size=(1, 4, 6, 8)).astype(np.float32)
OTHER = np.random.default_rng(1).normal(size=(1, 4, 6, 8)).astype(np.float32)
POSITIVE = np.abs(MAP) + np.float32(0.1)
SAME = 0
REFLECT, SYMMETRIC = 0, 1


class Constant:
    """An input that the file holds; the others are given."""

    def __init__(self, *values, dtype=np.int32):
        self.array = np.array(values[0] if len(values) == 1 else values, dtype)


class Case:
    """An operator with its inputs, options by name, and outputs."""

    def __init__(self, inputs, outputs, table="", **options):
        self.inputs, self.outputs = inputs, outputs if isinstance(outputs, list) else [outputs]
        self.table, self.options = table, options

    def given(self):
        """Returns the arrays of the inputs that are given."""
        return [value for value in self.inputs if not isinstance(value, Constant)]

    def graph(self, name):
        """Returns a graph of the operator `name` alone."""
        graph, inputs = Graph(), []
        for value in self.inputs:
            add = graph.constant if isinstance(value, Constant) else graph.input
            inputs.append(value if value is None else add(getattr(value, "array", value)))
        options = getattr(schema, f"{self.table}OptionsT")() if self.table else None
        for field, value in self.options.items():
            assert hasattr(options, field), field
            setattr(options, field, value)
        kind = getattr(schema.BuiltinOptions, f"{self.table}Options", 0)
        for value in graph.operator(name, inputs, self.outputs, kind, options):
            graph.output(value)
        return graph

    def model(self, name):
        """Returns the model of that graph, to be changed."""
        content = build_file([self.graph(name)])
        return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))


def _resized(array, height, width):
    """Nearest neighbours."""
    rows = np.arange(height) * array.shape[1] // height
    columns = np.arange(width) * array.shape[2] // width
    return array[:, rows][:, :, columns]


def _spread(array, weights):
    """A transposed convolution with stride 2, a window of 2, and no padding."""
    out = np.einsum("nhwi,oyxi->nhywxo", array, weights)
    return out.reshape(array.shape[0], 2 * array.shape[1], 2 * array.shape[2], weights.shape[0])


def _blocks(array, block):
    n, h, w, c = array.shape
    array = array.reshape(n, h // block, block, w // block, block, c)
    return array.transpose(0, 1, 3, 2, 4, 5).reshape(n, h // block, w // block, block * block * c)


def _softmax(array):
    powers = np.exp(array - array.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def _pools(compute):
    return compute(compute(MAP.reshape(1, 2, 2, 3, 2, 8), axis=4), axis=2)


_FILTER = np.random.default_rng(2).normal(size=(5, 2, 2, 8)).astype(np.float32)
_MATRIX = np.random.default_rng(3).normal(size=(5, 8)).astype(np.float32)
_BIAS = np.arange(5, dtype=np.float32)
_PADDING = Constant([[0, 0], [1, 2], [2, 1], [0, 0]])
_WIDTHS = tuple(map(tuple, _PADDING.array))
_LESS = MAP < OTHER
_POOL = {"padding": SAME, "strideH": 2, "strideW": 2, "filterHeight": 2, "filterWidth": 2}
_STEPS = {"padding": SAME, "strideH": 1, "strideW": 1}
_GELU = np.float32(MAP / 2 * (1 + np.vectorize(math.erf)(MAP / np.sqrt(2))))
_DENSE = MAP.reshape(24, 8) @ _MATRIX.T + _BIAS

CASES = {
    "ABS": Case([MAP], abs(MAP)),
    "ADD": Case([MAP, OTHER], MAP + OTHER, "Add"),
    "ADD_N": Case([MAP, OTHER, MAP], MAP + OTHER + MAP),
    "ARG_MAX": Case([MAP, Constant(3)], MAP.argmax(3), "ArgMax", outputType=schema.TensorType.INT64),
    "ARG_MIN": Case([MAP, Constant(-1)], MAP.argmin(3).astype(np.int32), "ArgMin", outputType=schema.TensorType.INT32),
    "AVERAGE_POOL_2D": Case([MAP], _pools(np.mean), "Pool2D", **_POOL),
    "BATCH_MATMUL": Case([MAP, OTHER], MAP @ OTHER.swapaxes(2, 3), "BatchMatMul", adjY=True),
    "BROADCAST_TO": Case([MAP[:, :, :1], Constant(2, 4, 3, 8)], np.broadcast_to(MAP[:, :, :1], (2, 4, 3, 8))),
    "CAST": Case([_LESS], np.float32(_LESS), "Cast", inDataType=schema.TensorType.BOOL),
    "CEIL": Case([MAP], np.ceil(MAP)),
    "CONCATENATION": Case([MAP, OTHER], np.concatenate([MAP, OTHER], 2), "Concatenation", axis=2),
    "CONV_2D": Case(
        [MAP, Constant(_FILTER[:, :1, :1], dtype=np.float32), Constant(_BIAS, dtype=np.float32)],
        MAP @ _FILTER[:, 0, 0].T + _BIAS,
        "Conv2D",
        **_STEPS,
    ),
    "COS": Case([MAP], np.cos(MAP)),
    "DEPTHWISE_CONV_2D": Case(
        [MAP, Constant(_FILTER[:1, :1, :1], dtype=np.float32), Constant(_MATRIX[0], dtype=np.float32)],
        MAP * _FILTER[0, 0, 0] + _MATRIX[0],
        "DepthwiseConv2D",
        depthMultiplier=1,
        **_STEPS,
    ),
    "DEPTH_TO_SPACE": Case([_blocks(MAP, 2)], MAP, "DepthToSpace", blockSize=2),
    "DIV": Case([MAP, POSITIVE], MAP / POSITIVE, "Div"),
    "ELU": Case([MAP], np.where(MAP < 0, np.expm1(MAP), MAP)),
    "EQUAL": Case([MAP, MAP], MAP == MAP),
    "EXP": Case([MAP], np.exp(MAP)),
    "EXPAND_DIMS": Case([MAP[0], Constant(-4)], MAP),
    "FLOOR": Case([MAP], np.floor(MAP)),
    "FULLY_CONNECTED": Case(
        [MAP, Constant(_MATRIX, dtype=np.float32), Constant(_BIAS, dtype=np.float32)], _DENSE, "FullyConnected"
    ),
    "GATHER": Case([MAP, Constant(3, 0, 3)], MAP[:, [3, 0, 3]], "Gather", axis=1),
    "GELU": Case([MAP], _GELU, "Gelu"),
    "GREATER": Case([MAP, OTHER], MAP > OTHER),
    "GREATER_EQUAL": Case([MAP, OTHER], MAP >= OTHER),
    "HARD_SWISH": Case([MAP], MAP * np.clip(MAP + 3, 0, 6) / 6),
    "L2_NORMALIZATION": Case([MAP], MAP / np.sqrt((MAP**2).sum(3, keepdims=True)), "L2Norm"),
    "LEAKY_RELU": Case([MAP], np.maximum(MAP, MAP / 4), "LeakyRelu", alpha=0.25),
    "LESS": Case([MAP, OTHER], MAP < OTHER),
    "LESS_EQUAL": Case([MAP, MAP], MAP <= MAP),
    "LOG": Case([POSITIVE], np.log(POSITIVE)),
    "LOGICAL_AND": Case([_LESS, _LESS[:, :1]], _LESS & _LESS[:, :1]),
    "LOGICAL_NOT": Case([_LESS], ~_LESS),
    "LOGICAL_OR": Case([_LESS, _LESS[:, :1]], _LESS | _LESS[:, :1]),
    "LOGISTIC": Case([MAP], 1 / (1 + np.exp(-MAP))),
    "LOG_SOFTMAX": Case([MAP], np.log(_softmax(MAP))),
    "MAXIMUM": Case([MAP, OTHER], np.maximum(MAP, OTHER)),
    "MAX_POOL_2D": Case([MAP], _pools(np.max), "Pool2D", **_POOL),
    "MEAN": Case([MAP, Constant(1, 2)], MAP.mean((1, 2)), "Reducer"),
    "MINIMUM": Case([MAP, OTHER[:, :, :1]], np.minimum(MAP, OTHER[:, :, :1])),
    "MIRROR_PAD": Case([MAP, _PADDING], np.pad(MAP, _WIDTHS, "reflect"), "MirrorPad", mode=REFLECT),
    "MUL": Case([MAP, OTHER], MAP * OTHER, "Mul"),
    "NEG": Case([MAP], -MAP),
    "NOT_EQUAL": Case([MAP, OTHER], MAP != OTHER),
    "PACK": Case([MAP[0], OTHER[0]], np.stack([MAP[0], OTHER[0]], 1), "Pack", valuesCount=2, axis=1),
    "PAD": Case([MAP, _PADDING], np.pad(MAP, _WIDTHS)),
    "PADV2": Case([MAP, _PADDING, Constant(1.5, dtype=np.float32)], np.pad(MAP, _WIDTHS, constant_values=1.5)),
    "POW": Case([POSITIVE, MAP], POSITIVE**MAP),
    "PRELU": Case([MAP, Constant(_MATRIX[0], dtype=np.float32)], np.where(MAP < 0, MAP * _MATRIX[0], MAP)),
    "REDUCE_MAX": Case([MAP, Constant(1, 2)], MAP.max((1, 2), keepdims=True), "Reducer", keepDims=True),
    "REDUCE_MIN": Case([MAP, Constant(3)], MAP.min(3), "Reducer"),
    "REDUCE_PROD": Case([MAP, Constant(-1)], MAP.prod(3), "Reducer"),
    "RELU": Case([MAP], MAP.clip(0)),
    "RELU6": Case([4 * MAP], (4 * MAP).clip(0, 6)),
    "RELU_0_TO_1": Case([MAP], MAP.clip(0, 1)),
    "RELU_N1_TO_1": Case([MAP], MAP.clip(-1, 1)),
    "RESHAPE": Case([MAP, Constant(1, -1, 16)], MAP.reshape(1, 12, 16)),
    "RESIZE_BILINEAR": Case([MAP, Constant(1, 2)], MAP[:, :1, ::3], "ResizeBilinear"),
    "RESIZE_NEAREST_NEIGHBOR": Case([MAP, Constant(8, 9)], _resized(MAP, 8, 9), "ResizeNearestNeighbor"),
    "ROUND": Case([MAP], np.round(MAP)),
    "RSQRT": Case([POSITIVE], 1 / np.sqrt(POSITIVE)),
    "SELECT": Case([_LESS, MAP, OTHER], np.where(_LESS, MAP, OTHER), "Select"),
    "SELECT_V2": Case([_LESS[:, :1], MAP, OTHER[0, 0]], np.where(_LESS[:, :1], MAP, OTHER[0, 0]), "SelectV2"),
    "SHAPE": Case([MAP], np.int32(MAP.shape), "Shape", outType=schema.TensorType.INT32),
    "SIGN": Case([MAP], np.sign(MAP)),
    "SIN": Case([MAP], np.sin(MAP)),
    "SLICE": Case([MAP, Constant(0, 1, 2, 0), Constant(1, 2, -1, 8)], MAP[:, 1:3, 2:]),
    "SOFTMAX": Case([MAP], _softmax(MAP), "Softmax", beta=1.0),
    "SPACE_TO_DEPTH": Case([MAP], _blocks(MAP, 2), "SpaceToDepth", blockSize=2),
    "SPLIT": Case([Constant(3), MAP], [MAP[..., :4], MAP[..., 4:]], "Split", numSplits=2),
    "SPLIT_V": Case([MAP, Constant(5, 3), Constant(3)], [MAP[..., :5], MAP[..., 5:]], "SplitV", numSplits=2),
    "SQRT": Case([POSITIVE], np.sqrt(POSITIVE)),
    "SQUARE": Case([MAP], MAP**2),
    "SQUARED_DIFFERENCE": Case([MAP, OTHER], (MAP - OTHER) ** 2),
    "SQUEEZE": Case([MAP[:, :1]], MAP[0, :1], "Squeeze", squeezeDims=np.int32([0])),
    "STRIDED_SLICE": Case(
        [MAP, Constant(0, -1, 1, 3), Constant(0, 0, 99, 0), Constant(1, -2, 2, 1)],
        MAP[:, :0:-2, 1::2, 3],
        "StridedSlice",
        endMask=1,
        shrinkAxisMask=8,
    ),
    "SUB": Case([MAP, OTHER], MAP - OTHER, "Sub"),
    "SUM": Case([MAP, Constant(1, 2)], MAP.sum((1, 2)), "Reducer"),
    "TANH": Case([MAP], np.tanh(MAP)),
    "TILE": Case([MAP, Constant(1, 2, 1, 3)], np.tile(MAP, (1, 2, 1, 3))),
    "TRANSPOSE": Case([MAP, Constant(0, 3, 1, 2)], MAP.transpose(0, 3, 1, 2)),
    "TRANSPOSE_CONV": Case(
        [Constant(1, 8, 12, 5), Constant(_FILTER, dtype=np.float32), MAP],
        _spread(MAP, _FILTER),
        "TransposeConv",
        padding=1,
        strideH=2,
        strideW=2,
    ),
    "UNPACK": Case([MAP[:, :2]], [MAP[:, 0], MAP[:, 1]], "Unpack", num=2, axis=1),
}
