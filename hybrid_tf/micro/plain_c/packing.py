"""The weights of binary convolutions, as `kernels/layer.h` reads them."""

import numpy as np


def packed_filters(filters: np.ndarray, channels: int) -> np.ndarray:
    """Returns weights with their taps one behind the other, without the unused bits of their last words.

    Args:
        filters: packed weights, uint32 [outputs, taps, words].
        channels: number of input channels.

    Returns:
        uint32 [outputs, ceil(taps * channels / 32)].
    """
    outputs = len(filters)
    words = np.ascontiguousarray(filters.astype("<u4"))
    bits = np.unpackbits(words.view(np.uint8), axis=-1, bitorder="little")[..., :channels].reshape(outputs, -1)
    bits = np.pad(bits, ((0, 0), (0, -bits.shape[1] % 32)))
    return np.packbits(bits, axis=-1, bitorder="little").view("<u4")
