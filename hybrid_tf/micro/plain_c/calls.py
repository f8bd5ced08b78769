"""The C text of each step: its constants, its call, and the kernel that it needs."""

from dataclasses import dataclass

import numpy as np

from hybrid_tf.micro.plain_c.arena import Arena
from hybrid_tf.micro.plain_c.arithmetic import Multiplier, Rounding, Sum
from hybrid_tf.micro.plain_c.cmsis_nn import CmsisNN, buffer_bytes
from hybrid_tf.micro.plain_c.network import (
    Convolution,
    Layer,
    Mean,
    Network,
    OfSigns,
    Pool,
    Rescale,
    SignPool,
    Signs,
    Softmax,
    Step,
    Value,
    Window,
)
from hybrid_tf.micro.plain_c.numbers import Numbers, numbers
from hybrid_tf.micro.plain_c.packing import packed_filters

_PAIRS = {"stride": "stride_{}", "dilation": "dilation_{}"}
_LINE = 118  # characters of a line of numbers


@dataclass(frozen=True)
class Call:
    """The C text of a step.

    Attributes:
        kernel: name of the kernel's file, without its suffix.
        macros: what `layer.h` is included with; empty for a kernel with a file of its own.
        constants: definitions of the step's constants.
        text: statements of the function that runs the network.
    """

    kernel: str
    macros: dict[str, str]
    constants: str
    text: str


def calls(network: Network, arena: Arena, by_cmsis_nn: CmsisNN) -> list[Call]:
    """Returns the C text of every step."""
    writer = _Writer(network, arena, by_cmsis_nn)
    return [writer.call(place, step) for place, step in enumerate(network.steps)]


class _Writer:
    def __init__(self, network: Network, arena: Arena, by_cmsis_nn: CmsisNN) -> None:
        self._network = network
        self._arena = arena
        self._by_cmsis_nn = by_cmsis_nn

    def call(self, place: int, step: Step) -> Call:
        """Returns the text of one step."""
        if isinstance(step, Convolution):
            return self._convolution(place, step)
        if isinstance(step, Pool):
            return self._pool(place, step)
        if isinstance(step, Layer):
            return self._layer(place, step)
        if isinstance(step, Mean):
            return self._mean(place, step)
        if isinstance(step, Rescale):
            return self._rescale(place, step)
        if isinstance(step, SignPool):
            return self._sign_pool(place, step)
        if isinstance(step, Softmax):
            return self._softmax(place, step)
        assert isinstance(step, Signs | OfSigns)
        return self._signs(place, step)

    def _value(self, number: int) -> Value:
        return self._network.values[number]

    def _rounding(self, number: int) -> Rounding:
        rounding = self._value(number).rounding
        assert rounding is not None
        return rounding

    def _int8(self, number: int) -> str:
        if number == self._network.image:
            return "image"
        if number == self._network.scores:
            return "scores"
        return f"INT8_AT({self._arena.offsets[number]})"

    def _signs_at(self, number: int, words: int = 0) -> str:
        return f"WORDS_AT({self._arena.offsets[number] + 4 * (self._value(number).origin + words)})"

    def _cleared(self, number: int) -> str:
        """A statement that sets the border of a map of signs, where it has one."""
        value = self._value(number)
        if not any(value.border):
            return ""
        return f"  nn_clear(WORDS_AT({self._arena.offsets[number]}), {value.bytes // 4});\n"

    def _convolution(self, place: int, step: Convolution) -> Call:
        outputs, kernel = len(step.biases), "int8_depthwise" if step.depthwise else "int8_conv"
        biases, source, result = f"biases_{place}", self._int8(step.source), self._int8(step.result)
        shared: dict[str, int | str] = {
            "window": _window(step.window),
            "in_channels": step.channels,
            "out_channels": outputs,
            "zero_in": self._rounding(step.source).zero_point,
            "zero_out": self._rounding(step.result).zero_point,
            "low": step.low,
            "high": step.high,
            "filters": f"filters_{place}",
            "biases": biases,
            "factors": f"factors_{place}",
        }
        depth = outputs // step.channels if step.depthwise else step.filters.shape[1]
        constants = (
            _array("int8_t", f"filters_{place}", step.filters)
            + f"static const struct nn_factor factors_{place}[] = {{\n"
            + lines([_factor(multiplier) for multiplier in step.multipliers])
            + "};\n"
            + _struct("nn_conv", f"step_{place}", **shared, depth=depth)
        )
        window = () if step.depthwise else (f"INT16_AT({self._arena.windows[place]})",)
        text = _call(f"nn_{kernel}", f"&step_{place}", source, *window, result)
        if place in self._by_cmsis_nn.steps:
            multipliers = np.array([(m.bits, m.exponent) for m in step.multipliers])
            other = (
                _array("int8_t", f"filters_{place}", step.weights)
                + _array("int32_t", f"factors_{place}", multipliers[:, 0])
                + _array("int32_t", f"shifts_{place}", multipliers[:, 1])
                + _struct(
                    "nn_cmsis_conv",
                    f"step_{place}",
                    **shared,
                    shifts=f"shifts_{place}",
                    buffer_bytes=buffer_bytes(step),
                )
            )
            function = "nn_cmsis_depthwise" if step.depthwise else "nn_cmsis_conv"
            buffer = f"WORDS_AT({self._arena.bytes})"
            constants = _if_cmsis_nn(other, constants)
            text = _if_cmsis_nn(_call(function, f"&step_{place}", source, buffer, result), text)
        return Call(kernel, {}, _array("int32_t", biases, step.biases) + constants, text)

    def _pool(self, place: int, step: Pool) -> Call:
        pixels = step.window.size[0] * step.window.size[1]
        constants = _struct(
            "nn_pool",
            f"step_{place}",
            window=_window(step.window),
            channels=self._value(step.source).shape[2],
            shift=pixels.bit_length() - 1 if pixels & (pixels - 1) == 0 else -1,
            low=step.low,
            high=step.high,
        )
        kernel = "int8_average_pool" if step.average else "int8_max_pool"
        return Call(kernel, {}, constants, self._from_int8(f"nn_{kernel}", place, step))

    def _from_int8(self, function: str, place: int, step: Step) -> str:
        return _call(function, f"&step_{place}", self._int8(step.source), self._int8(step.result))

    def _mean(self, place: int, step: Mean) -> Call:
        height, width, channels = self._value(step.source).shape
        constants = _struct(
            "nn_mean",
            f"step_{place}",
            pixels=height * width,
            channels=channels,
            half_up=step.half_up,
            zero_in=step.zero_in,
            offset=step.offset,
            factor=_factor(step.multiplier),
        )
        return Call("int8_mean", {}, constants, self._from_int8("nn_int8_mean", place, step))

    def _rescale(self, place: int, step: Rescale) -> Call:
        constants = _struct(
            "nn_rescale",
            f"step_{place}",
            count=self._value(step.source).bytes,
            half_up=step.half_up,
            zero_in=self._rounding(step.source).zero_point,
            zero_out=self._rounding(step.result).zero_point,
            low=step.low,
            high=step.high,
            factor=_factor(step.multiplier),
        )
        return Call("int8_rescale", {}, constants, self._from_int8("nn_int8_rescale", place, step))

    def _softmax(self, place: int, step: Softmax) -> Call:
        height, width, channels = self._value(step.source).shape
        name = f"exponentials_{place}"
        numbers = lines([f"{number!s}f" for number in step.exponentials])
        constants = f"static const float {name}[] = {{\n{numbers}}};\n" + _struct(
            "nn_softmax",
            f"step_{place}",
            rows=height * width,
            classes=channels,
            step=f"{step.step!s}f",
            exponentials=name,
        )
        return Call("int8_softmax", {}, constants, self._from_int8("nn_int8_softmax", place, step))

    def _signs(self, place: int, step: Step) -> Call:
        back = isinstance(step, OfSigns)
        signs, int8 = (step.source, step.result) if back else (step.result, step.source)
        height, width, channels = self._value(signs).shape
        constants = _struct(
            "nn_signs",
            f"step_{place}",
            height=height,
            width=width,
            channels=channels,
            zero=self._rounding(int8).zero_point,
            row=self._value(signs).row_words,
        )
        if isinstance(step, OfSigns):
            ends = str(step.minus), str(step.plus)
            text = _call("nn_int8_of_signs", f"&step_{place}", *ends, self._signs_at(signs), self._int8(int8))
            return Call("signs", {}, constants, text)
        text = _call("nn_signs_of", f"&step_{place}", self._int8(int8), self._signs_at(signs))
        return Call("signs", {}, constants, self._cleared(signs) + text)

    def _sign_pool(self, place: int, step: SignPool) -> Call:
        source, result = self._value(step.source), self._value(step.result)
        constants = _struct(
            "nn_sign_pool",
            f"step_{place}",
            window=_window(step.window),
            words=source.pixel_words,
            in_row=source.row_words,
            out_row=result.row_words,
        )
        text = _call("nn_sign_pool", f"&step_{place}", self._signs_at(step.source), self._signs_at(step.result))
        return Call("sign_pool", {}, constants, self._cleared(step.result) + text)

    def _layer(self, place: int, step: Layer) -> Call:
        result = self._value(step.result if step.result >= 0 else step.signs)
        height, width, channels = result.shape
        found = numbers(step, channels)
        fields: dict[str, int | str] = {"height": height, "width": width, "channels": channels}
        constants = ""
        if step.binary is not None:
            filters = packed_filters(step.binary.filters, step.binary.channels)
            constants += _array("uint32_t", f"filters_{place}", filters)
            fields |= _strides(self._value(step.source), step.binary.window) | {"filters": f"filters_{place}"}
        if found.columns:
            constants += _array("int32_t", f"parameters_{place}", np.stack(found.columns, axis=-1))
            fields["parameters"] = f"parameters_{place}"
        if found.tables is not None:
            constants += _array("int8_t", f"tables_{place}", found.tables)
            fields |= {"tables": f"tables_{place}", "table_bytes": found.tables.shape[1]}
        if found.exact:
            factors = {name: _factor(factor) for name, factor in found.factors.items()}
            constants += _struct("nn_exact", f"exact_{place}", **factors, **found.zeros)
            fields["exact"] = f"&exact_{place}"
        fields |= found.scalars
        if step.signs >= 0:
            fields["out_row"] = self._value(step.signs).row_words
            if step.binary is None or step.binary.thresholds is None:
                fields["zero"] = self._zero(step)
        name, macros = _variant(step, found)
        constants += _struct("nn_layer", f"step_{place}", **fields)
        if step.binary is not None:
            before, pixel = step.binary.window.before, self._value(step.source)
            source = self._signs_at(step.source, -before[0] * pixel.row_words - before[1] * pixel.pixel_words)
        else:
            source = self._int8(step.source)
        text = _call(
            f"nn_{name}",
            f"&step_{place}",
            source,
            self._int8(step.added) if step.add else "0",
            self._int8(step.result) if step.result >= 0 else "0",
            self._signs_at(step.signs) if step.signs >= 0 else "0",
        )
        return Call(name, macros, constants, (self._cleared(step.signs) if step.signs >= 0 else "") + text)

    def _zero(self, step: Layer) -> int:
        """The zero point of the int8 values whose signs are taken."""
        for part in (step.shift, step.prelu, step.add):
            if part is not None:
                return part.zero
        assert step.binary is not None and step.binary.output is not None
        return step.binary.output.zero


def _strides(signs: Value, window: Window) -> dict[str, int | str]:
    row, pixel = signs.row_words, signs.pixel_words
    return {
        "in_row": window.stride[0] * row,
        "in_column": window.stride[1] * pixel,
        "tap_row": window.dilation[0] * row,
        "tap_column": window.dilation[1] * pixel,
    }


def _variant(step: Layer, found: Numbers) -> tuple[str, dict[str, str]]:
    """The name of a layer's kernel, and what `layer.h` is included with."""
    macros: dict[str, str] = {}
    words = []
    if step.binary is not None:
        height, width = step.binary.window.size
        macros |= {"TAPS_Y": str(height), "TAPS_X": str(width), "CHANNELS": str(step.binary.channels)}
        words.append(f"binary_{height}x{width}x{step.binary.channels}")
        if step.binary.thresholds is not None:
            macros["THRESHOLD"] = ""
            words.append("threshold")
    if found.tables is not None:
        macros["TABLE"] = ""
        words.append("table")
    for name, part in (("ADD", step.add), ("PRELU", step.prelu), ("SHIFT", step.shift)):
        if part is not None:
            macros[name] = ""
            words.append(name.lower())
            if name in found.exact:
                macros[f"{name}_EXACT"] = ""
                words.append("exact")
            if isinstance(part, Sum) and (part.low, part.high) != (-128, 127):
                macros[f"{name}_CLAMP"] = ""
                words.append("clamp")
    if step.result >= 0:
        macros["VALUES"] = ""
        words.append("values")
    if step.signs >= 0:
        macros["SIGNS"] = ""
        words.append("signs")
    for name, count in found.bits.items():
        macros[f"{name}_BITS"] = str(count)
    usual = {"SUM": 20, "ADD": 22, "PRELU": 22, "SHIFT": 20}
    words += [f"{name.lower()}{count}" for name, count in found.bits.items() if count != usual[name]]
    return "_".join(words), macros


def _if_cmsis_nn(text: str, other: str) -> str:
    return f"#ifdef USE_CMSIS_NN\n{text}#else\n{other}#endif\n"


def _call(function: str, *arguments: str) -> str:
    return f"  {function}({', '.join(arguments)});\n"


def _factor(multiplier: Multiplier) -> str:
    return f"{{{multiplier.bits}, {multiplier.left}, {multiplier.right}}}"


def _window(window: Window) -> str:
    numbers = (
        *window.given,
        *window.made,
        *window.size,
        *window.stride,
        *window.dilation,
        *window.before,
    )
    return f"{{{', '.join(map(str, numbers))}}}"


def _struct(kind: str, name: str, **fields: int | str) -> str:
    return (
        f"static const struct {kind} {name} = {{\n"
        + "".join(f"    .{field} = {value},\n" for field, value in fields.items())
        + "};\n"
    )


def _array(kind: str, name: str, values: np.ndarray) -> str:
    suffix = "u" if kind == "uint32_t" else ""
    text = [f"{int(value)}{suffix}" if int(value) != -(2**31) else "INT32_MIN" for value in values.ravel()]
    return f"static const {kind} {name}[] = {{\n{lines(text)}}};\n"


def lines(values: list[str]) -> str:
    """Returns numbers as lines of C."""
    lines, line = [], ""
    for value in values:
        if line and len(line) + len(value) + 2 > _LINE:
            lines.append(line)
            line = ""
        line += f" {value},"
    return "".join(f"   {text}\n" for text in [*lines, line] if text)
