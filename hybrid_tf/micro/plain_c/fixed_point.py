"""Integers that compute a rounded function exactly: searched for, and proven for every value, at export.

A stage of a kernel is `clamp((x * multiplier + bias) >> shift)` in 32 bits. Whether such integers give what LCE's
interpreter gives for every x that can occur is a set of linear inequalities: (x, wanted) asks for

    wanted * 2^shift <= x * multiplier + bias < (wanted + 1) * 2^shift,

one side of it where `wanted` is the end of its range. For a multiplier, what is left for the bias is the *room*,
a concave function of the multipliers, whose maximum is found by steps that grow smaller.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

_INT32 = 2**31
_FAR = np.int64(2) ** 60


@dataclass(frozen=True)
class Linear:
    """The integers of a stage.

    Attributes:
        multipliers: factor of each input.
        biases: what is added, for each channel.
        shift: bits that are shifted out.
    """

    multipliers: tuple[int, ...]
    biases: tuple[int, ...]
    shift: int


@dataclass(frozen=True)
class Wanted:
    """What a stage has to give: inputs, int64 [N] each, and results, int64 [channels, N].

    Attributes:
        inputs: values of each input.
        results: result for each channel.
        guess: real factor of each input, near the right ones.
        low, high: range of the results.
    """

    inputs: tuple[np.ndarray, ...]
    results: np.ndarray
    guess: tuple[float, ...]
    low: int = -128
    high: int = 127


def linear(wanted: Wanted, shift: int) -> Linear | None:
    """Returns integers with which every result is right, the same multipliers for all channels.

    Returns None when there are none within 32 bits.
    """
    lowest = np.where(wanted.results == wanted.low, -_FAR, wanted.results << shift)
    highest = np.where(wanted.results == wanted.high, _FAR, ((wanted.results + 1) << shift) - 1)

    def biases(multipliers: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        without = sum(factor * values for factor, values in zip(multipliers, wanted.inputs, strict=True))
        return (lowest - without).max(axis=-1), (highest - without).min(axis=-1)

    def room(multipliers: tuple[int, ...]) -> int:
        least, most = biases(multipliers)
        return int((most - least).min())

    best = tuple(round(factor * 2**shift) for factor in wanted.guess)
    most = room(best)
    step = max(1, 2**shift >> 10)
    while most < 0 and step:
        more, near = max((room(near), near) for near in _neighbours(best, step))
        if more > most:  # larger steps again: what is clamped for almost all values is far from the guess
            most, best, step = more, near, 2 * step
        else:
            step //= 2
    if most < 0:
        return None
    least, largest = biases(best)
    chosen = np.clip((least + largest) // 2, -_INT32, _INT32 - 1)
    if (chosen < least).any() or (chosen > largest).any():
        return None
    found = Linear(best, tuple(map(int, chosen)), shift)
    return found if _fits(found, wanted) else None


def _neighbours(multipliers: tuple[int, ...], step: int) -> list[tuple[int, ...]]:
    deltas = product((-step, 0, step), repeat=len(multipliers))
    return [tuple(m + d for m, d in zip(multipliers, delta, strict=True)) for delta in deltas if any(delta)]


def _fits(found: Linear, wanted: Wanted) -> bool:
    """Whether every sum fits into 32 bits, in the order of the kernel, and every result is right."""
    value = np.asarray(found.biases, np.int64)[:, None]
    largest = max(map(abs, found.biases))
    for factor, values in zip(reversed(found.multipliers), reversed(wanted.inputs), strict=True):
        part = factor * values
        value = value + part
        largest = max(largest, int(np.abs(part).max()), int(np.abs(value).max()))
    exact = np.array_equal(np.clip(value >> found.shift, wanted.low, wanted.high), wanted.results)
    return largest < _INT32 and exact
