"""Signs as Larq Compute Engine stores them: 32 channels in an int32, the first in its lowest bit; a set bit is -1."""

import numpy as np

from hybrid_tf.tflite.names import WORD_BITS


def packed(negative: np.ndarray) -> np.ndarray:
    """Returns booleans [..., channels], true for -1, as int32 [..., ceil(channels / 32)]; zeros fill up the last."""
    filler = -negative.shape[-1] % WORD_BITS
    bits = np.pad(negative, [(0, 0)] * (negative.ndim - 1) + [(0, filler)])
    # packbits keeps the order of the axes in memory, and view needs the last one contiguous.
    return np.ascontiguousarray(np.packbits(bits, axis=-1, bitorder="little")).view("<i4")


def unpacked(words: np.ndarray, channels: int) -> np.ndarray:
    """Returns what `packed` made int32 words of."""
    return np.unpackbits(words.view(np.uint8), axis=-1, bitorder="little")[..., :channels].astype(bool)
