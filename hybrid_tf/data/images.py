"""The reading of image files, with Pillow."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from hybrid_tf.errors import HybridTFError

IMAGE_SUFFIXES = frozenset(
    [
        ".avif",
        ".bmp",
        ".gif",
        ".jfif",
        ".jp2",
        ".jpeg",
        ".jpg",
        ".pgm",
        ".png",
        ".ppm",
        ".tif",
        ".tiff",
        ".webp",
    ]
)
# Of what Pillow reads, the formats of these suffixes: it would have Ghostscript run what an EPS file says.
_FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
_MODES = {1: "L", 3: "RGB"}
_GREY_MODES = ("1", "L", "LA", "La", "I", "F")
_ORIENTATION = 0x0112  # the EXIF tag; from 5 on it swaps height and width


class Header(NamedTuple):
    """What an image file says about itself: size in pixels as displayed, and whether it has no colour."""

    height: int
    width: int
    grey: bool


def load_image(path: str | Path, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Returns one image file in the shape a network takes, the way folders of images are read.

    The EXIF orientation is applied, grey becomes RGB or RGB grey as the channels ask, transparency is dropped, and the
    size is changed by bilinear interpolation with anti-aliasing, whatever the ratio of the sides.

    Args:
        path: path of a file of any format in IMAGE_SUFFIXES, whatever its name; of an animation the first image counts.
        image_shape: height, width and channels (1 or 3) of the result.

    Returns:
        The image, uint8 [H,W,C].

    Raises:
        HybridTFError: when the file is absent, no image, damaged or too large.
    """
    height, width, channels = image_shape
    mode = _MODES[channels]
    with _opened(path) as image:
        # A large JPEG is decoded at a half, quarter or eighth while that is at least twice the size wanted.
        image.draft(None, (2 * max(height, width),) * 2)
        return _pixels(_upright(image, mode).resize((width, height), Image.Resampling.BILINEAR))


def load_whole_image(path: str | Path, channels: int) -> np.ndarray:
    """Returns an image file as uint8 [h,w,channels] in its own size. Raises HybridTFError like `load_image`."""
    mode = _MODES[channels]
    with _opened(path) as image:
        return _pixels(_upright(image, mode))


def read_header(path: str | Path) -> Header:
    """Returns size and colour of an image file without decoding it. Raises HybridTFError like `load_image`."""
    with _opened(path) as image:
        width, height = image.size
        # Without this condition Pillow would decode a whole PNG to look for EXIF at its end.
        if "exif" in image.info and image.getexif().get(_ORIENTATION, 1) >= 5:
            width, height = height, width
        return Header(height, width, image.mode in _GREY_MODES or image.mode.startswith("I;16"))


def resize_array(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Returns uint8 [H,W] in another size, by bilinear interpolation with anti-aliasing."""
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


@cache
def _formats() -> list[str]:
    Image.init()
    return [name for name in _FORMATS if name in Image.OPEN]  # Pillow before 11.3 has no AVIF


@contextmanager
def _opened(path: str | Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path, formats=_formats()) as image:
            yield image
    except UnidentifiedImageError as error:
        raise HybridTFError(f"{path} is not an image that can be read: repair or remove it") from error
    except Image.DecompressionBombError as error:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise HybridTFError(f"{path} has more than {limit:,} pixels: make it smaller or remove it") from error
    except Exception as error:  # Pillow's decoders raise nearly any type on damaged files
        if isinstance(error, OSError) and error.strerror:  # it is the file system that failed
            raise HybridTFError(f"cannot read {path}: {error.strerror}") from error
        reason = " ".join(str(error).split()) or type(error).__name__
        raise HybridTFError(f"{path} is a damaged image ({reason}): repair or remove it") from error


def _upright(image: Image.Image, mode: str) -> Image.Image:
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16 bits, of which Pillow would clip instead of scale all above 255
        image = Image.fromarray((np.asarray(image).astype(np.int32) >> 8).clip(0, 255).astype(np.uint8))
    return image.convert(mode)


def _pixels(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else pixels[..., None]
