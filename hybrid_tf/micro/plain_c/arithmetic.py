"""What LCE's interpreter computes of int8 values, in numpy: integers that are rounded where and as it rounds.

A map is int8 with a scale and a zero point; its real numbers are scale * (value - zero point).
"""

from dataclasses import dataclass

import numpy as np

BYTES = np.arange(-128, 128, dtype=np.int64)  # every value of an int8
_ADD_SHIFT = 20  # bits that ADD's operands gain before they are summed


@dataclass(frozen=True)
class Rounding:
    """The steps of an int8 map.

    Attributes:
        scale: size of a step.
        zero_point: the value that stands for 0.
    """

    scale: float
    zero_point: int


@dataclass(frozen=True)
class Multiplier:
    """A positive real multiplier as TensorFlow Lite stores it: bits / 2^31 * 2^exponent.

    Attributes:
        bits: 31 bits of the fraction.
        exponent: power of two; a positive one is applied before the product is rounded, a negative one after.
    """

    bits: int
    exponent: int

    @classmethod
    def of(cls, real: float | np.floating) -> "Multiplier":
        """Returns a real number as a multiplier, rounded."""
        fraction, exponent = np.frexp(np.float64(real))
        bits, exponent = int(np.floor(fraction * 2.0**31 + 0.5)), int(exponent)
        if bits == 2**31:
            bits, exponent = 2**30, exponent + 1
        return cls(0, 0) if exponent < -31 else cls(bits, exponent)

    @property
    def left(self) -> int:
        """The shift to the left, before."""
        return max(self.exponent, 0)

    @property
    def right(self) -> int:
        """The shift to the right, after."""
        return max(-self.exponent, 0)

    def away(self, values: np.ndarray) -> np.ndarray:
        """Returns int64 values times the multiplier; at the last shift halves are rounded away from zero."""
        high, half = self._high(values)
        return np.where(high < 0, -((-high + half) >> self.right), (high + half) >> self.right)

    def _high(self, values: np.ndarray) -> tuple[np.ndarray, int]:
        high = (values.astype(np.int64) * 2**self.left * self.bits + 2**30) >> 31
        return high, 2 ** (self.right - 1) if self.right else 0


def ratio(of: Rounding, to: Rounding) -> float:
    """Returns how many steps of `to` a step of `of` is, in double precision."""
    return float(np.float64(np.float32(of.scale)) / np.float64(np.float32(to.scale)))


def activation_range(activation: int, to: Rounding) -> tuple[int, int]:
    """Returns the least and the largest int8 after a fused activation: NONE 0, RELU 1, RELU_N1_TO_1 2, RELU6 3."""
    low, high = ((-np.inf, np.inf), (0, np.inf), (-1, 1), (0, 6))[activation]
    return _limit(low, to, -128), _limit(high, to, 127)


def _limit(real: float, to: Rounding, without: int) -> int:
    if not np.isfinite(real):
        return without
    steps = np.float32(real) / np.float32(to.scale)
    return int(np.clip(to.zero_point + np.trunc(steps + np.copysign(np.float32(0.5), steps)), -128, 127))


@dataclass(frozen=True)
class Sum:
    """ADD of two int8 maps: both operands in common steps, with 20 bits more, then in the steps of the result.

    Attributes:
        first, second, result: multipliers of the operands and of their sum.
        first_zero, second_zero, zero: zero points of the operands and of the result.
        low, high: range of the result.
    """

    first: Multiplier
    second: Multiplier
    result: Multiplier
    first_zero: int
    second_zero: int
    zero: int
    low: int
    high: int

    @classmethod
    def of(cls, first: Rounding, second: Rounding, to: Rounding, activation: int) -> "Sum":
        """Returns the sum of maps that are rounded so."""
        one, two, three = (np.float64(np.float32(rounding.scale)) for rounding in (first, second, to))
        common = 2 * max(one, two)
        return cls(
            Multiplier.of(one / common),
            Multiplier.of(two / common),
            Multiplier.of(common / (2**_ADD_SHIFT * three)),
            first.zero_point,
            second.zero_point,
            to.zero_point,
            *activation_range(activation, to),
        )

    def operands(self, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns int8 values of both operands in common steps."""
        return (
            self.first.away((first.astype(np.int64) - self.first_zero) << _ADD_SHIFT),
            self.second.away((second.astype(np.int64) - self.second_zero) << _ADD_SHIFT),
        )

    def __call__(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Returns the sums of int8 values, int64 within the range of int8."""
        one, two = self.operands(first, second)
        return np.clip(self.result.away(one + two) + self.zero, self.low, self.high)


@dataclass(frozen=True)
class ParametricRelu:
    """PRELU of an int8 map with an int8 slope for each channel.

    Attributes:
        positive, negative: multipliers of values above the zero point, and of products with slopes below it.
        zero_in, zero: zero points of the map and of the result.
        slopes: slopes without their zero point, int64 [C].
    """

    positive: Multiplier
    negative: Multiplier
    zero_in: int
    zero: int
    slopes: np.ndarray

    @classmethod
    def of(cls, source: Rounding, slopes: np.ndarray, of_slopes: Rounding, to: Rounding) -> "ParametricRelu":
        """Returns the operator for a map that is rounded so, and its int8 slopes [C]."""
        scale, slope, out = (np.float32(rounding.scale) for rounding in (source, of_slopes, to))
        return cls(
            Multiplier.of(float(scale / out)),
            Multiplier.of(float(scale * slope / out)),
            source.zero_point,
            to.zero_point,
            slopes.astype(np.int64) - of_slopes.zero_point,
        )

    def __call__(self, values: np.ndarray, channel: int) -> np.ndarray:
        """Returns the results of int8 values of a channel, int64 within the range of int8."""
        steps = values.astype(np.int64) - self.zero_in
        result = np.where(steps >= 0, self.positive.away(steps), self.negative.away(steps * int(self.slopes[channel])))
        return np.clip(result + self.zero, -128, 127)


@dataclass(frozen=True)
class BinaryOutput:
    """The int8 output of LceBconv2d: LCE computes it in float32, with constants made in double precision.

    Attributes:
        depth: number of products in a sum.
        by, plus: float32 [C] multiplier and offset of twice the number of products that are -1.
        low, high: least and largest of that number, twice.
        zero: zero point of the result.
    """

    depth: int
    by: np.ndarray
    plus: np.ndarray
    low: int
    high: int
    zero: int

    @classmethod
    def of(cls, depth: int, multiplier: np.ndarray, bias: np.ndarray, activation: int, to: Rounding) -> "BinaryOutput":
        """Returns the output of sums of `depth` products, with the operator's multiplier and bias, float32 [C]."""
        scale = np.float64(np.float32(to.scale))
        multiplier, bias = multiplier.astype(np.float64), bias.astype(np.float64)
        least, most = ((-np.inf, np.inf), (0, np.inf), (-1, 1), (0, 6))[activation]
        return cls(
            depth,
            (-multiplier / scale).astype(np.float32),
            ((bias + depth * multiplier) / scale + to.zero_point).astype(np.float32),
            int(depth - min(most, depth)),
            int(depth - max(least, -depth)),
            to.zero_point,
        )

    def table(self) -> np.ndarray:
        """Returns the int8 of each channel for 0 to `depth` products that are -1, int64 [C, depth + 1]."""
        counts = np.clip(2 * np.arange(self.depth + 1), self.low, self.high).astype(np.float32)
        values = counts * self.by[:, None] + self.plus[:, None]
        half = np.float32(0.5)
        rounded = np.where(values < 0, np.ceil(values - half), np.floor(values + half))
        rounded = np.where(np.abs(values) < half, 0, rounded)  # x + 0.5 is not exact for the float just below one half
        return np.clip(rounded, -128, 127).astype(np.int64)
