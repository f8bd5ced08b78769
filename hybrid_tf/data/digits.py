"""The 1,797 handwritten digits that scikit-learn contains: real images without a download."""

import numpy as np

from hybrid_tf.data.images import resize_array
from hybrid_tf.data.in_memory import InMemory
from hybrid_tf.data.source import Source
from hybrid_tf.data.split import stratified_split
from hybrid_tf.errors import HybridTFError

_TEST_IMAGES = 360
_HIGHEST_PIXEL = 16
_MOST_BYTES = 2 * 1000**3


def load_digits(input_size: tuple[int, int] | None, channels: int | None) -> Source:
    """Returns the digits, 8x8 pixels at the source, enlarged to `input_size` (32x32) by bilinear interpolation.

    Raises:
        HybridTFError: when they would not fit in memory at that size.
    """
    from sklearn import datasets

    digits = datasets.load_digits()
    height, width = input_size or (32, 32)
    if len(digits.images) * height * width * (channels or 1) > _MOST_BYTES:
        raise HybridTFError(f"digits of {height}x{width} pixels do not fit in memory: choose a smaller --input-size")
    small = np.round(digits.images * (255 / _HIGHEST_PIXEL)).astype(np.uint8)
    images = np.stack([resize_array(image, height, width) for image in small])[..., None].repeat(channels or 1, axis=-1)
    examples = InMemory(images, digits.target.astype(np.int32))
    train, test = stratified_split(examples.labels, _TEST_IMAGES, seed=0)
    return Source(
        name="digits",
        class_names=tuple(map(str, digits.target_names)),
        image_shape=(height, width, channels or 1),
        augmentation="crop",  # digits are not mirror-symmetric
        train=examples.select(train),
        test=examples.select(test),
    )
