"""Generated blocks of narrow binary convolutions: what is done to their results, one option after another."""

from tests.support import sweep_int8
from tests.support.lce_reference import SAME

CHANNELS = (8, 16, 24, 32, 48)
_ODD_CHANNELS = (3, 5, 12, 20, 40, 64)
OUTPUTS = ("float", "int8", "packed")


def block(case):
    """A binary convolution of few channels; at times a residual, a PReLU and a shift; then the map, its signs or both.

    Each option is drawn by itself, so that a few thousand cases have all combinations.
    """
    to = case.choose("float", "int8", "int8", "packed")
    inputs = int(case.choose(*CHANNELS, *CHANNELS, *_ODD_CHANNELS))
    x = _input(case, to, inputs)
    outputs = case.choose(inputs, inputs, int(case.choose(*CHANNELS)))
    stride = case.choose((1, 1), (1, 1), (2, 2), (2, 1))
    y = case.bconv(case.graph.quantize(x), outputs, to, to == "float", SAME if case.chance(0.7) else None, stride)
    if to == "packed":
        case.output(y)
        return
    if case.chance(0.6):
        y = _residual(case, to, x, y)
    for kind in ("prelu", "shift"):
        if case.chance(0.6):
            case.note(then=kind)
            y = _then(case, to, kind, y)
    with_map, with_signs = case.choose((True, False), (False, True), (True, True), (True, True))
    case.note(map=with_map, signs=with_signs)
    if with_map:
        case.output(y)
    if with_signs:
        case.output(case.graph.quantize(y))


def _input(case, to, channels):
    shape = case.shape(case.choose(5, 9, 18), channels)
    return case.floats(shape, steps=16) if to == "float" else sweep_int8.int8_input(case, shape)


def _residual(case, to, x, y):
    """The sum with the block's input, or with another map."""
    other = x if x.array.shape == y.array.shape and case.chance(0.8) else None
    case.note(residual="input" if other is x else "other")
    if to == "int8":
        return sweep_int8.add(case, sweep_int8.int8_input(case, y.array.shape) if other is None else other, y)
    other = case.floats(y.array.shape, steps=16) if other is None else other
    return case.graph.add(*((y, other) if case.chance(0.5) else (other, y)))


def _then(case, to, kind, y):
    if to == "int8":
        return sweep_int8.prelu(case, y) if kind == "prelu" else sweep_int8.shift(case, y)
    steps = case.rng.integers(-8, 9, y.channels).astype("float32") / 8
    return case.graph.prelu(y, steps) if kind == "prelu" else case.graph.add(y, case.graph.constant(steps))
