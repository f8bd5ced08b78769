"""The arithmetic of the export: what TensorFlow Lite computes, and lines that give the same."""

import numpy as np
import pytest

from hybrid_tf.micro.plain_c.arithmetic import BYTES, BinaryOutput, ParametricRelu, Rounding, Sum
from hybrid_tf.micro.plain_c.fixed_point import Wanted, linear
from hybrid_tf.micro.plain_c.packing import packed_filters
from tests.support import int8_reference, lce_reference
from tests.support.int8_reference import Quantization

RNG = np.random.default_rng(5)


def roundings(count):
    return [Rounding(float(RNG.uniform(0.01, 0.2)), int(RNG.integers(-128, 128))) for _ in range(count)]


def quantization(rounding):
    return Quantization(rounding.scale, rounding.zero_point)


@pytest.mark.parametrize("activation", [0, 1, 2, 3])
def test_sums_are_those_of_the_reference(activation):
    first, second, to = roundings(3)
    a, b = RNG.integers(-128, 128, (2, 5000)).astype(np.int8)
    wanted = int8_reference.add(a, quantization(first), b, quantization(second), quantization(to), activation)
    assert np.array_equal(Sum.of(first, second, to, activation)(a, b), wanted)


def test_prelu_is_that_of_the_reference():
    source, of_slopes, to = roundings(3)
    slopes = RNG.integers(-128, 128, 40).astype(np.int8)
    relu = ParametricRelu.of(source, slopes, of_slopes, to)
    wanted = int8_reference.prelu(
        BYTES[:, None].astype(np.int8), quantization(source), slopes, quantization(of_slopes), quantization(to)
    )
    assert np.array_equal(np.stack([relu(BYTES, channel) for channel in range(40)], axis=-1), wanted)


@pytest.mark.parametrize("activation", [0, 1, 2, 3])
def test_outputs_of_binary_convolutions_are_those_of_the_reference(activation):
    depth, to = 288, roundings(1)[0]
    multiplier, bias = RNG.normal(0, 0.02, (2, 30)).astype(np.float32)
    tables = BinaryOutput.of(depth, multiplier, bias, activation, to).table()
    sums = depth - 2 * np.arange(depth + 1)
    values = lce_reference.transformed(sums[:, None], depth, multiplier, bias, activation, to.scale, to.zero_point)
    assert np.array_equal(tables.T, lce_reference.to_int8(values))


def test_a_line_gives_every_sum_of_two_maps():
    first, second, to = Rounding(0.034, 12), Rounding(0.152, 2), Rounding(0.159, 4)
    one, two = (grid.ravel() for grid in np.meshgrid(BYTES, BYTES))
    wanted = Sum.of(first, second, to, 0)(one, two)
    line = linear(Wanted((one, two), wanted[None], (first.scale / to.scale, second.scale / to.scale)), 22)
    a, b = line.multipliers
    found = (one.astype(np.int32) * np.int32(a) + two.astype(np.int32) * np.int32(b) + np.int32(line.biases[0])) >> 22
    assert np.array_equal(np.clip(found, -128, 127), wanted)


def test_no_line_gives_what_is_not_one():
    bent = np.where(BYTES < 0, 0, BYTES)
    assert linear(Wanted((BYTES,), bent[None], (1.0,)), 20) is None
    assert linear(Wanted((BYTES,), bent[None], (1.0,), low=0), 20) is not None


def test_no_line_needs_more_than_32_bits():
    steep = np.clip(BYTES * 40, -128, 127)
    assert linear(Wanted((BYTES,), steep[None], (40.0,)), 22) is None
    assert linear(Wanted((BYTES,), steep[None], (40.0,)), 16) is not None


@pytest.mark.parametrize("channels", [3, 8, 16, 24, 32, 48, 64, 96])
def test_taps_are_packed_one_behind_the_other(channels):
    signs = RNG.random((5, 9, channels)) < 0.5
    packed = packed_filters(lce_reference.pack(signs), channels)
    assert packed.shape == (5, -(-9 * channels // 32))
    assert np.array_equal(lce_reference.unpack(packed.view("<i4"), 9 * channels) < 0, signs.reshape(5, -1))
