"""Which int8 convolutions CMSIS-NN computes to the same integers, and what it needs for them.

Both multiply a sum with a factor of 31 bits, round the product to 32 bits with halves up, and shift it to the right.
LCE's interpreter rounds halves up at that shift, CMSIS-NN away from zero. They differ where the product is negative and
half way; every product of 32 bits is that of some sum. So they give the same where there is no such shift, and where a
fused activation cuts off all that lies below zero.
"""

from dataclasses import dataclass

from hybrid_tf.micro.plain_c.network import Convolution, Network

_TILE = 4  # windows that are laid out together
_VECTOR = 16  # bytes
_DEPTHWISE_CHANNELS = 124  # of a depthwise window that is laid out, with vectors


@dataclass(frozen=True)
class CmsisNN:
    """What CMSIS-NN can compute of a network.

    Attributes:
        steps: places of the steps.
        ours: names of the layers of the int8 convolutions and dense layers that it would round otherwise.
        buffer_bytes: bytes that its functions need beside the arena.
    """

    steps: frozenset[int]
    ours: tuple[str, ...]
    buffer_bytes: int


def cmsis_nn(network: Network) -> CmsisNN:
    """Returns what CMSIS-NN can compute of a network."""
    found = {place: step for place, step in enumerate(network.steps) if isinstance(step, Convolution)}
    same = {place: step for place, step in found.items() if _rounds_alike(network, step)}
    ours = tuple(step.layer for place, step in found.items() if place not in same)
    return CmsisNN(frozenset(same), ours, max(map(buffer_bytes, same.values()), default=0))


def _rounds_alike(network: Network, step: Convolution) -> bool:
    rounding = network.values[step.result].rounding
    assert rounding is not None
    return step.low >= rounding.zero_point or not any(multiplier.right for multiplier in step.multipliers)


def buffer_bytes(step: Convolution) -> int:
    """Returns the bytes of the buffer that CMSIS-NN needs for a step, at most, on processors of every kind."""
    taps = step.window.size[0] * step.window.size[1]
    if not step.depthwise:
        return _windows(taps * step.channels)
    outputs = len(step.biases)
    size = 2 * taps * max(outputs, 2 * _DEPTHWISE_CHANNELS)
    return max(size, _windows(taps) + taps * outputs) if step.channels == 1 else size


def _windows(depth: int) -> int:
    return _TILE * (-(-depth // _VECTOR) * _VECTOR)
