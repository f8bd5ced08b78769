"""The rules about numbers of channels, of a model's layer or of an operator in a file."""

from hybrid_tf.compiler.lint.findings import Finding, finding
from hybrid_tf.tflite.names import WORD_BITS

# Rows of a kernel's tile on 64-bit ARM (LCE core/indirect_bgemm/kernel_8x4x*_aarch64.h).
_TILE = 8


def channel_findings(layer: str, kernel: tuple[int, int, int, int], positions: int) -> list[Finding]:
    """Returns the numbers of channels that waste a good part of a binary convolution.

    Input channels are packed into words of 32 bits. A last word that is at least half full is taken for what it is, a
    choice of the network: the 16 channels of the CIFAR ResNets' first stage are as published, and nothing but another
    network would be cheaper. One that is less than half full can be dropped or filled at little change.

    Args:
        layer: name of the layer.
        kernel: height, width, input channels of a group and output channels of the kernel.
        positions: number of pixels of the output.
    """
    height, width, channels, filters = kernel
    found = []
    used = channels % WORD_BITS
    if 0 < used < WORD_BITS // 2:
        bits = (WORD_BITS - used) * height * width * filters
        fewer, more = channels - used, channels - used + WORD_BITS
        found.append(
            finding(
                "input-channels",
                layer,
                f"has {channels} input channels, of which the last {used} take a word of {WORD_BITS} bits",
                f"use {f'{fewer} or {more}' if fewer else more} channels",
                {"bytes": bits // 8, "macs": bits * positions},
            )
        )
    if filters % _TILE:
        idle = -filters % _TILE
        found.append(
            finding(
                "output-channels",
                layer,
                f"has {filters} output channels, and kernels compute {_TILE} at a time",
                f"use {f'{filters + idle - _TILE} or ' if filters > _TILE else ''}{filters + idle} filters",
                {"macs": idle * height * width * channels * positions},
            )
        )
    return found
