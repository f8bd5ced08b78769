"""What each operator of a file is in plain C: one step."""

import math
from collections.abc import Callable

import numpy as np

from hybrid_tf.micro.plain_c.arithmetic import (
    BinaryOutput,
    Multiplier,
    ParametricRelu,
    Sum,
    activation_range,
    ratio,
)
from hybrid_tf.micro.plain_c.network import (
    BinaryConvolution,
    Convolution,
    Layer,
    Mean,
    OfSigns,
    Pool,
    Rescale,
    SignPool,
    Signs,
    Softmax,
    Step,
    Window,
)
from hybrid_tf.micro.plain_c.tensors import Refused, Tensors
from hybrid_tf.tflite import names
from hybrid_tf.tflite.flatbuffer import Operator

_VECTOR = 16  # values that TensorFlow Lite rescales together
_LANES = 4  # weights of a window, and output channels, that an int8 convolution multiplies together
_RELUS = {names.RELU: 1, names.RELU_N1_TO_1: 2, names.RELU6: 3}


def _convolution(tensors: Tensors, operator: Operator, layer: str) -> Step:
    """CONV_2D and DEPTHWISE_CONV_2D."""
    source, filters = operator.inputs[0], operator.inputs[1]
    options, to = operator.options(), tensors.rounding(operator.outputs[0])
    height, width, channels = tensors.map_shape(source)
    of, weights = tensors.rounding(source), tensors.constant(filters, np.int8)
    depthwise = operator.name == names.DEPTHWISE_CONV_2D
    outputs = weights.shape[3] if depthwise else weights.shape[0]
    if not depthwise and weights.shape[3] != channels:
        raise Refused("has groups: plain C has none of int8")
    scales = np.array(tensors.file.tensors[filters].scales, np.float32).astype(np.float64)
    if len(scales) not in (1, outputs) or any(tensors.file.tensors[filters].zero_points):
        raise Refused("has weights with zero points, or with scales that are not those of its outputs")
    if depthwise and outputs % channels:
        raise Refused("has outputs that are no multiple of its inputs")
    real = np.float64(np.float32(of.scale)) * np.broadcast_to(scales, outputs) / np.float64(np.float32(to.scale))
    multipliers = tuple(Multiplier.of(number) for number in real)
    biases, rows = _biases(tensors, operator, outputs), weights.reshape((-1, outputs) if depthwise else (outputs, -1))
    _check_sums(rows.T if depthwise else rows, biases, multipliers)
    return Convolution(
        layer,
        tensors.value(source),
        tensors.value(operator.outputs[0]),
        tensors.window((weights.shape[1], weights.shape[2]), options, (height, width)),
        channels,
        rows,
        rows if depthwise else _in_lanes(rows),
        biases,
        multipliers,
        *activation_range(_activation(options), to),
        depthwise,
    )


def _dense(tensors: Tensors, operator: Operator, layer: str) -> Step:
    """FULLY_CONNECTED: a convolution of one pixel."""
    source, to = operator.inputs[0], tensors.rounding(operator.outputs[0])
    weights, of = tensors.constant(operator.inputs[1], np.int8), tensors.rounding(source)
    tensor, options = tensors.file.tensors[operator.inputs[1]], operator.options()
    if len(tensor.scales) != 1 or any(tensor.zero_points) or options.get("weights_format"):
        raise Refused("has weights of several scales, with zero points, or shuffled")
    if math.prod(tensors.file.tensors[source].shape) != weights.shape[1]:
        raise Refused("has several rows")
    product = np.float32(of.scale) * np.float32(tensor.scales[0])
    real = float(np.float64(product) / np.float64(np.float32(to.scale)))
    one, multipliers = (1, 1), (Multiplier.of(real),) * len(weights)
    biases = _biases(tensors, operator, len(weights))
    _check_sums(weights, biases, multipliers)
    return Convolution(
        layer,
        tensors.value(source),
        tensors.value(operator.outputs[0]),
        Window(one, one, one, (0, 0), one, one),
        weights.shape[1],
        weights,
        _in_lanes(weights),
        biases,
        multipliers,
        *activation_range(_activation(options), to),
    )


def _biases(tensors: Tensors, operator: Operator, outputs: int) -> np.ndarray:
    if len(operator.inputs) < 3 or operator.inputs[2] < 0:
        return np.zeros(outputs, np.int32)
    return tensors.constant(operator.inputs[2], np.int32)


def _check_sums(weights: np.ndarray, biases: np.ndarray, multipliers: tuple[Multiplier, ...]) -> None:
    """Refuses sums of 8-bit inputs times weights [outputs, depth] that 32 bits do not hold, shifted as they will be."""
    largest = 255 * np.abs(weights.astype(np.int64)).sum(axis=1) + np.abs(biases.astype(np.int64))
    if (largest << [multiplier.left for multiplier in multipliers]).max(initial=0) >= 2**31:
        raise Refused("has sums that 32 bits do not hold")


def _pool(tensors: Tensors, operator: Operator, layer: str) -> Step:
    """AVERAGE_POOL_2D and MAX_POOL_2D."""
    source, options = operator.inputs[0], operator.options()
    height, width, _ = tensors.map_shape(source)
    to = tensors.rounding(operator.outputs[0])
    if tensors.rounding(source) != to:
        raise Refused("has a result in other steps than its map")
    return Pool(
        layer,
        tensors.map(source),
        tensors.value(operator.outputs[0]),
        tensors.window((options["filter_height"], options["filter_width"]), options, (height, width)),
        operator.name == names.AVERAGE_POOL_2D,
        *activation_range(_activation(options), to),
    )


def _mean(tensors: Tensors, operator: Operator, layer: str) -> Step:
    """MEAN over height and width: TensorFlow Lite has two ways to it, with and without these axes in the result."""
    source, result = operator.inputs[0], operator.outputs[0]
    of, to = tensors.rounding(source), tensors.rounding(result)
    height, width, channels = tensors.map_shape(source)
    if len(tensors.file.tensors[source].shape) != 4 or sorted(tensors.constant(operator.inputs[1], np.int32)) != [1, 2]:
        raise Refused("is not over height and width")
    pixels = height * width
    source, made = tensors.map(source), tensors.value(result)
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


def _rescale(tensors: Tensors, operator: Operator, layer: str) -> Step:
    """QUANTIZE of int8, and RELU and its like."""
    source, result = operator.inputs[0], operator.outputs[0]
    of, to = tensors.rounding(source), tensors.rounding(result)
    count = math.prod(tensors.file.tensors[source].shape)
    activation = _RELUS.get(operator.name, 0)
    half_up = 0 if activation else count // _VECTOR * _VECTOR
    return Rescale(
        layer,
        tensors.value(source),
        tensors.value(result),
        Multiplier.of(ratio(of, to)),
        half_up,
        *activation_range(activation, to),
    )


def _add(tensors: Tensors, operator: Operator, layer: str) -> Step:
    """ADD of two maps, or of a map and a number for each channel."""
    result, activation = operator.outputs[0], _activation(operator.options())
    first, second = operator.inputs
    if tensors.is_constant(first):
        first, second = second, first
    of, other, to = (tensors.rounding(number) for number in (first, second, result))
    add, factors = Sum.of(of, other, to, activation), (ratio(of, to), ratio(other, to))
    shape = tensors.map_shape(first)
    source, made = tensors.value(first), tensors.value(result)
    if tensors.is_constant(second):
        shifts = tensors.constant(second, np.int8)
        if shifts.size != shape[2] or shifts.shape[-1] != shape[2]:
            raise Refused("adds a constant that is not a number for each channel")
        return Layer(
            layer,
            source,
            made,
            (operator.name,),
            shift=add,
            shifts=shifts.ravel().astype(np.int64),
            shift_factor=factors[0],
        )
    if tensors.map_shape(second) != shape:
        raise Refused("adds maps of different shapes")
    return Layer(layer, source, made, (operator.name,), add=add, added=tensors.value(second), add_factors=factors)


def _prelu(tensors: Tensors, operator: Operator, layer: str) -> Step:
    """PRELU with a slope for each channel."""
    source, slopes = operator.inputs
    of, of_slopes, to = (tensors.rounding(number) for number in (source, slopes, operator.outputs[0]))
    numbers = tensors.constant(slopes, np.int8)
    channels = tensors.map_shape(source)[2]
    if numbers.shape[-1] != channels or numbers.size != channels:
        raise Refused("has slopes that differ within a channel")
    relu = ParametricRelu.of(of, numbers.ravel(), of_slopes, to)
    factors = ratio(of, to), float(np.float32(of.scale) * np.float32(of_slopes.scale) / np.float32(to.scale))
    return Layer(
        layer,
        tensors.value(source),
        tensors.value(operator.outputs[0]),
        (operator.name,),
        prelu=relu,
        prelu_factors=factors,
    )


def _softmax(tensors: Tensors, operator: Operator, layer: str) -> Step:
    """SOFTMAX: TensorFlow Lite computes that of int8 in float32, with a table of exponentials."""
    source, result = operator.inputs[0], operator.outputs[0]
    of, to = tensors.rounding(source), tensors.rounding(result)
    if to.zero_point != -128 or np.float32(to.scale) != np.float32(1 / 256):
        raise Refused("has a result that is not in steps of 1/256 from -128 on")
    step = -np.float32(of.scale) * np.float32(operator.options()["beta"])
    exponentials = np.exp((step * np.arange(256, dtype=np.float32)).astype(np.float64)).astype(np.float32)
    made = tensors.value(result)
    return Softmax(layer, tensors.map(source), made, exponentials, np.float32(to.scale))


def _sign(tensors: Tensors, operator: Operator, layer: str) -> Step:
    """LceQuantize."""
    source = operator.inputs[0]
    tensors.rounding(source)
    return Signs(layer, tensors.value(source), tensors.signs(operator.outputs[0], tensors.map_shape(source)[2]))


def _of_signs(tensors: Tensors, operator: Operator, layer: str) -> Step:
    """LceDequantize."""
    to = tensors.rounding(operator.outputs[0])
    one = math.floor(np.float32(1) / np.float32(to.scale) + np.float32(0.5))
    source = tensors.given_signs(operator.inputs[0]).number
    minus, plus = max(to.zero_point - one, -128), min(to.zero_point + one, 127)
    return OfSigns(layer, source, tensors.value(operator.outputs[0]), minus, plus)


def _sign_pool(tensors: Tensors, operator: Operator, layer: str) -> Step:
    """LceBMaxPool2d."""
    source, options = tensors.given_signs(operator.inputs[0]), operator.options()
    window = tensors.window((options["filter_height"], options["filter_width"]), options, source.shape[:2])
    return SignPool(layer, source.number, tensors.signs(operator.outputs[0], source.shape[2]), window)


def _binary_convolution(tensors: Tensors, operator: Operator, layer: str) -> Step:
    """LceBconv2d."""
    source, filters, multiplier, bias, thresholds = operator.inputs
    options, given = operator.options(), tensors.given_signs(source)
    weights = tensors.constant(filters, np.uint32)
    if weights.shape[3] != given.pixel_words or options["channels_in"] != given.shape[2]:
        raise Refused("has groups: plain C has none of signs")
    outputs, size = len(weights), (weights.shape[1], weights.shape[2])
    window = tensors.window(size, options, given.shape[:2])
    outside = max(*window.before, *window.after) > 0
    if outside and options["pad_values"] != 1:
        raise Refused("pads with zeros: build it with pad_values=1.0")
    packed = weights.reshape(outputs, -1, given.pixel_words)
    channels, result = given.shape[2], operator.outputs[0]
    depth = size[0] * size[1] * channels
    if depth >= 2**16:
        raise Refused("has windows of more than 65,535 signs")
    if tensors.file.tensors[result].type == "INT32":
        numbers = tensors.constant(thresholds, np.int32)
        binary = BinaryConvolution(window, packed, channels, None, numbers)
        signs = tensors.signs(result, outputs)
        return Layer(layer, source, -1, (operator.name,), binary=binary, signs=signs)
    output = BinaryOutput.of(
        depth,
        tensors.constant(multiplier, np.float32),
        tensors.constant(bias, np.float32),
        options["fused_activation_function"],
        tensors.rounding(result),
    )
    binary = BinaryConvolution(window, packed, channels, output)
    return Layer(layer, source, tensors.value(result), (operator.name,), binary=binary)


def _activation(options: dict[str, int]) -> int:
    activation = options.get("fused_activation_function", 0)
    if activation not in (0, 1, 2, 3):
        raise Refused("has an activation that TensorFlow Lite does not fuse in int8")
    return activation


def _in_lanes(weights: np.ndarray) -> np.ndarray:
    """Returns weights [outputs, depth] as the kernel reads them, [outputs, depth], with zeros up to multiples of 4.

    Those of 4 outputs lie together: 8 weights of each, 8 more of each, and in the end 4 of each where 4 are left.
    """
    outputs, depth = weights.shape
    padded = np.pad(weights, ((0, -outputs % _LANES), (0, -depth % _LANES)))
    blocks = padded.reshape(-1, _LANES, padded.shape[1])
    parts = [blocks[..., start : start + 8].reshape(len(blocks), -1) for start in range(0, padded.shape[1], 8)]
    return np.concatenate(parts, axis=1).reshape(padded.shape)


STEPS: dict[str, Callable[[Tensors, Operator, str], Step]] = {
    names.CONV_2D: _convolution,
    names.DEPTHWISE_CONV_2D: _convolution,
    names.FULLY_CONNECTED: _dense,
    names.AVERAGE_POOL_2D: _pool,
    names.MAX_POOL_2D: _pool,
    names.MEAN: _mean,
    names.QUANTIZE: _rescale,
    **dict.fromkeys(_RELUS, _rescale),
    names.ADD: _add,
    names.PRELU: _prelu,
    names.SOFTMAX: _softmax,
    names.BINARY_CONV_2D: _binary_convolution,
    names.BINARY_QUANTIZE: _sign,
    names.BINARY_DEQUANTIZE: _of_signs,
    names.BINARY_MAX_POOL_2D: _sign_pool,
}
