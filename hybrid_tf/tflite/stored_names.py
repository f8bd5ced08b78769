"""The names of tensors in one compressed metadata entry, where they take a sixth of what they take in the tensors."""

import zlib
from collections.abc import Sequence

from hybrid_tf.errors import HybridTFError

NAMES_ENTRY = "hybrid_tf_names"
_MOST_UNPACKED = 1 << 22  # bytes


def packed_names(names: Sequence[str]) -> bytes:
    """Returns the content of the entry: the name of each tensor of the file, in order."""
    return zlib.compress("\n".join(names).encode(), 9)


def unpacked_names(content: bytes, tensors: int) -> list[str]:
    """Returns the name of each tensor of a file. Raises HybridTFError when the entry does not hold as many."""
    try:
        decoder = zlib.decompressobj()
        names = decoder.decompress(content, _MOST_UNPACKED).decode().split("\n")
    except (zlib.error, UnicodeDecodeError) as error:
        raise HybridTFError(f"its names cannot be read ({error})") from error
    if not decoder.eof or len(names) != tensors:
        raise HybridTFError(f"it has names for {len(names)} tensors, not {tensors}")
    return names
