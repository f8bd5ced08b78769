"""From a file to the steps of a network in plain C, one for each operator; what cannot be one is refused by name."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hybrid_tf.errors import HybridTFError
from hybrid_tf.graphs.file_graph import layer_name
from hybrid_tf.micro.plain_c.arithmetic import (
    BinaryOutput,
    Multiplier,
    ParametricRelu,
    Rounding,
    Sum,
    activation_range,
    ratio,
)
from hybrid_tf.micro.plain_c.network import (
    BinaryConvolution,
    Convolution,
    Layer,
    Mean,
    Network,
    OfSigns,
    Pool,
    Rescale,
    SignPool,
    Signs,
    Step,
    Value,
    Window,
)
from hybrid_tf.tflite import names
from hybrid_tf.tflite.flatbuffer import Operator, TFLiteFile

_SAME = 0  # enum Padding of the schema
_VECTOR = 16  # values that TensorFlow Lite rescales together
_LANES = 4  # weights of a window, and output channels, that an int8 convolution multiplies together
_FLOAT_FIX = "convert it with `hybrid-tf convert --int8`"


def read_network(file: TFLiteFile, path: Path) -> Network:
    """Returns the steps of a file.

    Raises:
        HybridTFError: for an operator that plain C lacks; the message names it and a layer that has it.
    """
    return _Reader(file, path).network()


class _Refused(Exception):
    """Why an operator cannot be exported, and what to do."""


class _Reader:
    def __init__(self, file: TFLiteFile, path: Path) -> None:
        self._file = file
        self._path = path
        self._same: dict[int, int] = {}  # a view, and the tensor that it shows
        self._values: dict[int, Value] = {}
        self._image, self._scores = file.inputs[0], file.outputs[0]

    def network(self) -> Network:
        steps: list[Step] = []
        for operator in self._file.operators:
            layer = layer_name(self._file, operator) or operator.name
            try:
                steps += self._steps(operator, layer)
            except _Refused as error:
                raise HybridTFError(f"{self._path}: {operator.name}, of layer '{layer}', {error}") from error
        return Network(self._values, tuple(steps), self._root(self._image), self._root(self._scores))

    def _steps(self, operator: Operator, layer: str) -> list[Step]:
        if operator.name in (names.QUANTIZE, names.DEQUANTIZE) and self._is_edge(operator):
            return []
        if operator.name in names.VIEWS:
            self._view(operator)
            return []
        if operator.name not in _READERS:
            raise _Refused(
                "is not among the operators that plain C has: `hybrid-tf lint` on the model says how to do without it, "
                "and `hybrid-tf export-micro` makes a folder for TensorFlow Lite Micro"
            )
        return [_READERS[operator.name](self, operator, layer)]

    def _is_edge(self, operator: Operator) -> bool:
        """Whether it turns float32 images or scores into int8 ones, which the user of plain C gives and gets."""
        source, result = operator.inputs[0], operator.outputs[0]
        if operator.name == names.QUANTIZE and self._file.tensors[source].type == "FLOAT32":
            if source != self._image:
                raise _Refused(f"rounds a float32 map: {_FLOAT_FIX}")
            self._image = result
            self.value(result)
            return True
        if operator.name == names.DEQUANTIZE:
            if result != self._scores:
                raise _Refused(f"makes a float32 map: {_FLOAT_FIX}")
            self._scores = source
            return True
        return False

    def _view(self, operator: Operator) -> None:
        source, result = operator.inputs[0], operator.outputs[0]
        one, two = self._file.tensors[source], self._file.tensors[result]
        if (one.type, one.scales, one.zero_points) != (two.type, two.scales, two.zero_points) or one.type != "INT8":
            raise _Refused("changes more than the shape")
        self._same[result] = self._root(source)

    def _root(self, number: int) -> int:
        return self._same.get(number, number)

    def _is_constant(self, number: int) -> bool:
        return number >= 0 and len(self._file.buffers[self._file.tensors[number].buffer]) > 0

    def rounding(self, number: int) -> Rounding:
        """Returns the steps of an int8 tensor."""
        tensor = self._file.tensors[number]
        if tensor.type == "FLOAT32":
            raise _Refused(f"computes in float32: {_FLOAT_FIX}")
        if tensor.type != "INT8" or len(tensor.scales) != 1 or len(tensor.zero_points) != 1:
            raise _Refused(f"has a tensor of type {tensor.type} that is not int8 with one scale: {_FLOAT_FIX}")
        return Rounding(tensor.scales[0], tensor.zero_points[0])

    def value(self, number: int) -> int:
        """Returns the number of the int8 value in a tensor; its shape is that which the tensor has."""
        shape = self._file.tensors[number].shape
        root = self._root(number)
        if root not in self._values or len(shape) == 4:
            self._values.setdefault(root, Value(root, self.map_shape(number), self.rounding(number)))
        return root

    def map_shape(self, number: int) -> tuple[int, int, int]:
        """Returns height, width and channels of a tensor of one image."""
        shape = self._file.tensors[number].shape
        if not shape or shape[0] != 1 or len(shape) not in (2, 4) or min(shape) < 1:
            raise _Refused(f"has a tensor of shape {'x'.join(map(str, shape))}, not one image or one row")
        return (shape[1], shape[2], shape[3]) if len(shape) == 4 else (1, 1, shape[1])

    def signs(self, number: int, channels: int) -> int:
        """Returns the number of the signs in a tensor."""
        height, width, _ = self.map_shape(number)
        self._values.setdefault(number, Value(number, (height, width, channels), None))
        return number

    def given_signs(self, number: int) -> Value:
        """Returns the signs that an operator reads."""
        if number not in self._values or self._values[number].rounding is not None:
            raise _Refused("reads signs that no operator before it has made")
        return self._values[number]

    def window(self, size: tuple[int, int], options: dict[str, int], given: tuple[int, int]) -> Window:
        """Returns the window that the options describe."""
        stride = options["stride_height"], options["stride_width"]
        dilation = options.get("dilation_height_factor", 1), options.get("dilation_width_factor", 1)
        if min(*size, *stride, *dilation) < 1:
            raise _Refused("has a window or a stride below 1: copy the file again")
        extent = [(n - 1) * d + 1 for n, d in zip(size, dilation, strict=True)]
        if options["padding"] == _SAME:
            made = [-(-n // s) for n, s in zip(given, stride, strict=True)]
            missing = [max(0, (m - 1) * s + e - n) for m, s, e, n in zip(made, stride, extent, given, strict=True)]
        else:
            made = [(n - e) // s + 1 for n, e, s in zip(given, extent, stride, strict=True)]
            missing = [0, 0]
        if min(made) < 1:
            raise _Refused("has a window that is larger than its map")
        return Window(size, stride, dilation, (missing[0] // 2, missing[1] // 2), given, (made[0], made[1]))

    def constant(self, number: int, dtype: type) -> np.ndarray:
        """Returns the content of a constant input."""
        if not self._is_constant(number):
            raise _Refused("has weights that are computed")
        return self._file.constant(number, dtype)

    # One method for each operator.

    def convolution(self, operator: Operator, layer: str) -> Step:
        """CONV_2D and DEPTHWISE_CONV_2D."""
        source, filters = operator.inputs[0], operator.inputs[1]
        options, to = operator.options(), self.rounding(operator.outputs[0])
        height, width, channels = self.map_shape(source)
        of, weights = self.rounding(source), self.constant(filters, np.int8)
        depthwise = operator.name == names.DEPTHWISE_CONV_2D
        outputs = weights.shape[3] if depthwise else weights.shape[0]
        if not depthwise and weights.shape[3] != channels:
            raise _Refused("has groups: plain C has none of int8")
        scales = np.array(self._file.tensors[filters].scales, np.float32).astype(np.float64)
        if len(scales) not in (1, outputs) or any(self._file.tensors[filters].zero_points):
            raise _Refused("has weights with zero points, or with scales that are not those of its outputs")
        real = np.float64(np.float32(of.scale)) * np.broadcast_to(scales, outputs) / np.float64(np.float32(to.scale))
        return Convolution(
            layer,
            self.value(source),
            self.value(operator.outputs[0]),
            self.window((weights.shape[1], weights.shape[2]), options, (height, width)),
            channels,
            weights.reshape(-1, outputs) if depthwise else _in_lanes(weights.reshape(outputs, -1)),
            self._biases(operator, outputs),
            tuple(Multiplier.of(number) for number in real),
            *activation_range(_activation(options), to),
            depthwise,
        )

    def dense(self, operator: Operator, layer: str) -> Step:
        """FULLY_CONNECTED: a convolution of one pixel."""
        source, to = operator.inputs[0], self.rounding(operator.outputs[0])
        weights, of = self.constant(operator.inputs[1], np.int8), self.rounding(source)
        tensor, options = self._file.tensors[operator.inputs[1]], operator.options()
        if len(tensor.scales) != 1 or any(tensor.zero_points) or options.get("weights_format"):
            raise _Refused("has weights of several scales, with zero points, or shuffled")
        if math.prod(self._file.tensors[source].shape) != weights.shape[1]:
            raise _Refused("has several rows")
        product = np.float32(of.scale) * np.float32(tensor.scales[0])
        real = float(np.float64(product) / np.float64(np.float32(to.scale)))
        one = (1, 1)
        return Convolution(
            layer,
            self.value(source),
            self.value(operator.outputs[0]),
            Window(one, one, one, (0, 0), one, one),
            weights.shape[1],
            _in_lanes(weights),
            self._biases(operator, len(weights)),
            (Multiplier.of(real),) * len(weights),
            *activation_range(_activation(options), to),
        )

    def _biases(self, operator: Operator, outputs: int) -> np.ndarray:
        if len(operator.inputs) < 3 or operator.inputs[2] < 0:
            return np.zeros(outputs, np.int32)
        return self.constant(operator.inputs[2], np.int32)

    def pool(self, operator: Operator, layer: str) -> Step:
        """AVERAGE_POOL_2D and MAX_POOL_2D."""
        source, options = operator.inputs[0], operator.options()
        height, width, _ = self.map_shape(source)
        to = self.rounding(operator.outputs[0])
        if self.rounding(source) != to:
            raise _Refused("has a result in other steps than its map")
        return Pool(
            layer,
            self.value(source),
            self.value(operator.outputs[0]),
            self.window((options["filter_height"], options["filter_width"]), options, (height, width)),
            operator.name == names.AVERAGE_POOL_2D,
            *activation_range(_activation(options), to),
        )

    def mean(self, operator: Operator, layer: str) -> Step:
        """MEAN over height and width: TensorFlow Lite has two ways to it, with and without these axes in the result."""
        source, result = operator.inputs[0], operator.outputs[0]
        of, to = self.rounding(source), self.rounding(result)
        height, width, channels = self.map_shape(source)
        if len(self._file.tensors[source].shape) != 4 or sorted(self.constant(operator.inputs[1], np.int32)) != [1, 2]:
            raise _Refused("is not over height and width")
        pixels = height * width
        source, made = self.value(source), self.value(result)
        if operator.options().get("keep_dims"):
            scale, out = np.float32(of.scale), np.float32(to.scale)
            offset = float(np.float32(of.zero_point) * scale / out)
            away = int(math.copysign(math.floor(abs(offset) + 0.5), offset))
            multiplier = Multiplier.of(float(scale / (np.float32(pixels) * out)))
            return Mean(layer, source, made, multiplier, channels // _VECTOR * _VECTOR, 0, to.zero_point - away)
        real = Multiplier.of(ratio(of, to))
        shift = min(pixels.bit_length() - 1, 32, 31 + real.exponent)
        divided = Multiplier((real.bits << shift) // pixels, real.exponent - shift)
        return Mean(layer, source, made, divided, 0, of.zero_point, to.zero_point)

    def rescale(self, operator: Operator, layer: str) -> Step:
        """QUANTIZE of int8, and RELU and its like."""
        source, result = operator.inputs[0], operator.outputs[0]
        of, to = self.rounding(source), self.rounding(result)
        count = math.prod(self._file.tensors[source].shape)
        activation = _RELUS.get(operator.name, 0)
        half_up = 0 if activation else count // _VECTOR * _VECTOR
        return Rescale(
            layer,
            self.value(source),
            self.value(result),
            Multiplier.of(ratio(of, to)),
            half_up,
            *activation_range(activation, to),
        )

    def add(self, operator: Operator, layer: str) -> Step:
        """ADD of two maps, or of a map and a number for each channel."""
        result, activation = operator.outputs[0], _activation(operator.options())
        first, second = operator.inputs
        if self._is_constant(first):
            first, second = second, first
        of, other, to = (self.rounding(number) for number in (first, second, result))
        add, factors = Sum.of(of, other, to, activation), (ratio(of, to), ratio(other, to))
        shape = self.map_shape(first)
        source, made = self.value(first), self.value(result)
        if self._is_constant(second):
            shifts = self.constant(second, np.int8)
            if shifts.size != shape[2] or shifts.shape[-1] != shape[2]:
                raise _Refused("adds a constant that is not a number for each channel")
            return Layer(
                layer,
                source,
                made,
                (operator.name,),
                shift=add,
                shifts=shifts.ravel().astype(np.int64),
                shift_factor=factors[0],
            )
        if self.map_shape(second) != shape:
            raise _Refused("adds maps of different shapes")
        return Layer(layer, source, made, (operator.name,), add=add, added=self.value(second), add_factors=factors)

    def prelu(self, operator: Operator, layer: str) -> Step:
        """PRELU with a slope for each channel."""
        source, slopes = operator.inputs
        of, of_slopes, to = (self.rounding(number) for number in (source, slopes, operator.outputs[0]))
        numbers = self.constant(slopes, np.int8)
        channels = self.map_shape(source)[2]
        if numbers.shape[-1] != channels or numbers.size != channels:
            raise _Refused("has slopes that differ within a channel")
        relu = ParametricRelu.of(of, numbers.ravel(), of_slopes, to)
        factors = ratio(of, to), float(np.float32(of.scale) * np.float32(of_slopes.scale) / np.float32(to.scale))
        return Layer(
            layer,
            self.value(source),
            self.value(operator.outputs[0]),
            (operator.name,),
            prelu=relu,
            prelu_factors=factors,
        )

    def sign(self, operator: Operator, layer: str) -> Step:
        """LceQuantize."""
        source = operator.inputs[0]
        self.rounding(source)
        return Signs(layer, self.value(source), self.signs(operator.outputs[0], self.map_shape(source)[2]))

    def of_signs(self, operator: Operator, layer: str) -> Step:
        """LceDequantize."""
        to = self.rounding(operator.outputs[0])
        one = math.floor(np.float32(1) / np.float32(to.scale) + np.float32(0.5))
        source = self.given_signs(operator.inputs[0]).number
        minus, plus = max(to.zero_point - one, -128), min(to.zero_point + one, 127)
        return OfSigns(layer, source, self.value(operator.outputs[0]), minus, plus)

    def sign_pool(self, operator: Operator, layer: str) -> Step:
        """LceBMaxPool2d."""
        source, options = self.given_signs(operator.inputs[0]), operator.options()
        window = self.window((options["filter_height"], options["filter_width"]), options, source.shape[:2])
        return SignPool(layer, source.number, self.signs(operator.outputs[0], source.shape[2]), window)

    def binary_convolution(self, operator: Operator, layer: str) -> Step:
        """LceBconv2d."""
        source, filters, multiplier, bias, thresholds = operator.inputs
        options, given = operator.options(), self.given_signs(source)
        weights = self.constant(filters, np.uint32)
        if weights.shape[3] != given.pixel_words or options["channels_in"] != given.shape[2]:
            raise _Refused("has groups: plain C has none of signs")
        outputs, size = len(weights), (weights.shape[1], weights.shape[2])
        window = self.window(size, options, given.shape[:2])
        outside = max(*window.before, *window.after) > 0
        if outside and options["pad_values"] != 1:
            raise _Refused("pads with zeros: build it with pad_values=1.0")
        packed = weights.reshape(outputs, -1, given.pixel_words)
        channels, result = given.shape[2], operator.outputs[0]
        depth = size[0] * size[1] * channels
        if self._file.tensors[result].type == "INT32":
            numbers = self.constant(thresholds, np.int32)
            binary = BinaryConvolution(window, packed, channels, None, numbers)
            signs = self.signs(result, outputs)
            return Layer(layer, source, -1, (operator.name,), binary=binary, signs=signs)
        output = BinaryOutput.of(
            depth,
            self.constant(multiplier, np.float32),
            self.constant(bias, np.float32),
            options["fused_activation_function"],
            self.rounding(result),
        )
        binary = BinaryConvolution(window, packed, channels, output)
        return Layer(layer, source, self.value(result), (operator.name,), binary=binary)


_RELUS = {names.RELU: 1, names.RELU_N1_TO_1: 2, names.RELU6: 3}
_READERS: dict[str, Callable[[_Reader, Operator, str], Step]] = {
    names.CONV_2D: _Reader.convolution,
    names.DEPTHWISE_CONV_2D: _Reader.convolution,
    names.FULLY_CONNECTED: _Reader.dense,
    names.AVERAGE_POOL_2D: _Reader.pool,
    names.MAX_POOL_2D: _Reader.pool,
    names.MEAN: _Reader.mean,
    names.QUANTIZE: _Reader.rescale,
    **dict.fromkeys(_RELUS, _Reader.rescale),
    names.ADD: _Reader.add,
    names.PRELU: _Reader.prelu,
    names.BINARY_CONV_2D: _Reader.binary_convolution,
    names.BINARY_QUANTIZE: _Reader.sign,
    names.BINARY_DEQUANTIZE: _Reader.of_signs,
    names.BINARY_MAX_POOL_2D: _Reader.sign_pool,
}


def _activation(options: dict[str, int]) -> int:
    activation = options.get("fused_activation_function", 0)
    if activation not in (0, 1, 2, 3):
        raise _Refused("has an activation that TensorFlow Lite does not fuse in int8")
    return activation


def _in_lanes(weights: np.ndarray) -> np.ndarray:
    """Returns weights [outputs, depth], with zeros up to multiples of 4, as [outputs / 4, depth / 4, 4, 4]."""
    outputs, depth = weights.shape
    padded = np.pad(weights, ((0, -outputs % _LANES), (0, -depth % _LANES)))
    blocks = padded.reshape(-1, _LANES, padded.shape[1] // _LANES, _LANES)
    return np.ascontiguousarray(blocks.transpose(0, 2, 1, 3))
