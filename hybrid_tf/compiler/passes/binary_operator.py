"""The binary convolution as an operator of a graph: its weights as bits, its options, the padding it can do."""

from dataclasses import dataclass

import numpy as np

from hybrid_tf.tflite import names
from hybrid_tf.tflite.bits import packed
from hybrid_tf.tflite.model import Operator, Tensor, constant

# The numbers of the schema: enum Padding, enum ActivationFunctionType.
SAME, VALID = 0, 1
NONE, RELU = 0, 1
ACTIVATIONS = {1: names.RELU, 2: names.RELU_N1_TO_1, 3: names.RELU6}
_TOLERANCE = 1e-5  # relative; batch norm folded into +1 and -1 rounds equally, so magnitudes are nearly always equal


@dataclass(frozen=True)
class BinaryWeights:
    """Weights of one magnitude per output channel.

    Attributes:
        negative: which weights are negative, [channels out, height, width, channels in of a group].
        scale: magnitude for each output channel.
    """

    negative: np.ndarray
    scale: np.ndarray


def binary_weights(weights: np.ndarray) -> BinaryWeights | None:
    """Returns float weights [channels out, height, width, channels in] as bits, or None when they are not binary.

    A channel of zeros alone is binary, with a magnitude of zero.
    """
    magnitude = np.abs(weights).reshape(len(weights), -1)
    scale = magnitude[:, 0]
    if not (np.isfinite(magnitude).all() and np.all(np.abs(magnitude - scale[:, None]) <= _TOLERANCE * scale[:, None])):
        return None
    return BinaryWeights(weights < 0, scale)


def same_padding(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Returns by how many pixels SAME pads an axis before and behind."""
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


@dataclass(frozen=True)
class Window:
    """How a filter slides over a map: strides and dilations of (height, width), padding, and the value of the border.

    Attributes:
        stride: steps from one output pixel to the next.
        dilation: steps from one tap to the next.
        padding: SAME or VALID.
        pad_value: 0 or 1, what SAME pads with.
    """

    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: int = VALID
    pad_value: int = 0


def binary_convolution(
    bits: Tensor, channels: int, weights: BinaryWeights, bias: np.ndarray | None, window: Window, output: Tensor
) -> Operator:
    """Returns the LceBconv2d from packed `bits` of so many channels to the float32 `output`."""
    bias = np.zeros(len(weights.scale)) if bias is None else bias
    options = {
        "channels_in": channels,
        "dilation_height_factor": window.dilation[0],
        "dilation_width_factor": window.dilation[1],
        "fused_activation_function": NONE,
        "pad_values": window.pad_value,
        "padding": window.padding,
        "stride_height": window.stride[0],
        "stride_width": window.stride[1],
    }
    numbers = [constant(np.float32(values)) for values in (weights.scale, bias)]
    return Operator(
        names.BINARY_CONV_2D,
        [bits, constant(packed(weights.negative)), *numbers, None],
        [output],
        options,
        is_custom=True,
    )


def with_activation(op: Operator, activation: int) -> list[Operator]:
    """Returns the operators for a binary convolution with a fused activation behind its multiplier and bias.

    LCE's activation acts in front of the multiplier; only a ReLU without a bias is the same in both places, and LCE's
    kernels have none where zeros pad.
    """
    if activation == NONE:
        return [op]
    multiplier, bias = op.constant(2), op.constant(3)
    if activation == RELU and not np.any(bias) and np.all(multiplier >= 0) and not pads_with_zeros(op):
        op.options["fused_activation_function"] = RELU
        return [op]
    output = op.outputs[0]
    inner = Tensor("", output.shape, output.type)
    op.outputs = [inner]
    return [op, Operator(ACTIVATIONS[activation], [inner], [output])]


def pads_with_zeros(op: Operator) -> bool:
    """Whether a binary convolution pads with zeros."""
    return op.options["padding"] == SAME and op.options["pad_values"] == 0


def is_binary_convolution(op: Operator | None, kind: str = "FLOAT32") -> bool:
    """Whether an operator is a binary convolution that writes numbers of a kind."""
    return op is not None and op.name == names.BINARY_CONV_2D and op.outputs[0].type == kind


def depth_of(op: Operator) -> int:
    """Returns how many products a binary convolution sums up for each output."""
    _, height, width, words = op.inputs[1].shape
    groups = max(1, op.inputs[0].shape[-1] // words)
    return height * width * (op.options["channels_in"] // groups)
