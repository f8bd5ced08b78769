"""The numbers of a layer in one pass: each of its roundings as a linear function in 32 bits that gives the same."""

from dataclasses import dataclass, field

import numpy as np

from hybrid_tf.micro.plain_c.arithmetic import BYTES, Multiplier, ParametricRelu, Sum
from hybrid_tf.micro.plain_c.fixed_point import Linear, Wanted, linear
from hybrid_tf.micro.plain_c.network import BinaryConvolution, Layer

# Bits that each linear function shifts out, the first that does is taken. Kernels with the same ones are shared.
_SUM_BITS = (20, 18, 16, 22)
_ADD_BITS = (22, 21, 20, 23)
_PRELU_BITS = (22, 21, 20, 19)
_SHIFT_BITS = (20, 21, 19, 22)


_RAISED = 128  # what the kernel adds to int8 values between two steps, so that they are 0 to 255


@dataclass
class Numbers:
    """What the kernel of a layer takes.

    Attributes:
        bits: bits that each part shifts out, by the name that the kernel has for them.
        scalars: numbers of the whole layer, by the names of `struct nn_layer`.
        columns: numbers of each channel, in the order in which the kernel reads them, int64 [channels] each.
        tables: int8 of each sum, [channels, sums], where no linear function gives it; else None.
        exact: names of the other steps that no linear function gives, such as `ADD`.
        factors, zeros: what these take, by the names of `struct nn_exact`.
    """

    bits: dict[str, int] = field(default_factory=dict)
    scalars: dict[str, int] = field(default_factory=dict)
    columns: list[np.ndarray] = field(default_factory=list)
    tables: np.ndarray | None = None
    exact: list[str] = field(default_factory=list)
    factors: dict[str, Multiplier] = field(default_factory=dict)
    zeros: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Step:
    """What is added to the values that a step of the kernel takes and gives."""

    taken: int
    given: int

    def wanted(
        self,
        inputs: tuple[np.ndarray, ...],
        results: np.ndarray,
        guess: tuple[float, ...],
        low: int = -128,
        high: int = 127,
    ) -> Wanted:
        """What the step has to give of int8 inputs, of which the first is the value of the step before."""
        first = (inputs[0] + self.taken, *inputs[1:])
        return Wanted(first, results + self.given, guess, low + self.given, high + self.given)


def numbers(layer: Layer, channels: int) -> Numbers:
    """Returns the numbers of a layer, which give exactly what its operators give, for every value that can occur."""
    found = Numbers()
    present = [part is not None for part in (layer.binary, layer.add, layer.prelu, layer.shift)]
    steps = [
        _Step(_RAISED if any(present[:place]) else 0, _RAISED if any(present[place + 1 :]) else 0)
        for place in range(len(present))
    ]
    if layer.binary is not None:
        _sums(layer.binary, steps[0], found)
    if layer.add is not None:
        _add(layer, layer.add, steps[1], found)
    if layer.prelu is not None:
        _prelu(layer, layer.prelu, channels, steps[2], found)
    if layer.shift is not None and layer.shifts is not None:
        _shift(layer, layer.shift, layer.shifts, steps[3], found)
    return found


def _sums(binary: BinaryConvolution, step: _Step, found: Numbers) -> None:
    if binary.output is None:
        assert binary.thresholds is not None
        # No number of products is above the largest, or below none, which is all that a threshold out of range says.
        found.columns.append(np.clip(binary.thresholds.astype(np.int64), -1, binary.depth))
        return
    tables, counts = binary.output.table(), np.arange(binary.depth + 1)
    for bits in _SUM_BITS:
        lines = [
            linear(step.wanted((counts,), table[None], (2 * float(by),)), bits)
            for table, by in zip(tables, binary.output.by, strict=True)
        ]
        if all(lines):
            _note(found, "SUM", bits, [line for line in lines if line])
            return
    found.tables = tables


def _note(found: Numbers, name: str, bits: int, lines: list[Linear]) -> None:
    """Adds a line for each channel."""
    found.bits[name] = bits
    found.columns += [
        np.array([line.multipliers[0] for line in lines]),
        np.array([line.biases[0] for line in lines]),
    ]


def _add(layer: Layer, add: Sum, step: _Step, found: Numbers) -> None:
    one, two = (grid.ravel() for grid in np.meshgrid(BYTES, BYTES, indexing="ij"))
    wanted = step.wanted((one, two), add(one, two)[None], layer.add_factors, add.low, add.high)
    found.scalars |= {"add_low": wanted.low, "add_high": wanted.high}
    if line := _first(wanted, _ADD_BITS):
        found.bits["ADD"] = line.shift
        found.scalars |= {
            "add_value": line.multipliers[0],
            "add_map": line.multipliers[1],
            "add_bias": line.biases[0],
        }
        return
    found.exact.append("ADD")
    found.factors |= {"add_value": add.first, "add_map": add.second, "add_result": add.result}
    found.zeros |= {
        "add_zero_value": add.first_zero + step.taken,
        "add_zero_map": add.second_zero,
        "add_zero": add.zero + step.given,
    }


def _prelu(layer: Layer, prelu: ParametricRelu, channels: int, step: _Step, found: Numbers) -> None:
    """A line above zero for all channels, one for each channel below."""
    above, below = BYTES[prelu.zero_in <= BYTES], BYTES[prelu.zero_in > BYTES]
    factor, slope = layer.prelu_factors
    found.scalars["prelu_zero"] = prelu.zero_in + step.taken
    for bits in _PRELU_BITS:
        positive = linear(step.wanted((above,), prelu(above, 0)[None], (factor,)), bits)
        negative = [
            linear(step.wanted((below,), prelu(below, channel)[None], (slope * float(prelu.slopes[channel]),)), bits)
            for channel in range(channels if below.size else 0)
        ]
        if positive and all(negative):
            found.scalars |= {"prelu_factor": positive.multipliers[0], "prelu_bias": positive.biases[0]}
            _note(found, "PRELU", bits, [line for line in negative if line] or [positive] * channels)
            return
    found.exact.append("PRELU")
    found.factors |= {"prelu_positive": prelu.positive, "prelu_negative": prelu.negative}
    found.zeros["prelu_zero"] = prelu.zero + step.given
    found.columns.append(prelu.slopes)


def _shift(layer: Layer, shift: Sum, shifts: np.ndarray, step: _Step, found: Numbers) -> None:
    results = shift(BYTES[None], shifts[:, None])
    wanted = step.wanted((BYTES,), results, (layer.shift_factor,), shift.low, shift.high)
    found.scalars |= {"shift_low": shift.low, "shift_high": shift.high}
    if line := _first(wanted, _SHIFT_BITS):
        found.bits["SHIFT"] = line.shift
        found.scalars["shift_factor"] = line.multipliers[0]
        found.columns.append(np.array(line.biases))
        return
    found.exact.append("SHIFT")
    found.factors |= {"shift_value": shift.first, "shift_result": shift.result}
    found.zeros |= {"shift_zero_value": shift.first_zero + step.taken, "shift_zero": shift.zero}
    found.columns.append(shift.operands(BYTES[:1], shifts)[1])


def _first(wanted: Wanted, tried: tuple[int, ...]) -> Linear | None:
    return next(filter(None, (linear(wanted, bits) for bits in tried)), None)
