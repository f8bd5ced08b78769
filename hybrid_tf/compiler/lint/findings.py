"""Findings of the linter, and every rule it knows: the one list that conversion, lint and `lint --rules` share."""

from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple


class Rule(NamedTuple):
    """A rule: what breaking it means (`error`: the file would be wrong or the layer not binary; `cost`), and why."""

    severity: str
    description: str
    source: str


@dataclass(frozen=True)
class Finding:
    """A rule that a layer breaks.

    Attributes:
        rule: name of the rule, one of `RULES`.
        layer: name of the layer; in a file, what the converter made of it.
        severity: `error` when a conversion is refused or would be wrong, `cost` when the file is right but does more
            than it has to.
        message: what is wrong, to be read behind the layer's name.
        fix: what to do about it.
        cost: plain numbers for one image, against the same layer without the fault; what does not apply is left out.
            `bytes` more in the file; `activation_bytes` more for the layer's output; `macs` that are float32 but could
            be binary, that are spent on padding, or whose result is known; `ops` that would be fused or not be there.
    """

    rule: str
    layer: str
    severity: str
    message: str
    fix: str
    cost: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        return f"layer '{self.layer}' {self.message}: {self.fix}"


def finding(
    rule: str, layer: str, message: str, fix: str, cost: dict[str, int] | None = None, severity: str | None = None
) -> Finding:
    """Returns a finding with the rule's severity, unless another is given. Costs of 0 are left out."""
    cost = {kind: int(value) for kind, value in (cost or {}).items() if value}
    return Finding(rule, layer, severity or RULES[rule].severity, message, fix, cost)


_PREPARE = "LCE mlir/transforms/prepare_tf.cc and prepare_patterns_common.td"
_OPTIMISE = "LCE mlir/transforms/optimize_patterns_common.td"
_BITS = "LCE mlir/transforms/bitpack_activations_patterns.td"

RULES = {
    "interface": Rule("error", "one input of images of fixed size, one output of scores", "compiler/tracing.py"),
    "mixed-precision": Rule("error", "every layer computes in float32", f"{_PREPARE}: float32 patterns only"),
    "separate-sign": Rule("error", "a quantizer belongs to a layer", f"{_PREPARE}: a sign is part of a convolution"),
    "plain-sign": Rule("error", "a sign is +1 at zero, as Larq's are; tf.sign stays a float32 SIGN", _PREPARE),
    "quant-dense": Rule("error", "a binary dense layer is built as a convolution", f"{_PREPARE}: only Conv2D matches"),
    "no-binary-operator": Rule("error", "only QuantConv2D has a binary operator", f"{_PREPARE}: only Conv2D matches"),
    "weight-only": Rule("error", "binary weights need a binary input", f"{_PREPARE}: both sides must be signs"),
    "input-only": Rule("error", "a binary input needs binary weights", f"{_PREPARE}: both sides must be signs"),
    "channels-first": Rule("error", "the layout is [N, H, W, C]", f"{_PREPARE}: NHWC only"),
    "input-quantizer": Rule("error", "an input is quantized to -1 below zero and +1 from zero on", _PREPARE),
    "kernel-quantizer": Rule("error", "a kernel has one magnitude per output channel", f"{_PREPARE}: IsBinaryFilter"),
    "zero-weights": Rule("error", "no output channel has weights that are all zero", f"{_PREPARE}: IsBinaryFilter"),
    "not-finite": Rule("error", "weights are finite", f"{_PREPARE}: IsBinaryFilter"),
    "pad-value": Rule("error", "padding is +1 or 0", "LCE mlir/transforms/fuse_padding.td"),
    "group-channels": Rule("error", "a group has a multiple of 32 input channels", _PREPARE),
    "explicit-padding": Rule(
        "error",
        "no symmetric padding layer before a strided convolution: it is taken for SAME, and the numbers are wrong",
        "LCE mlir/transforms/padding.h: IsSamePadding1D",
    ),
    "relu-dropped": Rule(
        "error",
        "no ReLU between a max pool and a binary layer: it is fused into the pool, then lost, and the bits are wrong",
        "LCE mlir/transforms/optimize_patterns_target_arm.td: LceBMaxPool2d takes any activation and has none",
    ),
    "zero-padding-kernel": Rule(
        "error",
        "zero padding needs float32 output without activation on the default kernels",
        "LCE tflite/kernels/bconv2d.cc: Prepare",
    ),
    "relu-before-sign": Rule("cost", "no ReLU in front of a binary layer: its input would be +1 everywhere", "sign"),
    "relu-behind-batch-norm": Rule("cost", "a ReLU goes between the binary convolution and its batch norm", _OPTIMISE),
    "relu-with-bias": Rule("cost", "a binary convolution with a ReLU has no bias", _OPTIMISE),
    "relu-with-zero-padding": Rule("cost", "a binary convolution with a ReLU pads with +1", _OPTIMISE),
    "relu-with-scaled-weights": Rule("cost", "a binary convolution with a ReLU has unscaled weights", _OPTIMISE),
    "float-activation": Rule("cost", "ReLU, ReLU6 or none behind a binary convolution", _OPTIMISE),
    "pool-before-batch-norm": Rule("cost", "batch norm goes before pooling", _OPTIMISE),
    "zero-padding": Rule("cost", "binary convolutions pad with +1, so that they can write bits and int8", _BITS),
    "bits-not-passed": Rule("cost", "nothing but pooling lies between a binary convolution and the next", _BITS),
    "input-channels": Rule(
        "cost",
        "input channels fill their words of 32 bits: the last word is at least half full",
        "LCE core/bitpacking/bitpack.h; the half is ours: CIFAR ResNets have stages of 16 channels",
    ),
    "output-channels": Rule(
        "cost",
        "output channels come in multiples of 8, the height of a kernel's tile",
        "LCE core/indirect_bgemm/select_kernel.h: 8x4",
    ),
}
