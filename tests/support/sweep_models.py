"""Generated operator configurations: single operators with any options, and the chains that fusion looks for.

`Case(..., narrow=True)` is of a kind of its own, blocks of narrow binary convolutions, of which there are sweeps.
"""

from dataclasses import dataclass

import numpy as np

from tests.support import sweep_channels, sweep_int8, sweep_narrow
from tests.support.graph_builder import Graph, Value
from tests.support.lce_reference import NONE, RELU, RELU6, RELU_N1_TO_1, SAME, VALID, pack

INTERPRETERS = ("default", "indirect", "reference")  # the kernels that LCE has
_CHANNELS = (1, 2, 3, 5, 8, 16, 24, 31, 32, 33, 40, 48, 63, 64, 65, 70, 96, 100, 128, 160)
_ACTIVATIONS = (NONE, RELU, RELU_N1_TO_1, RELU6)
_INT8_SCALES = (0.0078125, 0.05, 0.37, 1.0, 1.5, 3.0)


@dataclass(frozen=True)
class Output:
    """What one output of a file must be.

    Attributes:
        name: of the configuration, with its options.
        array: float32, int8, bool, or packed int32.
        exact: whether float results have but one right value: they do where every sum before a rounding is exact.
    """

    name: str
    array: np.ndarray
    exact: bool


def kind_of(seed, index):
    """Returns what kind of configuration `Case(seed, index)` is."""
    return _draw_kind(np.random.default_rng([seed, index]))


def _draw_kind(rng):
    shares = np.array([share for _, share in _KINDS.values()])
    return str(rng.choice(list(_KINDS), p=shares / shares.sum()))


class Case:
    """One configuration.

    Attributes:
        graph: that holds it.
        rng, images: what options and weights are drawn from, and what inputs are.
        interpreters: the kernels of LCE that accept it.
        outputs: what its outputs must be.
        name: its options, as they are drawn.
    """

    def __init__(self, seed: int, index: int, batch: int | None = None, narrow: bool = False):
        self.graph, self.rng = Graph(), np.random.default_rng([seed, index])
        self.images = np.random.default_rng([seed, index, 1])
        self._batch = batch
        self.interpreters, self.outputs, self.name = set(INTERPRETERS), [], f"{index}:"
        kind = "narrow" if narrow else _draw_kind(self.rng)
        self.name += kind
        (sweep_narrow.block if narrow else _KINDS[kind][0])(self)

    @property
    def is_resized(self):
        """Whether the file may be run on another number of images than it was made for."""
        return self._batch is not None

    def choose(self, *values):
        return values[self.rng.integers(len(values))]

    def chance(self, probability):
        return bool(self.rng.random() < probability)

    def note(self, **options):
        self.name += " " + " ".join(f"{key}={value}".replace(" ", "") for key, value in options.items())

    def output(self, value: Value, exact=True):
        self.graph.output(value)
        self.outputs.append(Output(self.name, value.array, exact))

    def shape(self, largest=12, channels=None, least=1):
        """Returns the shape of a map."""
        batch = self._batch or self.choose(1, 1, 2, 3)
        height, width = (int(size) for size in self.rng.integers(least, largest + 1, 2))
        channels = channels or int(self.choose(*_CHANNELS))
        self.note(shape=(batch, height, width, channels))
        return batch, height, width, channels

    def signs(self, shape):
        """A packed input of random signs."""
        return self.graph.input(pack(self.images.random(shape) < 0.5), shape[-1])

    def floats(self, shape, steps=None, special=(0, -0.0)):
        """A float input with `special` numbers in it; or in steps of 1/8, with `steps` of them to either side of 0."""
        if steps:
            return self.graph.input(np.float32(self.images.integers(-steps, steps + 1, shape) / 8))
        values = self.images.normal(size=shape).astype(np.float32)
        values = np.where(self.images.random(shape) < 0.05, self.images.choice(np.float32(special), shape), values)
        return self.graph.input(values)

    def steps(self, shape):
        """Random weights in steps of 1/8, so that sums of their products are exact in float32, in any order."""
        return np.float32(self.rng.integers(-8, 9, shape) / 8)

    def bconv(self, x: Value, outputs=None, to=None, steps=False, padding=None, stride=None, groups=1, largest=7):
        """A binary convolution with random options. to: `float`, `int8` or `packed`. steps: multiples of 1/8."""
        rng, (_, *size, _) = self.rng, x.array.shape
        to = to or self.choose("float", "int8", "packed")
        outputs = outputs or int(self.choose(*_CHANNELS)) * groups
        square = self.chance(0.6)
        kernel = [int(self.choose(1, 2, 3, 3, 3, 4, 5, 6, 7)) for _ in range(2)]
        kernel = [min(k, largest) for k in (kernel[:1] * 2 if square else kernel)]
        stride = stride or tuple(int(self.choose(1, 1, 1, 2, 2, 3)) for _ in range(2))
        dilation = tuple(int(d) for d in (self.choose(1, 1, 2, 3), self.choose(1, 1, 1, 2)))
        if padding is None:
            padding = self.choose(SAME, SAME, VALID)
        if padding == VALID and any((k - 1) * d + 1 > s for k, d, s in zip(kernel, dilation, size, strict=True)):
            padding = SAME
        pad_values = 1 if to == "packed" else self.choose(1, 1, 0)
        activation = NONE if to == "packed" else int(self.choose(*_ACTIVATIONS))
        depth = kernel[0] * kernel[1] * x.channels // groups
        options = {
            "stride": stride,
            "dilation": dilation,
            "padding": padding,
            "pad_values": pad_values,
            "activation": activation,
        }
        self.note(bconv=to, kernel=kernel, outputs=outputs, groups=groups, **options)
        filters = np.where(rng.random((outputs, *kernel, x.channels // groups)) < 0.5, np.int8(-1), np.int8(1))
        if to == "packed":
            options["thresholds"] = np.int32(rng.normal(depth / 2, depth**0.5, outputs))
            extremes = np.int32([-(2**31), 2**31 - 1, -1, 0, depth])
            rare = rng.random(outputs) < 0.1
            options["thresholds"][rare] = rng.choice(extremes, np.count_nonzero(rare))
        elif steps:
            options["multiplier"] = np.float32(rng.integers(1, 5, outputs) * rng.choice([-0.125, 0.125], outputs))
            options["bias"] = np.float32(rng.integers(-40, 41, outputs) / 8)
        else:
            options["multiplier"] = np.float32(rng.normal(size=outputs) / depth**0.5)
            options["bias"] = np.float32(rng.normal(size=outputs))
        if to == "int8":
            options["int8"] = (float(self.choose(*_INT8_SCALES)) / 16, int(rng.integers(-128, 128)))
            self.note(int8=options["int8"])
        self._restrict(x, groups, kernel, dilation, options, to)
        return self.graph.bconv(x, filters, **options)

    def _restrict(self, x, groups, kernel, dilation, options, to):
        if groups > 1:
            self.interpreters.discard("default")
        if options["padding"] == VALID or options["pad_values"] == 1:
            return
        if x.channels // groups % 2:
            self.interpreters.discard("reference")
        fits = all((k - 1) * d < s for k, d, s in zip(kernel, dilation, x.array.shape[1:3], strict=True))
        # LCE corrects zero padding only for windows that stick out on one side of the image.
        if to != "float" or options["activation"] != NONE or not fits:
            self.interpreters &= {"reference"}


def _quantize(case):
    rank = case.choose(1, 2, 3, 4, 4, 4)
    shape = (*(int(size) for size in case.rng.integers(1, 6, rank - 1)), int(case.choose(*_CHANNELS)))
    if rank > 1 and case._batch:
        shape = (case._batch, *shape[1:])
    kind = case.choose("float", "int8", "bool")
    case.note(of=kind, shape=shape)
    if kind == "float":
        x = case.floats(shape, special=(0, -0.0, np.inf, -np.inf, np.nan))
    elif kind == "bool":
        x = case.graph.input(case.images.random(shape) < 0.5)
    else:
        zero_point = int(case.choose(-128, -127, -5, 0, 1, 64, 127))
        case.note(zero_point=zero_point)
        x = case.graph.input(case.images.integers(-128, 128, shape).astype(np.int8), None, 0.5, zero_point)
    case.output(case.graph.quantize(x))


def _dequantize(case):
    x = case.signs(case.shape())
    kind = case.choose("float", "int8", "bool")
    if kind == "int8":
        scale, zero_point = float(case.choose(*_INT8_SCALES)), int(case.choose(-128, -3, 0, 5, 127))
        case.note(to=kind, scale=scale, zero_point=zero_point)
        case.output(case.graph.dequantize(x, np.int8, scale, zero_point))
    else:
        case.note(to=kind)
        case.output(case.graph.dequantize(x, {"float": np.float32, "bool": bool}[kind]))


def _bmaxpool(case):
    x = case.signs(case.shape())
    case.output(_binary_pool(case, x))


def _binary_pool(case, x):
    kernel = [int(k) for k in case.rng.integers(1, 5, 2)]
    stride = [int(s) for s in case.rng.integers(1, 4, 2)]
    padding = case.choose(SAME, VALID)
    if padding == VALID and (kernel[0] > x.array.shape[1] or kernel[1] > x.array.shape[2]):
        padding = SAME
    case.note(pool=kernel, stride=stride, padding=padding)
    return case.graph.bmaxpool(x, kernel, stride, padding)


def _bconv(case):
    case.output(case.bconv(case.signs(case.shape())))


def _bconv_grouped(case):
    groups = int(case.choose(2, 3, 4))
    case.output(case.bconv(case.signs(case.shape(8, groups * 32 * int(case.choose(1, 1, 2)))), groups=groups))


def _packed_chain(case):
    """Quantize, then packed binary convolutions and pools, then dequantize: maps of different halos."""
    x = case.graph.quantize(case.floats(case.shape()))
    for _ in range(case.choose(1, 2, 3)):
        x = case.bconv(x, to="packed") if case.chance(0.7) else _binary_pool(case, x)
        if case.chance(0.3):
            case.output(x)
    if case.chance(0.5):
        x = case.graph.dequantize(x, np.float32)
        case.output(x)
    else:
        case.output(case.bconv(x))


def _residual(case):
    """A residual section: sign, binary convolution, addition, again and again."""
    x = case.floats(case.shape())
    if case.chance(0.2):
        case.output(x)
    for _ in range(case.choose(1, 2, 3)):
        packed = case.graph.quantize(x)
        if case.chance(0.2):
            case.output(packed)
        y = case.bconv(packed, x.channels, "float", padding=SAME, stride=(1, 1), largest=5)
        if case.chance(0.15):
            case.output(y)
        activation = int(case.choose(NONE, NONE, NONE, *_ACTIVATIONS))
        swapped = case.chance(0.5)
        case.note(add=activation, swapped=swapped)
        x = case.graph.add(*((y, x) if swapped else (x, y)), activation)
        x = _prelu_and_shift(case, x) if case.chance(0.3) else x
        if case.chance(0.3):
            case.output(x)
    case.output(case.graph.quantize(x) if case.chance(0.5) else x)


def _prelu_and_shift(case, x):
    """ReActNet's activation, or a part of it."""
    for kind in case.choose(("prelu", "shift"), ("prelu", "shift"), ("prelu",), ("shift",), ("prelu", "relu")):
        case.note(then=kind)
        if kind == "prelu":
            x = case.graph.prelu(x, case.steps(x.channels))
        elif kind == "shift":
            constant, activation = case.graph.constant(case.steps(x.channels)), int(case.choose(*_ACTIVATIONS))
            x = case.graph.add(*case.choose((x, constant), (constant, x)), activation)
        else:
            x = case.graph.relu(x, RELU6)
    return x


def _float_chain(case):
    """Binary convolution to floats, then what else may stand before the next sign."""
    x = case.bconv(case.signs(case.shape()), to="float")
    kind = case.choose("relu", "max", "self", "twice", "broadcast", "two")
    case.note(then=kind)
    if kind == "relu":
        x = case.graph.relu(x, int(case.choose(RELU, RELU6)))
    elif kind == "max":
        x = _float_pool(case, x, "max")
    elif kind == "self":
        x = case.graph.add(x, x, int(case.choose(*_ACTIVATIONS)))
    elif kind == "twice":
        case.output(case.graph.quantize(x))
        x = case.graph.add(case.graph.add(x, x), x)
    elif kind == "broadcast":
        x = case.graph.add(x, case.graph.constant(case.rng.normal(size=x.channels).astype(np.float32)))
    else:  # two binary convolutions of one map, added
        packed = case.graph.quantize(x)
        one, two = (case.bconv(packed, x.channels, "float", padding=SAME, stride=(1, 1)) for _ in range(2))
        x = case.graph.add(one, two)
    if case.chance(0.3):
        case.output(x)
    case.output(case.bconv(case.graph.quantize(x)))


def _float_pool(case, x, kind, kernel=None, stride=None, padding=None):
    kernel = kernel or [int(k) for k in case.rng.integers(1, 4, 2)]
    stride = stride or [int(s) for s in case.rng.integers(1, 4, 2)]
    if padding is None:
        padding = case.choose(SAME, VALID)
    if padding == VALID and (kernel[0] > x.array.shape[1] or kernel[1] > x.array.shape[2]):
        padding = SAME
    activation = int(case.choose(NONE, NONE, *_ACTIVATIONS))
    case.note(pool=kind, kernel=kernel, stride=stride, padding=padding, activation=activation)
    return case.graph.pool(x, kind, kernel, stride, padding, activation)


def _full_convolution(case, x, outputs, kernel, stride=(1, 1), padding=SAME, activation=NONE, dilation=(1, 1)):
    case.note(conv=kernel, outputs=outputs, stride=stride, padding=padding, activation=activation)
    filters, bias = case.steps((outputs, *kernel, x.channels)), case.steps(outputs)
    return case.graph.convolution(x, filters, bias, stride, dilation, padding, activation)


def _stem(case):
    """Full-precision convolution, sign, binary convolution."""
    x = case.floats(case.shape(10, int(case.choose(1, 3, 4, 8, 16))), steps=16)
    kernel = case.choose((1, 1), (3, 3), (3, 3), (5, 5), (7, 7), (2, 3))
    stride = case.choose((1, 1), (1, 1), (2, 2), (2, 1))
    padding = case.choose(SAME, VALID)
    if padding == VALID and (kernel[0] > x.array.shape[1] or kernel[1] > x.array.shape[2]):
        padding = SAME
    activation = int(case.choose(NONE, NONE, *_ACTIVATIONS))
    x = _full_convolution(case, x, int(case.choose(*_CHANNELS[3:-3])), kernel, stride, padding, activation)
    packed = case.graph.quantize(x)
    case.output(case.choose(x, packed))
    case.output(case.bconv(packed))


def _shortcut(case):
    """A residual block that halves the map: average pool and 1x1 convolution beside the binary convolution."""
    channels = int(case.choose(*_CHANNELS[3:-3]))
    x = case.floats(case.shape(10, channels, least=2), steps=16)
    outputs = int(case.choose(channels, channels * 2, 33))
    y = case.bconv(case.graph.quantize(x), outputs, "float", True, SAME, (2, 2), largest=3)
    kind = case.choose("average", "average", "max", "strided")
    activation = int(case.choose(NONE, NONE, *_ACTIVATIONS))
    if kind == "strided":
        shortcut = _full_convolution(case, x, outputs, (1, 1), (2, 2), SAME, activation)
    else:
        case.note(shortcut=kind)
        padding = SAME if x.array.shape[1] % 2 or x.array.shape[2] % 2 else case.choose(SAME, VALID)
        pooled = case.graph.pool(x, kind, (2, 2), (2, 2), padding)
        shortcut = _full_convolution(case, pooled, outputs, (1, 1), activation=activation)
    x = case.graph.add(*((y, shortcut) if case.chance(0.5) else (shortcut, y)), int(case.choose(NONE, *_ACTIVATIONS)))
    if case.chance(0.4):
        case.output(x)
    case.output(case.bconv(case.graph.quantize(x)))


def _pooled_sum(case):
    """A residual section that halves the map: pools behind the binary convolution and on the shortcut, then the sum."""
    x = case.floats(case.shape(10, least=2), steps=16)
    y = case.bconv(case.graph.quantize(x), x.channels, "float", True, SAME, (1, 1), largest=3)
    window = (2, 2), [int(s) for s in case.rng.integers(1, 3, 2)], case.choose(SAME, VALID)
    y = _float_pool(case, y, case.choose("max", "max", "average"), *window)
    if case.chance(0.2):
        case.output(y)
    shortcut = _float_pool(case, x, case.choose("average", "average", "max"), *window)
    x = case.graph.add(*((y, shortcut) if case.chance(0.5) else (shortcut, y)), int(case.choose(NONE, *_ACTIVATIONS)))
    if case.chance(0.4):
        case.output(x)
    case.output(case.bconv(case.graph.quantize(x)))


def _head(case):
    """The end of a network: pool or mean, and a dense layer. Means of other than 2, 4, 8... values are rounded."""
    x = case.bconv(case.signs(case.shape(6)), to="float", steps=True, largest=3)
    kind = case.choose("mean", "mean", "average", "none")
    case.note(head=kind)
    if kind == "mean":
        x = case.graph.mean(x, case.chance(0.5))
        case.output(x, exact=False)
    elif kind == "average":
        x = _float_pool(case, x, "average")
        case.output(x, exact=False)
    outputs, inputs = int(case.choose(5, 10, 33)), x.array[0].size
    bias = case.steps(outputs) if case.chance(0.7) else None
    case.note(dense=outputs, bias=bias is not None)
    x = case.graph.fully_connected(x, case.steps((outputs, inputs)), bias, int(case.choose(NONE, NONE, RELU)))
    case.output(x, exact=False)


# Kinds of configurations, and how many of each in 132.
_KINDS = {
    "bconv": (_bconv, 40),
    "bconv_grouped": (_bconv_grouped, 6),
    "quantize": (_quantize, 8),
    "dequantize": (_dequantize, 5),
    "bmaxpool": (_bmaxpool, 6),
    "packed_chain": (_packed_chain, 7),
    "residual": (_residual, 8),
    "float_chain": (_float_chain, 6),
    "stem": (_stem, 4),
    "shortcut": (_shortcut, 5),
    "pooled_sum": (_pooled_sum, 4),
    "head": (_head, 2),
    "channel_operator": (sweep_channels.channel_operator, 8),
    "int8_operator": (sweep_int8.operator, 10),
    "int8_conversion": (sweep_int8.conversion, 3),
    "int8_network": (sweep_int8.network, 10),
}
