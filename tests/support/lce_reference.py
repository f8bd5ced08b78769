"""What the operators of an LCE file compute, in numpy: slow, and simple enough to be seen to be right.

Signs are arrays of +1 and -1; packed words are int32 with channel c in bit c % 32 of word c // 32, and a set bit is -1.
Every map is channels-last: [batch, height, width, channels].
"""

import numpy as np

SAME, VALID = 0, 1
NONE, RELU, RELU_N1_TO_1, RELU6 = 0, 1, 2, 3
_INT32 = np.iinfo(np.int32)
ACTIVATION_RANGES = {NONE: (-np.inf, np.inf), RELU: (0, np.inf), RELU_N1_TO_1: (-1, 1), RELU6: (0, 6)}


def words(channels):
    """How many words hold the signs of `channels` channels."""
    return -(-channels // 32)


def pack(negative):
    """Returns the words [..., ceil(C / 32)] of booleans [..., C]: where true, the sign is -1."""
    channels = negative.shape[-1]
    padding = [(0, 0)] * (negative.ndim - 1) + [(0, words(channels) * 32 - channels)]
    return np.packbits(np.pad(negative, padding), axis=-1, bitorder="little").view("<i4")


def unpack(packed, channels):
    """Returns the signs, int8 [..., channels], of words [..., ceil(channels / 32)]."""
    bits = np.unpackbits(np.ascontiguousarray(packed).view(np.uint8), axis=-1, bitorder="little")
    return 1 - 2 * bits[..., :channels].astype(np.int8)


def quantize(values, zero_point=0):
    """LceQuantize of float32, int8 or bool of any rank: the sign of zero is +1, that of false is -1."""
    return pack(~values if values.dtype == bool else values < zero_point)


def dequantize(packed, channels, dtype, scale=1.0, zero_point=0):
    """LceDequantize to float32, bool or int8 of `scale` and `zero_point`."""
    positive = unpack(packed, channels) > 0
    if dtype is bool:
        return positive
    if dtype == np.float32:
        return np.where(positive, np.float32(1), np.float32(-1))
    one = int(np.floor(np.float32(1) / np.float32(scale) + np.float32(0.5)))  # positive, so: half away from zero
    return np.where(positive, min(zero_point + one, 127), max(zero_point - one, -128)).astype(np.int8)


def output_size(size, kernel, stride, dilation, padding):
    """Returns the size of the output of a window along one axis, and how much padding comes before its input."""
    extent = (kernel - 1) * dilation + 1
    if padding == VALID:
        return (size - extent) // stride + 1, 0
    out = -(-size // stride)
    return out, max(0, (out - 1) * stride + extent - size) // 2


def taps(values, kernel, stride, dilation, padding, outside):
    """Yields, for each tap of a window in order, the input [N, out height, out width, C] that it reads.

    kernel, stride, dilation: (height, width). Taps outside the image read the number `outside`.
    """
    axes = [output_size(values.shape[1 + a], kernel[a], stride[a], dilation[a], padding) for a in (0, 1)]
    widths = [(0, 0)]
    for axis, (out, before) in enumerate(axes):
        reach = (out - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1
        widths.append((before, max(0, reach - before - values.shape[1 + axis])))
    padded = np.pad(values, [*widths, (0, 0)], constant_values=outside)
    for row in range(kernel[0]):
        for column in range(kernel[1]):
            start = (row * dilation[0], column * dilation[1])
            stop = [start[a] + (axes[a][0] - 1) * stride[a] + 1 for a in (0, 1)]
            yield padded[:, start[0] : stop[0] : stride[0], start[1] : stop[1] : stride[1]]


def binary_convolution(signs, filters, groups, stride, dilation, padding, pad_values):
    """Returns the sums, int32 [N, out height, out width, O], of signs [N, H, W, I] times filters [O, h, w, I / groups].

    Taps outside the image are +1 when `pad_values` is 1, and 0 when it is 0.
    """
    outputs, *kernel, depth = filters.shape
    split = outputs // groups
    filters = filters.astype(np.float32).reshape(outputs, -1, depth)
    windows = taps(signs.astype(np.float32), kernel, stride, dilation, padding, pad_values)
    total = 0
    for tap, window in enumerate(windows):
        parts = [
            window[..., g * depth : (g + 1) * depth] @ filters[g * split : (g + 1) * split, tap].T
            for g in range(groups)
        ]
        total = total + np.concatenate(parts, axis=-1)  # sums of signs are exact in float32
    return total.astype(np.int32)


def transformed(sums, depth, multiplier, bias, activation, scale=1.0, zero_point=0):
    """Returns the float32 output of LceBconv2d for sums of `depth` signs, rounded where and as LCE rounds.

    The activation acts on the integer sums. LCE works on `depth - sum`, with constants made in double precision.
    """
    low, high = ACTIVATION_RANGES[activation]
    multiplier, bias = multiplier.astype(np.float64), bias.astype(np.float64)
    by = (-multiplier / np.float64(np.float32(scale))).astype(np.float32)
    plus = ((bias + depth * multiplier) / np.float64(np.float32(scale)) + zero_point).astype(np.float32)
    counts = (depth - np.clip(sums, max(low, -depth), min(high, depth))).astype(np.float32)
    return counts * by + plus


def to_int8(values):
    """Returns float32 values rounded half away from zero and saturated."""
    rounded = np.where(values < 0, np.ceil(values - np.float32(0.5)), np.floor(values + np.float32(0.5)))
    # x + 0.5 is not exact for the float just below one half.
    rounded = np.where(np.abs(values) < 0.5, 0, rounded)
    return np.clip(rounded, -128, 127).astype(np.int8)


def thresholded(sums, depth, thresholds):
    """Returns the packed output of LceBconv2d: -1 where more than `threshold` of `depth` products are -1."""
    return pack((depth - sums) // 2 > thresholds)


def binary_max_pool(packed, kernel, stride, padding):
    """LceBMaxPool2d: +1 where any sign of the window is +1."""
    return np.bitwise_and.reduce([*taps(packed, kernel, stride, (1, 1), padding, -1)])


def activated(values, activation):
    """Returns float32 values after a fused activation."""
    return np.clip(values, *np.float32(ACTIVATION_RANGES[activation])).astype(np.float32)


def convolution(values, filters, bias, stride, dilation, padding):
    """CONV_2D without its activation; filters [O, h, w, I]. In double precision, rounded at the end."""
    outputs, *kernel, depth = filters.shape
    filters = filters.astype(np.float64).reshape(outputs, -1, depth)
    windows = taps(values.astype(np.float64), kernel, stride, dilation, padding, 0.0)
    return (sum(window @ filters[:, tap].T for tap, window in enumerate(windows)) + bias).astype(np.float32)


def depthwise_convolution(values, filters, bias, stride, dilation, padding):
    """DEPTHWISE_CONV_2D without its activation; filters [h, w, C]. In double precision, rounded at the end."""
    *kernel, channels = filters.shape
    windows = taps(values.astype(np.float64), kernel, stride, dilation, padding, 0.0)
    weights = filters.astype(np.float64).reshape(-1, channels)
    return (sum(window * weight for window, weight in zip(windows, weights, strict=True)) + bias).astype(np.float32)


def logistic(values):
    """LOGISTIC of float32."""
    return (1 / (1 + np.exp(-values.astype(np.float64)))).astype(np.float32)


def average_pool(values, kernel, stride, padding):
    """AVERAGE_POOL_2D without its activation: over the pixels inside the image."""
    total = sum(taps(values.astype(np.float64), kernel, stride, (1, 1), padding, 0.0))
    count = sum(taps(np.ones_like(values, np.float64), kernel, stride, (1, 1), padding, 0.0))
    return (total / count).astype(np.float32)


def max_pool(values, kernel, stride, padding):
    """MAX_POOL_2D without its activation."""
    return np.maximum.reduce([*taps(values, kernel, stride, (1, 1), padding, -np.inf)])
