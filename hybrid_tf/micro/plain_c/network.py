"""The steps of a network in plain C, and the values between them."""

from dataclasses import dataclass, replace

import numpy as np

from hybrid_tf.micro.plain_c.arithmetic import BinaryOutput, Multiplier, ParametricRelu, Rounding, Sum

WORD = 32  # signs in a word


@dataclass(frozen=True)
class Value:
    """A map between steps.

    Attributes:
        number: number of the tensor in the file.
        shape: height, width and channels; of what is no map, (1, 1, elements).
        rounding: steps of an int8 map; None of a map of signs.
        border: rows and columns of +1 around a map of signs: top, left, bottom, right.
    """

    number: int
    shape: tuple[int, int, int]
    rounding: Rounding | None
    border: tuple[int, int, int, int] = (0, 0, 0, 0)

    @property
    def pixel_words(self) -> int:
        """Words of a pixel of signs."""
        return -(-self.shape[2] // WORD)

    @property
    def row_words(self) -> int:
        """Words of a row of signs, with its border."""
        return (self.border[1] + self.shape[1] + self.border[3]) * self.pixel_words

    @property
    def origin(self) -> int:
        """The first word of signs within the border."""
        return self.border[0] * self.row_words + self.border[1] * self.pixel_words

    @property
    def bytes(self) -> int:
        """Bytes in the arena."""
        height, width, channels = self.shape
        if self.rounding is not None:
            return height * width * channels
        return 4 * (self.border[0] + height + self.border[2]) * self.row_words


@dataclass(frozen=True)
class Window:
    """A window that moves over a map; pairs are (vertical, horizontal).

    Attributes:
        size: taps.
        stride, dilation: pixels between windows, and between taps.
        before: rows and columns of padding before the map.
        given, made: size of the map, and number of windows.
    """

    size: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    before: tuple[int, int]
    given: tuple[int, int]
    made: tuple[int, int]

    @property
    def after(self) -> tuple[int, int]:
        """Rows and columns of padding that the last windows reach behind the map."""
        reach = [
            (made - 1) * stride + (size - 1) * dilation + 1 - before - given
            for made, stride, size, dilation, before, given in zip(
                self.made, self.stride, self.size, self.dilation, self.before, self.given, strict=True
            )
        ]
        return max(reach[0], 0), max(reach[1], 0)


@dataclass(frozen=True)
class Step:
    """What one call of a kernel does.

    Attributes:
        layer: name of the layer, for people.
        source: number of the value that is read.
        result: number of the int8 value that is written, -1 when there is none.
    """

    layer: str
    source: int
    result: int

    @property
    def reads(self) -> tuple[int, ...]:
        """Numbers of the values that are read."""
        return (self.source,)

    @property
    def writes(self) -> tuple[int, ...]:
        """Numbers of the values that are written."""
        return (self.result,)

    @property
    def may_overwrite(self) -> tuple[int, ...]:
        """Numbers of the values in whose place `result` may be written, as each is read just before."""
        return ()


@dataclass(frozen=True)
class Convolution(Step):
    """An int8 convolution, depthwise convolution or dense layer.

    Attributes:
        window: window of the convolution.
        channels: number of input channels.
        weights: weights as the file has them, int8 [outputs, taps * inputs]; of a depthwise one [taps, outputs].
        filters: weights in the order in which the kernel reads them, with zeros up to multiples of 4; of a depthwise
            one as in the file.
        biases: int32 [outputs].
        multipliers: one for each output channel.
        low, high: range of the result.
        depthwise: whether it is a depthwise one.
    """

    window: Window
    channels: int
    weights: np.ndarray
    filters: np.ndarray
    biases: np.ndarray
    multipliers: tuple[Multiplier, ...]
    low: int
    high: int
    depthwise: bool = False


@dataclass(frozen=True)
class Pool(Step):
    """A pool of an int8 map.

    Attributes:
        window: window of the pool.
        average: whether it takes the mean, else the largest.
        low, high: range of the result.
    """

    window: Window
    average: bool
    low: int
    high: int


@dataclass(frozen=True)
class Mean(Step):
    """A mean over all pixels.

    Attributes:
        multiplier: what the sum is multiplied with.
        half_up: number of channels whose halves are rounded up.
        zero_in, offset: what is taken from each pixel, and added at the end.
    """

    multiplier: Multiplier
    half_up: int
    zero_in: int
    offset: int


@dataclass(frozen=True)
class Rescale(Step):
    """int8 values in other steps.

    Attributes:
        multiplier: what each value is multiplied with.
        half_up: number of values whose halves are rounded up.
        low, high: range of the result.
    """

    multiplier: Multiplier
    half_up: int
    low: int
    high: int

    @property
    def may_overwrite(self) -> tuple[int, ...]:
        """The values that are rescaled."""
        return (self.source,)


@dataclass(frozen=True)
class Softmax(Step):
    """A softmax over the channels of each pixel.

    Attributes:
        exponentials: float32 [256], those of 0 to -255 steps.
        step: step of the result, in float32.
    """

    exponentials: np.ndarray
    step: np.float32

    @property
    def may_overwrite(self) -> tuple[int, ...]:
        """The values that it is of: each row is read before it is written."""
        return (self.source,)


@dataclass(frozen=True)
class Signs(Step):
    """The signs of int8 values."""


@dataclass(frozen=True)
class OfSigns(Step):
    """int8 values of signs: `minus` and `plus`."""

    minus: int
    plus: int


@dataclass(frozen=True)
class SignPool(Step):
    """The largest of the signs in each window."""

    window: Window


@dataclass(frozen=True)
class BinaryConvolution:
    """The sums that a layer starts from.

    Attributes:
        window: window of the convolution.
        filters: packed weights as the file has them, uint32 [outputs, taps, words].
        channels: number of input channels.
        output: int8 output of the sums, None where there are thresholds.
        thresholds: int32 [outputs], or None.
    """

    window: Window
    filters: np.ndarray
    channels: int
    output: BinaryOutput | None
    thresholds: np.ndarray | None = None

    @property
    def depth(self) -> int:
        """Products in a sum."""
        return self.window.size[0] * self.window.size[1] * self.channels


@dataclass(frozen=True)
class Layer(Step):
    """What one pass of `kernels/layer.h` computes, in this order.

    Attributes:
        binary: binary convolution that it starts from; else it starts from the int8 values of `source`.
        add, added: sum with another map, and the number of that.
        add_factors: steps of the result that a step of the sum's first and second operand is.
        prelu, prelu_factors: PReLU; steps of the result that a step is above zero, and times a slope of 1 below it.
        shift, shifts, shift_factor: sum with an int8 number for each channel; steps of the result that a step is.
        signs: number of the value that the result's signs are written to, -1 when they are not.
        operators: names of the operators, for messages.
    """

    operators: tuple[str, ...] = ()
    binary: BinaryConvolution | None = None
    add: Sum | None = None
    added: int = -1
    add_factors: tuple[float, float] = (0.0, 0.0)
    prelu: ParametricRelu | None = None
    prelu_factors: tuple[float, float] = (0.0, 0.0)
    shift: Sum | None = None
    shifts: np.ndarray | None = None
    shift_factor: float = 0.0
    signs: int = -1

    @property
    def reads(self) -> tuple[int, ...]:
        """Source, and what is added to it."""
        return (self.source, self.added) if self.add else (self.source,)

    @property
    def writes(self) -> tuple[int, ...]:
        """Values and signs."""
        return tuple(number for number in (self.result, self.signs) if number >= 0)

    @property
    def may_overwrite(self) -> tuple[int, ...]:
        """The map that is added, and int8 values that it starts from."""
        found = (self.added,) if self.add else ()
        return found if self.binary else (*found, self.source)


@dataclass(frozen=True)
class Network:
    """A network in plain C.

    Attributes:
        values: every value, by its number.
        steps: steps in the order in which they run.
        image, scores: numbers of the input and of the output.
    """

    values: dict[int, Value]
    steps: tuple[Step, ...]
    image: int
    scores: int

    def readers(self, number: int) -> list[int]:
        """Returns the places of the steps that read a value."""
        return [place for place, step in enumerate(self.steps) if number in step.reads]

    def with_steps(self, steps: tuple[Step, ...]) -> "Network":
        """Returns the network with other steps."""
        return replace(self, steps=steps)
