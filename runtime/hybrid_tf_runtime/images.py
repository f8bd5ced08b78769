"""Reads image files as hybrid-tf does when it trains, with Pillow."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hybrid_tf_runtime.errors import HybridTFRuntimeError

if TYPE_CHECKING:
    from PIL import Image

_MODES = {1: "L", 3: "RGB"}


def load_image(path: str | Path, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Returns an image file in the shape a network takes, whatever its size, orientation (EXIF) and colours.

    The size is changed by bilinear interpolation with anti-aliasing; the ratio of the sides is not kept.

    Args:
        path: path of a file of any format that Pillow reads; of an animation the first image is used.
        image_shape: height, width and channels (1 or 3) of the result.

    Returns:
        The image, uint8 [H,W,C].

    Raises:
        HybridTFRuntimeError: when Pillow is absent, or the file is absent, no image, damaged or too large.
    """
    height, width, channels = image_shape
    with _opened(path) as image:
        # A large JPEG is decoded at a half, quarter or eighth while that is at least twice the size wanted.
        image.draft(None, (2 * max(height, width),) * 2)
        pixels = np.asarray(_upright(image, _MODES[channels]).resize((width, height), pillow().Resampling.BILINEAR))
    return pixels.reshape(height, width, channels)


def pillow() -> "Image":
    """Returns the module that reads images; raises HybridTFRuntimeError when it is not installed."""
    try:
        from PIL import Image
    except ImportError as error:
        raise HybridTFRuntimeError("reading images needs Pillow: pip install pillow") from error
    return Image


@contextmanager
def _opened(path: str | Path) -> Iterator["Image.Image"]:
    module = pillow()
    try:
        with module.open(path) as image:
            yield image
    except module.DecompressionBombError as error:
        limit = 2 * (module.MAX_IMAGE_PIXELS or 0)
        raise HybridTFRuntimeError(f"{path} has more than {limit:,} pixels: make it smaller") from error
    except Exception as error:  # Pillow's decoders raise nearly any type on damaged files
        if isinstance(error, OSError) and error.strerror:  # it is the file system that failed
            raise HybridTFRuntimeError(f"cannot read {path}: {error.strerror}") from error
        reason = " ".join(str(error).split()) or type(error).__name__
        raise HybridTFRuntimeError(f"{path} is not an image that can be read ({reason}): give another file") from error


def _upright(image: "Image.Image", mode: str) -> "Image.Image":
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16 bits, of which Pillow would clip instead of scale all above 255
        image = Image.fromarray((np.asarray(image).astype(np.int32) >> 8).clip(0, 255).astype(np.uint8))
    return image.convert(mode)
