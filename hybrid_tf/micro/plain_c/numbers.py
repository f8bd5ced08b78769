"""The numbers of a layer in one pass: each of its roundings as a linear function in 32 bits that gives the same."""

from dataclasses import dataclass, field

import numpy as np

from hybrid_tf.errors import HybridTFError
from hybrid_tf.micro.plain_c.arithmetic import BYTES, ParametricRelu, Sum
from hybrid_tf.micro.plain_c.fixed_point import Linear, Wanted, linear
from hybrid_tf.micro.plain_c.network import BinaryConvolution, Layer

# Bits that each linear function shifts out, the first that does is taken. Kernels with the same ones are shared.
_SUM_BITS = (20, 18, 16, 22)
_ADD_BITS = (22, 21, 20, 23)
_PRELU_BITS = (22, 21, 20, 19)
_SHIFT_BITS = (20, 21, 19, 22)


@dataclass
class Numbers:
    """What the kernel of a layer takes.

    Attributes:
        bits: bits that each part shifts out, by the name that the kernel has for them.
        scalars: numbers of the whole layer, by the names of `struct nn_layer`.
        columns: numbers of each channel, in the order in which the kernel reads them, int64 [channels] each.
        tables: int8 of each sum, [channels, sums], where no linear function gives it; else None.
    """

    bits: dict[str, int] = field(default_factory=dict)
    scalars: dict[str, int] = field(default_factory=dict)
    columns: list[np.ndarray] = field(default_factory=list)
    tables: np.ndarray | None = None


def numbers(layer: Layer, channels: int) -> Numbers:
    """Returns the numbers of a layer, which give exactly what its operators give, for every value that can occur.

    Raises:
        HybridTFError: when there are none; the message names operator and layer.
    """
    found = Numbers()
    if layer.binary is not None:
        _sums(layer.binary, found)
    if layer.add is not None:
        _add(layer, layer.add, found)
    if layer.prelu is not None:
        _prelu(layer, layer.prelu, channels, found)
    if layer.shift is not None and layer.shifts is not None:
        _shift(layer, layer.shift, layer.shifts, found)
    return found


def _sums(binary: BinaryConvolution, found: Numbers) -> None:
    if binary.output is None:
        assert binary.thresholds is not None
        # No number of products is above the largest, or below none, which is all that a threshold out of range says.
        found.columns.append(np.clip(binary.thresholds.astype(np.int64), -1, binary.depth))
        return
    tables, counts = binary.output.table(), np.arange(binary.depth + 1)
    for bits in _SUM_BITS:
        lines = [
            linear(Wanted((counts,), table[None], (2 * float(by),)), bits)
            for table, by in zip(tables, binary.output.by, strict=True)
        ]
        if all(lines):
            found.bits["SUM"] = bits
            found.columns += [
                np.array([line.multipliers[0] for line in lines if line]),
                np.array([line.biases[0] for line in lines if line]),
            ]
            return
    found.tables = tables


def _add(layer: Layer, add: Sum, found: Numbers) -> None:
    one, two = (grid.ravel() for grid in np.meshgrid(BYTES, BYTES, indexing="ij"))
    wanted = Wanted((one, two), add(one, two)[None], layer.add_factors, add.low, add.high)
    line = _first(wanted, _ADD_BITS, "ADD", layer)
    found.bits["ADD"] = line.shift
    found.scalars |= {
        "add_value": line.multipliers[0],
        "add_map": line.multipliers[1],
        "add_bias": line.biases[0],
        "add_low": add.low,
        "add_high": add.high,
    }


def _prelu(layer: Layer, prelu: ParametricRelu, channels: int, found: Numbers) -> None:
    """A line above zero for all channels, one for each channel below."""
    above, below = BYTES[prelu.zero_in <= BYTES], BYTES[prelu.zero_in > BYTES]
    factor, slope = layer.prelu_factors
    for bits in _PRELU_BITS:
        positive = linear(Wanted((above,), prelu(above, 0)[None], (factor,)), bits)
        negative = [
            linear(Wanted((below,), prelu(below, channel)[None], (slope * float(prelu.slopes[channel]),)), bits)
            for channel in range(channels if below.size else 0)
        ]
        if positive and all(negative):
            lines = [line for line in negative if line] or [positive] * channels
            found.bits["PRELU"] = bits
            found.scalars |= {
                "prelu_zero": prelu.zero_in,
                "prelu_factor": positive.multipliers[0],
                "prelu_bias": positive.biases[0],
            }
            found.columns += [
                np.array([line.multipliers[0] for line in lines]),
                np.array([line.biases[0] for line in lines]),
            ]
            return
    raise _inexact("PRELU", layer)


def _shift(layer: Layer, shift: Sum, shifts: np.ndarray, found: Numbers) -> None:
    wanted = Wanted((BYTES,), shift(BYTES[None], shifts[:, None]), (layer.shift_factor,), shift.low, shift.high)
    line = _first(wanted, _SHIFT_BITS, "ADD", layer)
    found.bits["SHIFT"] = line.shift
    found.scalars["shift_factor"] = line.multipliers[0]
    found.columns.append(np.array(line.biases))


def _first(wanted: Wanted, tried: tuple[int, ...], operator: str, layer: Layer) -> Linear:
    for bits in tried:
        if line := linear(wanted, bits):
            return line
    raise _inexact(operator, layer)


def _inexact(operator: str, layer: Layer) -> HybridTFError:
    return HybridTFError(
        f"{operator}, of layer '{layer.layer}', cannot be computed exactly in 32 bits: calibrate the network again "
        "with other images, or use `hybrid-tf export-micro`"
    )
