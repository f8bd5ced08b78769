"""Builds LCE `.tflite` files op by op, with any options, and computes what each tensor must hold.

Needs numpy, flatbuffers and ai_edge_litert only, so that it works where there is neither TensorFlow nor LCE.
"""

from dataclasses import dataclass

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from tests.support import int8_reference as int8
from tests.support import lce_reference as reference
from tests.support.int8_reference import Quantization
from tests.support.lce_reference import NONE, SAME
from tests.support.packing import pack_model

TYPES = {
    np.dtype(np.float32): schema.TensorType.FLOAT32,
    np.dtype(np.int32): schema.TensorType.INT32,
    np.dtype(np.int8): schema.TensorType.INT8,
    np.dtype(bool): schema.TensorType.BOOL,
    np.dtype(np.int64): schema.TensorType.INT64,
}
_BUILTIN = schema.BuiltinOperator
_OPTIONS = schema.BuiltinOptions
_ACTIVATIONS = {1: _BUILTIN.RELU, 2: _BUILTIN.RELU_N1_TO_1, 3: _BUILTIN.RELU6}


@dataclass(frozen=True)
class Value:
    """A tensor of the graph: its number, what it holds, its channels when unpacked, and the quantization of int8."""

    tensor: int
    array: np.ndarray
    channels: int
    scale: float = 1.0
    zero_point: int = 0

    @property
    def quantization(self):
        """Of int8."""
        return Quantization(self.scale, self.zero_point)


def build_file(graphs):
    """Returns the file that holds these graphs side by side."""
    whole, buffers, codes = schema.SubGraphT(), [schema.BufferT()], {}
    whole.tensors, whole.operators, inputs, outputs = [], [], [], []
    for graph in graphs:
        first = len(whole.tensors)
        inputs += [first + value.tensor for value in graph.inputs]
        outputs += [first + value.tensor for value in graph.outputs]
        for tensor, constant in graph.tensors:
            if constant is not None:
                tensor.buffer = len(buffers)
                buffers.append(constant)
        whole.tensors += [tensor for tensor, _ in graph.tensors]
        for operator, code in graph.operators:
            operator.opcodeIndex = codes.setdefault(code, len(codes))
            operator.inputs = np.where(operator.inputs < 0, -1, operator.inputs + first).astype(np.int32)
            operator.outputs = operator.outputs + np.int32(first)
        whole.operators += [operator for operator, _ in graph.operators]
    whole.inputs, whole.outputs = np.int32(inputs), np.int32(outputs)
    model = schema.ModelT()
    model.version, model.subgraphs, model.buffers = 3, [whole], buffers
    model.operatorCodes = list(map(_operator_code, codes))
    return pack_model(model)


class Graph:
    """A graph in the making, for build_file. Methods add an operator, and return the value that it produces."""

    def __init__(self):
        self.inputs, self.outputs = [], []
        self.tensors, self.operators = [], []  # with their buffers, and their codes

    def input(self, array, channels=None, scale=None, zero_point=0):
        """Adds an input that is given `array`."""
        value = self._value(array, channels, scale, zero_point)
        self.inputs.append(value)
        return value

    def output(self, value):
        """Makes `value` an output."""
        self.outputs.append(value)

    def constant(self, array, scale=None, zero_point=0, axis=0):
        """Adds a constant. scale: of int8 or int32, one, or one for each of `axis`."""
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)
        value = self._value(array, None, scale, zero_point, buffer)
        if scale is not None:
            self.tensors[value.tensor][0].quantization.quantizedDimension = axis
        return value

    def operator(self, name, inputs, arrays, options_type=0, options=None):
        """Adds an operator of TensorFlow Lite's by its name. arrays: what it computes. Returns the outputs."""
        outputs = [self._value(array) for array in arrays]
        operator = self._operator(getattr(_BUILTIN, name), inputs, outputs[0])
        operator.outputs = np.int32([output.tensor for output in outputs])
        operator.builtinOptionsType, operator.builtinOptions = options_type, options
        return outputs

    def quantize(self, x):
        packed = reference.quantize(x.array, x.zero_point)
        return self._custom("LceQuantize", [x], self._value(packed, x.channels), None)

    def dequantize(self, x, dtype, scale=None, zero_point=0):
        array = reference.dequantize(x.array, x.channels, dtype, scale or 1.0, zero_point)
        return self._custom("LceDequantize", [x], self._value(array, None, scale, zero_point), None)

    def bconv(
        self,
        x,
        filters,
        multiplier=None,
        bias=None,
        thresholds=None,
        stride=(1, 1),
        dilation=(1, 1),
        padding=SAME,
        pad_values=1,
        activation=NONE,
        int8=None,
    ):
        """LceBconv2d. filters: signs [O, h, w, I / groups]. int8: (scale, zero point). Without multiplier: packed."""
        outputs, *kernel, group_depth = filters.shape
        depth = kernel[0] * kernel[1] * group_depth
        signs = reference.unpack(x.array, x.channels)
        sums = reference.binary_convolution(
            signs, filters, x.channels // group_depth, stride, dilation, padding, pad_values
        )
        scale, zero_point = int8 or (None, 0)
        if multiplier is None:
            output = self._value(reference.thresholded(sums, depth, thresholds), outputs)
        else:
            array = reference.transformed(sums, depth, multiplier, bias, activation, scale or 1.0, zero_point)
            output = self._value(reference.to_int8(array) if int8 else array, None, scale, zero_point)
        constants = [reference.pack(filters < 0), multiplier, bias, thresholds]
        options = {
            "channels_in": x.channels,
            "dilation_height_factor": dilation[0],
            "dilation_width_factor": dilation[1],
            "fused_activation_function": activation,
            "pad_values": pad_values,
            "padding": padding,
            "stride_height": stride[0],
            "stride_width": stride[1],
        }
        inputs = [x, *(None if array is None else self.constant(array) for array in constants)]
        return self._custom("LceBconv2d", inputs, output, options)

    def bmaxpool(self, x, kernel, stride, padding):
        options = {
            "padding": padding,
            "stride_width": stride[1],
            "stride_height": stride[0],
            "filter_width": kernel[1],
            "filter_height": kernel[0],
        }
        packed = reference.binary_max_pool(x.array, kernel, stride, padding)
        return self._custom("LceBMaxPool2d", [x], self._value(packed, x.channels), options)

    def add(self, a, b, activation=NONE):
        return self._add(a, b, reference.activated(a.array + b.array, activation), activation)

    def int8_add(self, a, b, to, activation=NONE):
        """ADD of int8. to: the quantization of the result, here and below."""
        array = int8.add(a.array, a.quantization, b.array, b.quantization, to, activation)
        return self._add(a, b, array, activation, to)

    def _add(self, a, b, array, activation, to=None):
        options = schema.AddOptionsT()
        options.fusedActivationFunction = activation
        return self._builtin(_BUILTIN.ADD, [a, b], array, _OPTIONS.AddOptions, options, to)

    def multiply(self, a, b, activation=NONE):
        """MUL of float32."""
        return self._multiply(a, b, reference.activated(a.array * b.array, activation), activation)

    def int8_multiply(self, a, b, to, activation=NONE):
        """MUL of int8."""
        array = int8.multiply(a.array, a.quantization, b.array, b.quantization, to, activation)
        return self._multiply(a, b, array, activation, to)

    def _multiply(self, a, b, array, activation, to=None):
        options = schema.MulOptionsT()
        options.fusedActivationFunction = activation
        return self._builtin(_BUILTIN.MUL, [a, b], array, _OPTIONS.MulOptions, options, to)

    def concatenate(self, values, axis=-1):
        """CONCATENATION along the channels, of float32 or of int8 of one quantization."""
        options = schema.ConcatenationOptionsT()
        options.axis = axis
        array = np.concatenate([value.array for value in values], axis=-1)
        return self._builtin(
            _BUILTIN.CONCATENATION, values, array, _OPTIONS.ConcatenationOptions, options, self._same(values[0])
        )

    def split(self, x, parts, axis=-1):
        """SPLIT along the channels. Returns the parts."""
        options = schema.SplitOptionsT()
        options.numSplits = parts
        of = self._same(x) or (None, 0)
        outputs = [self._value(array, None, *of) for array in np.split(x.array, parts, axis=-1)]
        operator = self._operator(_BUILTIN.SPLIT, [self.constant(np.int32(axis)), x], outputs[0])
        operator.outputs = np.int32([output.tensor for output in outputs])
        operator.builtinOptionsType, operator.builtinOptions = _OPTIONS.SplitOptions, options
        return outputs

    def logistic(self, x):
        """LOGISTIC of float32 or int8."""
        if x.array.dtype == np.float32:
            return self._builtin(_BUILTIN.LOGISTIC, [x], reference.logistic(x.array))
        return self._builtin(_BUILTIN.LOGISTIC, [x], int8.logistic(x.array, x.quantization), to=int8.LOGISTIC)

    @staticmethod
    def _same(x):
        return x.quantization if x.array.dtype == np.int8 else None

    def prelu(self, x, slopes):
        """PRELU. slopes: one for each channel."""
        array = np.where(x.array < 0, x.array * slopes, x.array)
        return self._builtin(_BUILTIN.PRELU, [x, self.constant(slopes.reshape(1, 1, -1))], array)

    def int8_prelu(self, x, slopes, of_slopes, to):
        """PRELU of int8; slopes too, of a quantization of their own."""
        array = int8.prelu(x.array, x.quantization, slopes, of_slopes, to)
        return self._builtin(_BUILTIN.PRELU, [x, self.constant(slopes.reshape(1, 1, -1), *of_slopes)], array, to=to)

    def relu(self, x, activation):
        return self._builtin(_ACTIVATIONS[activation], [x], reference.activated(x.array, activation))

    def int8_relu(self, x, activation, to):
        array = int8.clamp(x.array, x.quantization, to, activation)
        return self._builtin(_ACTIVATIONS[activation], [x], array, to=to)

    def int8_softmax(self, x, beta):
        options = schema.SoftmaxOptionsT()
        options.beta = beta
        array = int8.softmax(x.array, x.quantization, beta)
        return self._builtin(_BUILTIN.SOFTMAX, [x], array, _OPTIONS.SoftmaxOptions, options, int8.SOFTMAX)

    def int8_quantize(self, x, to):
        """QUANTIZE of float32 or int8."""
        floats = x.array.dtype == np.float32
        array = int8.quantize(x.array, to) if floats else int8.requantize(x.array, x.quantization, to)
        return self._builtin(_BUILTIN.QUANTIZE, [x], array, to=to)

    def reshape(self, x, shape):
        """RESHAPE of float32 or int8. shape: one size may be -1."""
        constant = self.constant(np.int32(shape))
        return self._builtin(_BUILTIN.RESHAPE, [x, constant], x.array.reshape(shape), to=self._same(x))

    def int8_dequantize(self, x):
        """DEQUANTIZE."""
        return self._builtin(_BUILTIN.DEQUANTIZE, [x], int8.dequantize(x.array, x.quantization))

    def convolution(self, x, filters, bias, stride=(1, 1), dilation=(1, 1), padding=SAME, activation=NONE):
        array = reference.convolution(x.array, filters, bias, stride, dilation, padding)
        inputs = [x, self.constant(filters), self.constant(bias)]
        return self._convolution(inputs, reference.activated(array, activation), stride, dilation, padding, activation)

    def int8_convolution(
        self, x, filters, scales, bias, to, stride=(1, 1), dilation=(1, 1), padding=SAME, activation=NONE
    ):
        """CONV_2D of int8. scales: of the filters of each output channel."""
        options = stride, dilation, padding, activation
        array = int8.convolution(x.array, x.quantization, filters, scales, bias, to, *options)
        inputs = [x, self.constant(filters, scales), self.constant(bias, np.float32(x.scale) * np.float32(scales))]
        return self._convolution(inputs, array, *options, to)

    def _convolution(self, inputs, array, stride, dilation, padding, activation, to=None):
        options = schema.Conv2DOptionsT()
        options.padding, options.fusedActivationFunction = padding, activation
        options.strideH, options.strideW = stride
        options.dilationHFactor, options.dilationWFactor = dilation
        return self._builtin(_BUILTIN.CONV_2D, inputs, array, _OPTIONS.Conv2DOptions, options, to)

    def depthwise(self, x, filters, bias, stride=(1, 1), dilation=(1, 1), padding=SAME, activation=NONE):
        """DEPTHWISE_CONV_2D. filters: [h, w, C]."""
        array = reference.depthwise_convolution(x.array, filters, bias, stride, dilation, padding)
        inputs = [x, self.constant(filters[None]), self.constant(bias)]
        return self._depthwise(inputs, reference.activated(array, activation), stride, dilation, padding, activation)

    def int8_depthwise(
        self, x, filters, scales, bias, to, stride=(1, 1), dilation=(1, 1), padding=SAME, activation=NONE
    ):
        """DEPTHWISE_CONV_2D of int8. scales: of the filters of each channel."""
        options = stride, dilation, padding, activation
        array = int8.depthwise_convolution(x.array, x.quantization, filters, scales, bias, to, *options)
        bias_scales = np.float32(x.scale) * np.float32(scales)
        inputs = [x, self.constant(filters[None], scales, axis=3), self.constant(bias, bias_scales)]
        return self._depthwise(inputs, array, *options, to)

    def _depthwise(self, inputs, array, stride, dilation, padding, activation, to=None):
        options = schema.DepthwiseConv2DOptionsT()
        options.padding, options.fusedActivationFunction, options.depthMultiplier = padding, activation, 1
        options.strideH, options.strideW = stride
        options.dilationHFactor, options.dilationWFactor = dilation
        return self._builtin(_BUILTIN.DEPTHWISE_CONV_2D, inputs, array, _OPTIONS.DepthwiseConv2DOptions, options, to)

    def pool(self, x, kind, kernel, stride, padding, activation=NONE):
        """kind: `average` or `max`. Of float32 or int8."""
        options = schema.Pool2DOptionsT()
        options.padding, options.fusedActivationFunction = padding, activation
        options.strideH, options.strideW = stride
        options.filterHeight, options.filterWidth = kernel
        code = {"average": _BUILTIN.AVERAGE_POOL_2D, "max": _BUILTIN.MAX_POOL_2D}[kind]
        if x.array.dtype == np.int8:
            compute = {"average": int8.average_pool, "max": int8.max_pool}[kind]
            array, to = compute(x.array, x.quantization, kernel, stride, padding, activation), x.quantization
        else:
            compute = {"average": reference.average_pool, "max": reference.max_pool}[kind]
            array, to = reference.activated(compute(x.array, kernel, stride, padding), activation), None
        return self._builtin(code, [x], array, _OPTIONS.Pool2DOptions, options, to)

    def mean(self, x, keep_dims=False):
        """MEAN over height and width."""
        return self._mean(
            x, x.array.mean(axis=(1, 2), dtype=np.float64, keepdims=keep_dims).astype(np.float32), keep_dims
        )

    def int8_mean(self, x, to, keep_dims=False):
        return self._mean(x, int8.mean(x.array, x.quantization, to, keep_dims), keep_dims, to)

    def _mean(self, x, array, keep_dims, to=None):
        options = schema.ReducerOptionsT()
        options.keepDims = keep_dims
        axes = self.constant(np.int32([1, 2]))
        return self._builtin(_BUILTIN.MEAN, [x, axes], array, _OPTIONS.ReducerOptions, options, to)

    def fully_connected(self, x, weights, bias, activation=NONE):
        """weights: [outputs, inputs]."""
        rows = x.array.reshape(-1, weights.shape[1]).astype(np.float64)
        array = (rows @ weights.T.astype(np.float64) + (0 if bias is None else bias)).astype(np.float32)
        constants = [self.constant(weights), None if bias is None else self.constant(bias)]
        return self._fully_connected([x, *constants], reference.activated(array, activation), activation)

    def int8_fully_connected(self, x, weights, scale, bias, to, activation=NONE):
        """FULLY_CONNECTED of int8. scale: of all weights, or of those of each output."""
        array = int8.fully_connected(x.array, x.quantization, weights, scale, bias, to, activation)
        bias_scale = np.float32(x.scale) * np.float32(scale)
        constants = [self.constant(weights, scale), None if bias is None else self.constant(bias, bias_scale)]
        return self._fully_connected([x, *constants], array, activation, to)

    def _fully_connected(self, inputs, array, activation, to=None):
        options = schema.FullyConnectedOptionsT()
        options.fusedActivationFunction = activation
        return self._builtin(_BUILTIN.FULLY_CONNECTED, inputs, array, _OPTIONS.FullyConnectedOptions, options, to)

    def _value(self, array, channels=None, scale=None, zero_point=0, buffer=None):
        array = np.ascontiguousarray(array)
        tensor = schema.TensorT()
        tensor.shape, tensor.type = np.int32(array.shape), TYPES[array.dtype]
        tensor.name = f"tensor{len(self.tensors)}"
        if scale is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = np.float32(scale).reshape(-1)
            tensor.quantization.zeroPoint = np.full(tensor.quantization.scale.shape, zero_point, np.int64)
        self.tensors.append((tensor, buffer))
        scale = 1.0 if scale is None or np.size(scale) > 1 else float(scale)
        return Value(len(self.tensors) - 1, array, channels or array.shape[-1], scale, zero_point)

    def _custom(self, name, inputs, output, options):
        operator = self._operator(name, inputs, output)
        if options is not None:
            operator.customOptions = np.frombuffer(flexbuffers.Dumps(options), np.uint8)
        return output

    def _builtin(self, code, inputs, array, options_type=0, options=None, to=None):
        output = self._value(array) if to is None else self._value(array, None, *to)
        operator = self._operator(code, inputs, output)
        operator.builtinOptionsType, operator.builtinOptions = options_type, options
        return output

    def _operator(self, code, inputs, output):
        operator = schema.OperatorT()
        operator.inputs = np.int32([-1 if value is None else value.tensor for value in inputs])
        operator.outputs = np.int32([output.tensor])
        self.operators.append((operator, code))
        return operator


def _operator_code(code):
    entry = schema.OperatorCodeT()
    entry.version = 2 if code == _BUILTIN.BROADCAST_TO else 1  # the first that LiteRT has
    entry.builtinCode = _BUILTIN.CUSTOM if isinstance(code, str) else code
    entry.deprecatedBuiltinCode = min(entry.builtinCode, 127)
    if isinstance(code, str):
        entry.customCode = code
    return entry
