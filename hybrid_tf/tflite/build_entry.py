"""What no device needs of a file, in one compressed metadata entry: what it was made by, and the names of its tensors.

The first line says by what, as JSON of the compiler's; then there is a line for each tensor: the layer it comes from,
and behind a tab the point at which a value is rounded to int8, where it differs in more than what follows the layer's
name. What such lines nearly always hold is in a dictionary of the compression.
"""

import zlib
from collections.abc import Sequence

from hybrid_tf.errors import HybridTFError

BUILD_ENTRY = "hybrid_tf_build"
_MOST_UNPACKED = 1 << 22  # bytes
_RAW = -15  # without zlib's header and checksum
_SUFFIX, _WHOLE = "\t", "\v"
# Files depend on every byte of it.
_DICTIONARY = (
    b"dense\n\nflatten\n\nhead_dense1\t_bn\nquant_conv2d\t_bn\nmax_pooling2d\n\nre_lu\t\nadd\t\nstage1_conv1\t_bn\n\n"
    b"stage2_conv2_add\t\nstage2_conv2_shift\t\nstage3_conv1_prelu\t\n\n\nclassifier\t\n\nclassifier\t\npool\t\n\n\n\n\n"
    b"stage3_block1_shortcut_pool\t\n\n\nstage3_block1_shortcut\t_bn\n\n\n\n"
    b"stage1_block1_conv1\n\n\n\nstage1_block1_conv1\t_bn\nstage1_block1_conv1_add\t\n"
    b"\nstage1_block1_conv1_prelu\t\n\nstage1_block1_conv1_shift\t\nstage1_block1_conv2\n\n\n\nstage1_block1_conv2\t_bn\n"
    b"stage1_block1_conv2_add\t\n\nstage1_block1_conv2_prelu\t\n\nstage1_block1_conv2_shift\t\nstage1_block2_conv1\n\n\n\n"
    b"stage1_block2_conv1\t_bn\nstage1_block2_conv1_add\t\n\nstage1_block2_conv1_prelu\t\n\nstage1_block2_conv1_shift\t\n"
    b'{"int8":{"except_layers":[],"calibration_images":500},"float_layers":[],"versions":{"hybrid-tf":"0.1.0",'
    b'"tensorflow":"2.21.0","tf-keras":"2.21.0","larq":"0.14.0","larq-compute-engine":"0.16.0","numpy":"1.26.4"},'
    b'"weights":""}\n\n\vimage\n\n\nstem\t_bn\n'
)


def packed_build(facts: str, tensors: Sequence[tuple[str, str]]) -> bytes:
    """Returns the content of the entry.

    Args:
        facts: what the file was made by, one line.
        tensors: layer and point of each tensor of the file, in order; empty texts for one without.
    """
    lines = (layer + _of_point(layer, point) for layer, point in tensors)
    packer = zlib.compressobj(9, zlib.DEFLATED, _RAW, 9, zlib.Z_DEFAULT_STRATEGY, _DICTIONARY)
    return packer.compress("\n".join((facts, *lines)).encode()) + packer.flush()


def unpacked_build(content: bytes) -> tuple[str, list[tuple[str, str]]]:
    """Returns what `packed_build` was given. Raises HybridTFError when the entry is damaged."""
    try:
        unpacker = zlib.decompressobj(_RAW, _DICTIONARY)
        text = unpacker.decompress(content, _MOST_UNPACKED).decode()
    except (zlib.error, UnicodeDecodeError) as error:
        raise HybridTFError(f"what it was made by cannot be read ({error})") from error
    if not unpacker.eof:
        raise HybridTFError("what it was made by is cut off")
    facts, *lines = text.split("\n")
    return facts, [_layer_and_point(line) for line in lines]


def _of_point(layer: str, point: str) -> str:
    if not point:
        return ""
    return _SUFFIX + point.removeprefix(layer) if point.startswith(layer) else _WHOLE + point


def _layer_and_point(line: str) -> tuple[str, str]:
    if _WHOLE in line:
        layer, _, point = line.partition(_WHOLE)
        return layer, point
    layer, mark, suffix = line.partition(_SUFFIX)
    return layer, layer + suffix if mark else ""
