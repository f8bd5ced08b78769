"""Generated configurations of float operators that work on each channel alone; see sweep_models.py."""

from tests.support.lce_reference import NONE, RELU, RELU6, RELU_N1_TO_1, SAME, VALID

_CHANNELS = (1, 2, 3, 5, 8, 16, 24, 31, 32, 33, 40, 48, 63, 64, 65, 70, 96, 100, 128, 160)
_ACTIVATIONS = (NONE, RELU, RELU_N1_TO_1, RELU6)


def channel_operator(case):
    """One operator that works on each channel alone, and the signs of its result."""
    kind = case.choose("depthwise", "depthwise", "multiply", "multiply", "add", "concatenate", "split", "logistic")
    case.note(of=kind)
    x = case.floats(case.shape(9), steps=16)
    batch, height, width, channels = x.array.shape
    if kind == "depthwise":
        kernel, stride = (
            case.choose((3, 3), (3, 3), (1, 1), (5, 5), (2, 3)),
            case.choose((1, 1), (1, 1), (2, 2), (3, 1)),
        )
        dilation = case.choose((1, 1), (1, 1), (2, 1), (1, 2)) if stride == (1, 1) else (1, 1)
        fits = all((k - 1) * d < s for k, d, s in zip(kernel, dilation, (height, width), strict=True))
        padding, activation = case.choose(SAME, VALID) if fits else SAME, int(case.choose(NONE, NONE, *_ACTIVATIONS))
        case.note(kernel=kernel, stride=stride, dilation=dilation, padding=padding, activation=activation)
        filters, bias = case.steps((*kernel, channels)), case.steps(channels)
        x = case.graph.depthwise(x, filters, bias, stride, dilation, padding, activation)
    elif kind in ("multiply", "add"):
        shape, activation = case.choose(x.array.shape, (batch, 1, 1, channels)), int(case.choose(*_ACTIVATIONS))
        constant = kind == "multiply" and case.chance(0.3)
        other = case.graph.constant(case.steps(channels)) if constant else case.floats(shape, steps=16)
        case.note(other=other.array.shape, activation=activation)
        a, b = (x, other) if case.chance(0.5) else (other, x)
        x = getattr(case.graph, kind)(a, b, activation)
    elif kind == "concatenate":
        others = [
            case.floats((batch, height, width, int(case.choose(*_CHANNELS))), steps=16)
            for _ in range(case.choose(1, 1, 2, 3))
        ]
        case.note(others=[other.channels for other in others])
        x = case.graph.concatenate([x, *others], int(case.choose(-1, 3)))
    elif kind == "split":
        parts = int(case.choose(*(count for count in (1, 2, 3, 4, 5, 8) if channels % count == 0)))
        case.note(parts=parts)
        x, *others = case.graph.split(x, parts, int(case.choose(-1, 3)))
        for other in others:
            case.output(other)
    else:
        x = case.graph.logistic(x)
    case.output(x, exact=kind != "logistic")
    case.output(case.graph.quantize(x))
