"""Generated configurations of int8: single full-precision operators, and the chains that fusion looks for."""

import numpy as np

from tests.support.int8_reference import Quantization
from tests.support.lce_reference import NONE, RELU, RELU6, RELU_N1_TO_1, SAME, VALID

_CHANNELS = (1, 3, 5, 8, 16, 17, 31, 32, 33, 48, 64, 65, 70, 100, 130)
_ACTIVATIONS = (NONE, NONE, RELU, RELU_N1_TO_1, RELU6)


def random_quantization(case, scale=None):
    """Around `scale`; some of powers of two, where halves have to be rounded."""
    scale = 2.0 ** case.rng.uniform(-6, 0) if scale is None else scale * 2.0 ** case.rng.uniform(-1.5, 1.5)
    scale = 2.0 ** np.rint(np.log2(scale)) if case.chance(0.3) else scale
    extreme = case.chance(0.15)
    return Quantization(
        float(np.float32(scale)), int(case.choose(-128, 127) if extreme else case.rng.integers(-60, 61))
    )


def _activation(case):
    return int(case.choose(*_ACTIVATIONS))


def int8_input(case, shape, quantization=None):
    quantization = quantization or random_quantization(case)
    return case.graph.input(case.images.integers(-128, 128, shape).astype(np.int8), None, *quantization)


def _padding(case, x, kernel, dilation=(1, 1)):
    fits = all((k - 1) * d < s for k, d, s in zip(kernel, dilation, x.array.shape[1:3], strict=True))
    return case.choose(SAME, SAME, VALID) if fits else SAME


def _weights(case, outputs, *shape, narrow=True):
    """int8 weights [outputs, *shape], a scale for each output, a bias, and how large a sum of their products gets."""
    weights = case.rng.integers(-127 if narrow else -128, 128, (outputs, *shape)).astype(np.int8)
    scales = np.float32(2.0 ** case.rng.uniform(-9, -6) * case.rng.uniform(0.3, 1.7, outputs))
    size = 74 * 74 * np.prod(shape) ** 0.5
    return weights, scales, case.rng.normal(scale=size, size=outputs).astype(np.int32), size


def convolution(case, x, outputs=None, kernel=None, stride=None, padding=None, activation=None):
    """Adds a CONV_2D of int8 with random options."""
    outputs = outputs or int(case.choose(*_CHANNELS))
    kernel = kernel or case.choose((1, 1), (1, 1), (3, 3), (3, 3), (5, 5), (2, 3), (4, 1))
    stride = stride or case.choose((1, 1), (1, 1), (2, 2), (3, 1))
    dilation = case.choose((1, 1), (1, 1), (1, 1), (2, 1), (1, 2)) if stride == (1, 1) else (1, 1)
    padding = _padding(case, x, kernel, dilation) if padding is None else padding
    activation = _activation(case) if activation is None else activation
    case.note(conv=kernel, outputs=outputs, stride=stride, dilation=dilation, padding=padding, activation=activation)
    weights, scales, bias, size = _weights(case, outputs, *kernel, x.channels, narrow=case.chance(0.8))
    if case.chance(0.2):
        scales = scales[:1]
    to = random_quantization(case, x.scale * scales.mean() * size / 40)
    return case.graph.int8_convolution(x, weights, scales, bias, to, stride, dilation, padding, activation)


def dense(case, x):
    """Adds a FULLY_CONNECTED of int8."""
    outputs, activation = int(case.choose(1, 5, 10, 33, 100)), int(case.choose(NONE, RELU))
    weights, scales, bias, size = _weights(case, outputs, x.array[0].size)
    bias = bias if case.chance(0.8) else None
    case.note(dense=outputs, activation=activation, bias=bias is not None)
    to = random_quantization(case, x.scale * scales[0] * size / 40)
    return case.graph.int8_fully_connected(x, weights, float(scales[0]), bias, to, activation)


def pool(case, x, kind, kernel=None, stride=None):
    """Adds a pool of int8."""
    kernel = kernel or tuple(int(k) for k in case.rng.integers(1, 5, 2))
    stride = stride or tuple(int(s) for s in case.rng.integers(1, 4, 2))
    padding, activation = _padding(case, x, kernel), _activation(case)
    case.note(pool=kind, kernel=kernel, stride=stride, padding=padding, activation=activation)
    return case.graph.pool(x, kind, kernel, stride, padding, activation)


def depthwise(case, x):
    """Adds a DEPTHWISE_CONV_2D of int8."""
    kernel = case.choose((3, 3), (3, 3), (1, 1), (5, 5), (2, 3), (4, 1))
    stride = case.choose((1, 1), (1, 1), (2, 2), (3, 1))
    dilation = case.choose((1, 1), (1, 1), (1, 1), (2, 1), (1, 2)) if stride == (1, 1) else (1, 1)
    padding, activation = _padding(case, x, kernel, dilation), _activation(case)
    case.note(depthwise=kernel, stride=stride, dilation=dilation, padding=padding, activation=activation)
    weights, scales, bias, size = _weights(case, x.channels, *kernel, narrow=case.chance(0.8))
    if case.chance(0.3):  # halves have to be rounded
        scales = np.float32(2.0 ** np.rint(np.log2(scales)))
    to = random_quantization(case, x.scale * scales.mean() * size / 40)
    filters = np.moveaxis(weights, 0, -1)
    return case.graph.int8_depthwise(x, filters, scales, bias, to, stride, dilation, padding, activation)


def _pair(case, x, constant):
    """A second operand for `x`: a map, one pixel for each image, or a constant for each channel."""
    batch, _, _, channels = x.array.shape
    if constant and case.chance(0.4):
        values = case.rng.integers(-128, 128, channels).astype(np.int8).reshape(case.choose((-1,), (1, 1, 1, -1)))
        return case.graph.constant(values, *random_quantization(case))
    shape = case.choose(x.array.shape, (batch, 1, 1, channels))
    return int8_input(case, shape)


def multiply(case, x):
    """Adds a MUL of int8, of operands in either order."""
    other, activation = _pair(case, x, True), _activation(case)
    case.note(multiply=other.array.shape, activation=activation)
    a, b = (x, other) if case.chance(0.5) else (other, x)
    return case.graph.int8_multiply(a, b, random_quantization(case, 60 * x.scale * other.scale), activation)


def add_pixel(case, x):
    """Adds an ADD of int8 of a map and one pixel for each image, or of two maps."""
    return add(case, x, _pair(case, x, False))


def concatenate(case, x):
    """Adds a CONCATENATION of int8, of two to four maps."""
    *size, _ = x.array.shape
    count = int(case.choose(1, 1, 2, 3))
    others = [int8_input(case, (*size, int(case.choose(*_CHANNELS))), x.quantization) for _ in range(count)]
    case.note(concatenate=[other.channels for other in others])
    return case.graph.concatenate([x, *others], int(case.choose(-1, 3)))


def split(case, x):
    """Adds a SPLIT of int8; all parts but the first are outputs."""
    parts = int(case.choose(*(count for count in (1, 2, 3, 4, 5, 8) if x.channels % count == 0)))
    case.note(split=parts)
    first, *others = case.graph.split(x, parts, int(case.choose(-1, 3)))
    for other in others:
        case.output(other)
    return first


def add(case, a, b):
    """Adds an ADD of int8, of operands in either order."""
    activation = _activation(case)
    case.note(add=activation)
    a, b = (a, b) if case.chance(0.5) else (b, a)
    return case.graph.int8_add(a, b, random_quantization(case, max(a.scale, b.scale)), activation)


def prelu(case, x):
    """Adds a PRELU of int8."""
    case.note(then="prelu")
    slopes, of_slopes = case.rng.integers(-127, 128, x.channels).astype(np.int8), Quantization(0.007, 0)
    if case.chance(0.3):
        of_slopes = random_quantization(case, 0.01)
    return case.graph.int8_prelu(x, slopes, of_slopes, random_quantization(case, x.scale))


def shift(case, x):
    """Adds an ADD of int8, of a map and a constant for each channel, in either order."""
    shapes = ((-1,), (1, 1, 1, -1)) if x.array.ndim == 4 else ((1, -1),)  # a sum of two maps, if not of 4 dimensions
    activation, shape = _activation(case), case.choose(*shapes)
    case.note(shift=shape, activation=activation)
    values = case.rng.integers(-127, 128, x.channels).astype(np.int8).reshape(shape)
    constant = case.graph.constant(values, *random_quantization(case, x.scale / 2))
    a, b = (x, constant) if case.chance(0.7) else (constant, x)
    return case.graph.int8_add(a, b, random_quantization(case, x.scale), activation)


def operator(case):
    """One operator, and the signs of its result: the runtime leaves networks without a binary operator alone."""
    kinds = ("conv", "conv", "conv", "dense", "add", "add", "average", "max", "mean", "requantize", "relu", "prelu")
    single = {f.__name__: f for f in (depthwise, multiply, add_pixel, concatenate, split)}
    kind = case.choose(*kinds, "shift", "logistic", "depthwise", *single)
    case.note(of=kind)
    x = int8_input(case, case.shape(9, int(case.choose(*_CHANNELS))))
    if kind == "conv":
        x = convolution(case, x)
    elif kind == "dense":
        x = dense(case, x)
    elif kind == "add":
        x = add(case, x, x if case.chance(0.1) else int8_input(case, x.array.shape))
    elif kind in ("average", "max"):
        x = pool(case, x, kind)
    elif kind in ("prelu", "shift"):
        x = {"prelu": prelu, "shift": shift}[kind](case, x)
    elif kind in single:
        x = single[kind](case, x)
    elif kind == "logistic":
        x = case.graph.logistic(x)
    elif kind == "mean":
        to = random_quantization(case, x.scale / 4) if case.chance(0.7) else x.quantization
        x = case.graph.int8_mean(x, to, case.chance(0.5))
    elif kind == "requantize":
        x = case.graph.int8_quantize(x, random_quantization(case, x.scale))
    else:
        x = case.graph.int8_relu(x, int(case.choose(RELU, RELU_N1_TO_1, RELU6)), random_quantization(case, x.scale))
    case.output(x)
    case.output(case.graph.quantize(x))


def conversion(case):
    """float32 to int8, and back; many halves."""
    shape, to = case.shape(5), random_quantization(case)
    values = np.float32(case.images.integers(-300, 300, shape) / 2 * to.scale)
    noise = np.float32(case.images.normal(size=shape) * to.scale * 60)
    x = case.graph.int8_quantize(case.graph.input(np.where(case.images.random(shape) < 0.5, values, noise)), to)
    case.output(x)
    case.output(case.graph.quantize(x))
    case.output(case.graph.int8_dequantize(x))


def network(case):
    """A small network: quantize, convolution, binary residual blocks, mean or pool, dense, dequantize."""
    if case.chance(0.5):
        shape = case.shape(8, int(case.choose(1, 3, 4, 8)))
        values = np.float32(case.images.normal(size=shape))
        x = case.graph.int8_quantize(case.graph.input(values), Quantization(0.03125, int(case.rng.integers(-9, 9))))
    else:
        x = int8_input(case, case.shape(8, int(case.choose(1, 3, 4, 8))))
    x = convolution(case, x)
    if case.chance(0.3):
        case.output(x)
    for _ in range(case.choose(1, 2, 3)):
        x = block(case, x)
        if case.chance(0.3):
            case.output(x)
    end = case.choose("signs", "mean", "average", "max", "dense")
    case.note(end=end)
    if end == "signs":
        return case.output(case.graph.quantize(x))
    if end == "mean":
        x = case.graph.int8_mean(x, random_quantization(case, x.scale / 2), case.chance(0.5))
    elif end in ("average", "max"):
        x = pool(case, x, end)
    if case.chance(0.5):  # a dense layer may be a convolution of one pixel
        batch = x.array.shape[0]
        shapes = [(-1, 1, 1, x.array[0].size)]
        if not case.is_resized:
            shapes += [(batch, 1, 1, -1), (batch, 1, 1, x.array[0].size)]
        x = case.graph.reshape(x, case.choose(*shapes))
        case.output(convolution(case, x, kernel=(1, 1), stride=(1, 1)))
    x = dense(case, x)
    case.output(x)
    if x.array.shape[0] == 1 and not case.is_resized and case.chance(0.3):
        x = shift(case, x)
    return case.output(case.graph.int8_dequantize(x))


def block(case, x):
    """A binary convolution and what is added to it; at times a pool, or a full-precision block."""
    outputs = case.choose(x.channels, x.channels, int(case.choose(*_CHANNELS)))
    same = outputs == x.channels and case.chance(0.7)
    stride = (1, 1) if same else case.choose((1, 1), (2, 2))
    signs = case.graph.quantize(x)
    if case.chance(0.2):
        case.output(signs)
    if case.chance(0.2):
        y = convolution(case, x, outputs, (3, 3), stride, SAME)
    else:
        y = case.bconv(signs, outputs, "int8", padding=SAME, stride=stride, largest=5)
    if case.chance(0.2):
        case.output(y)
    if same and case.chance(0.3):
        case.note(both="pooled")
        y = case.graph.pool(y, "max", (2, 2), (2, 2), SAME)
        x = case.graph.pool(x, "average", (2, 2), (2, 2), SAME)
    elif not same:
        pooled = x
        if stride == (2, 2) and case.chance(0.7):
            case.note(shortcut="pooled")
            pooled = case.graph.pool(x, "average", (2, 2), (2, 2), SAME)
        shortcut_stride = stride if pooled is x else (1, 1)
        x = convolution(case, pooled, outputs, (1, 1), shortcut_stride, SAME, int(case.choose(NONE, RELU)))
    x = add(case, x, y)
    if case.chance(0.4):
        x = prelu(case, x)
        if case.chance(0.2):
            case.output(x)
    if case.chance(0.4):
        x = shift(case, x)
    return pool(case, x, "max", (2, 2), (2, 2)) if case.chance(0.2) else x
