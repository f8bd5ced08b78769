"""What TensorFlow Lite's own int8 kernels compute, in numpy: integers that are rounded where and as they round.

A map is int8 with a scale and a zero point, a `Quantization`; its real numbers are scale * (value - zero point).
LCE's interpreter on x86-64 is the measure. Some of its loops treat the values of whole vectors, 8 or 16 of them, a
little otherwise than those that are left.
"""

from typing import NamedTuple

import numpy as np

from tests.support.lce_reference import ACTIVATION_RANGES, taps


class Quantization(NamedTuple):
    """Of an int8 map."""

    scale: float
    zero_point: int


def fixed_point(real):
    """Returns a positive real multiplier as 31 bits and an exponent: real = bits / 2^31 * 2^exponent, rounded."""
    fraction, exponent = np.frexp(np.float64(real))
    bits = np.floor(fraction * 2.0**31 + 0.5).astype(np.int64)
    exponent = np.where(bits == 2**31, exponent + 1, exponent)
    bits = np.where(bits == 2**31, 2**30, bits)
    return np.where(exponent < -31, 0, bits), np.where(exponent < -31, 0, exponent)


def multiplied(values, real, half_up=False):
    """Returns int32 values times a real multiplier, rounded twice: the high half of a product, then its shift.

    half_up: whether, at the shift, halves are rounded up, as convolutions do; else away from zero.
    """
    bits, exponent = fixed_point(real)
    return _multiplied(values, bits, exponent, half_up)


def _multiplied(values, bits, exponent, half_up=False):
    high = (values.astype(np.int64) * 2 ** np.maximum(exponent, 0) * bits + 2**30) >> 31
    shift = np.maximum(-exponent, 0)
    half = np.where(shift > 0, 2 ** np.maximum(shift - 1, 0), 0)
    return np.where((high < 0) & (not half_up), -((-high + half) >> shift), (high + half) >> shift)


def in_vectors(count, size):
    """Returns which of `count` values are part of whole vectors."""
    return np.arange(count) < count // size * size


def activation_limits(activation, to):
    """Returns the least and the largest int8 of an activation's range."""
    scale = np.float32(to.scale)
    low, high = (
        to.zero_point + np.trunc(limit / scale + np.copysign(np.float32(0.5), limit)) if np.isfinite(limit) else limit
        for limit in np.float32(ACTIVATION_RANGES[activation])
    )
    return max(low, -128), min(high, 127)


def finished(values, activation, to):
    """Returns values, already in steps of `to`, as int8 within an activation's range."""
    low, high = activation_limits(activation, to)
    return np.maximum(low, np.minimum(high, values + to.zero_point)).astype(np.int8)


def quantize(values, to):
    """QUANTIZE of float32."""
    scale = np.float32(to.scale)
    rounded = np.rint(values * (np.float32(1) / scale))
    exact = values.astype(np.float64) / np.float64(scale)
    rest = np.trunc(exact + np.copysign(0.5, exact))
    whole = in_vectors(values.size, 8).reshape(values.shape)
    return np.clip(np.where(whole, rounded, rest) + to.zero_point, -128, 127).astype(np.int8)


def dequantize(values, of):
    """DEQUANTIZE to float32."""
    scale, zero_point = np.float32(of.scale), np.float32(of.zero_point)
    values = values.astype(np.float32)
    whole = in_vectors(values.size, 8).reshape(values.shape)
    return np.where(whole, values * scale + -zero_point * scale, (values - zero_point) * scale)


def _ratio(of, to):
    return np.float64(np.float32(of.scale)) / np.float64(np.float32(to.scale))


def requantize(values, of, to):
    """QUANTIZE of int8."""
    values, whole = values.astype(np.int64) - of.zero_point, in_vectors(values.size, 16).reshape(values.shape)
    up, away = (multiplied(values, _ratio(of, to), half_up) for half_up in (True, False))
    return finished(np.where(whole, up, away), 0, to)


def clamp(values, of, to, activation):
    """RELU and its like."""
    return finished(multiplied(values.astype(np.int64) - of.zero_point, _ratio(of, to)), activation, to)


def convolution(values, of, filters, scales, bias, to, stride, dilation, padding, activation):
    """CONV_2D. filters: int8 [O, h, w, I] of `scales` [O]; bias: int32 [O]."""
    outputs, *kernel, depth = filters.shape
    filters = filters.astype(np.int64).reshape(outputs, -1, depth)
    windows = taps(values.astype(np.int64) - of.zero_point, kernel, stride, dilation, padding, 0)
    sums = sum(window @ filters[:, tap].T for tap, window in enumerate(windows)) + bias
    real = np.float64(np.float32(of.scale)) * np.float64(np.float32(scales)) / np.float64(np.float32(to.scale))
    return finished(multiplied(sums, real, half_up=True), activation, to)


def depthwise_convolution(values, of, filters, scales, bias, to, stride, dilation, padding, activation):
    """DEPTHWISE_CONV_2D. filters: int8 [h, w, C] of `scales` [C]; bias: int32 [C]."""
    *kernel, channels = filters.shape
    windows = taps(values.astype(np.int64) - of.zero_point, kernel, stride, dilation, padding, 0)
    weights = filters.astype(np.int64).reshape(-1, channels)
    sums = sum(window * weight for window, weight in zip(windows, weights, strict=True)) + bias
    real = np.float64(np.float32(of.scale)) * np.float64(np.float32(scales)) / np.float64(np.float32(to.scale))
    up, away = (multiplied(sums, real, half_up) for half_up in (True, False))
    return finished(np.where(in_vectors(channels, 8), up, away), activation, to)


def multiply(a, of_a, b, of_b, to, activation):
    """MUL. The ratio of the scales is made in single precision."""
    products = (a.astype(np.int64) - of_a.zero_point) * (b.astype(np.int64) - of_b.zero_point)
    real = np.float32(of_a.scale) * np.float32(of_b.scale) / np.float32(to.scale)
    return finished(multiplied(products, real), activation, to)


LOGISTIC = Quantization(1 / 256, -128)  # of the result of LOGISTIC


def logistic(values, of):
    """LOGISTIC, of single precision."""
    real = np.float32(of.scale) * (values.astype(np.int32) - of.zero_point).astype(np.float32)
    with np.errstate(over="ignore"):
        result = (np.float32(1) / (np.float32(1) + np.exp(-real))) * np.float32(256)
    return finished(np.floor(result + np.float32(0.5)).astype(np.int64), 0, LOGISTIC)


SOFTMAX = LOGISTIC


def softmax(values, of, beta=1):
    """SOFTMAX over the last axis, of single precision: exponentials from a table, summed one after the other."""
    step = np.float32(of.scale) * np.float32(beta)
    table = np.exp(-(step * np.arange(256, dtype=np.float32)).astype(np.float64)).astype(np.float32)
    numbers = values.astype(np.int64)
    found = table[numbers.max(axis=-1, keepdims=True) - numbers]
    sums = np.cumsum(found, axis=-1, dtype=np.float32)[..., -1:]
    result = found * (np.float32(1) / (sums * np.float32(SOFTMAX.scale)))
    return finished(np.floor(result + np.float32(0.5)).astype(np.int64), 0, SOFTMAX)


def fully_connected(values, of, weights, scale, bias, to, activation):
    """FULLY_CONNECTED. weights: int8 [O, I] of one scale."""
    rows = values.reshape(-1, weights.shape[1]).astype(np.int64) - of.zero_point
    sums = rows @ weights.T.astype(np.int64) + (0 if bias is None else bias)
    real = np.float64(np.float32(of.scale) * np.float32(scale)) / np.float64(np.float32(to.scale))
    return finished(multiplied(sums, real, half_up=True), activation, to)


def add(a, of_a, b, of_b, to, activation):
    """ADD: both operands in common steps, with 20 bits more."""
    one, two, three = (np.float64(np.float32(q.scale)) for q in (of_a, of_b, to))
    common = 2 * max(one, two)
    sums = multiplied((a.astype(np.int64) - of_a.zero_point) << 20, one / common)
    sums = sums + multiplied((b.astype(np.int64) - of_b.zero_point) << 20, two / common)
    return finished(multiplied(sums, common / (2**20 * three)), activation, to)


def prelu(values, of, slopes, of_slopes, to):
    """PRELU. slopes: int8 [C]."""
    scale, slope_scale, out_scale = (np.float32(q.scale) for q in (of, of_slopes, to))
    values = values.astype(np.int64) - of.zero_point
    products = values * (slopes.astype(np.int64) - of_slopes.zero_point)
    positive, negative = multiplied(values, scale / out_scale), multiplied(products, scale * slope_scale / out_scale)
    return finished(np.where(values >= 0, positive, negative), 0, to)


def average_pool(values, of, kernel, stride, padding, activation):
    """AVERAGE_POOL_2D over the pixels inside the image: rounded half away from zero."""
    total = sum(taps(values.astype(np.int64), kernel, stride, (1, 1), padding, 0))
    count = sum(taps(np.ones_like(values, np.int64), kernel, stride, (1, 1), padding, 0))
    means = np.where(total > 0, (total + count // 2) // count, -((-total + count // 2) // count))
    return finished(means - of.zero_point, activation, of)


def max_pool(values, of, kernel, stride, padding, activation):
    """MAX_POOL_2D."""
    most = np.maximum.reduce([*taps(values.astype(np.int64), kernel, stride, (1, 1), padding, -128)])
    return finished(most - of.zero_point, activation, of)


def mean(values, of, to, keep_dims):
    """MEAN over height and width, for which there are two ways."""
    count = values.shape[1] * values.shape[2]
    if keep_dims:
        sums = values.astype(np.int64).sum(axis=(1, 2), keepdims=True)
        scale, other = np.float32(of.scale), np.float32(to.scale)
        real = np.float64(scale / (np.float32(count) * other))
        shift = np.float32(of.zero_point) * scale / other
        bias = -int(shift + np.copysign(np.float32(0.5), shift))
        up, away = (multiplied(sums, real, half_up) for half_up in (True, False))
        return finished(np.where(in_vectors(values.shape[3], 16), up, away) + bias, 0, to)
    sums = (values.astype(np.int64) - of.zero_point).sum(axis=(1, 2))
    bits, exponent = fixed_point(_ratio(of, to))
    shift = min(count.bit_length() - 1, 32, 31 + exponent)
    return finished(_multiplied(sums, (bits << shift) // count, exponent - shift), 0, to)
