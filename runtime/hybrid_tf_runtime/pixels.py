"""The reading of image files, with Pillow: the one set of rules by which images become pixels.

Training and devices must see the same pixels, so `hybrid_tf.data.pixels` is a link to this file.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageColor

from .jpeg import has_end, without_end

WHITE = "white"

# Of what Pillow reads, the formats of these suffixes: it would have Ghostscript run what an EPS file says.
_FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TIFF", "WEBP")
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
_JPEGS = ("JPEG", "MPO")
_MODES = {1: "L", 3: "RGB"}
_GREY_MODES = ("1", "L", "LA", "La", "I", "F")
_PLAIN_MODES = ("1", "L", "P", "RGB", "CMYK", "YCbCr", "LA", "RGBA")  # their values need no look at all pixels
_ORIENTATION = 0x0112  # the EXIF tag
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_DEPTHS = (8, 12, 16, 24, 31)  # few, so that a dark image of a deep set is not taken for a bright one of less depth
# What a PNG file has to hold somewhere for Pillow to find an orientation in it: EXIF, EXIF as text, or XMP.
_ORIENTED_PNG = (b"eXIf", b"Raw profile type exif", b"XML:com.adobe.xmp")
_WHITE_IS_ZERO, _PHOTOMETRIC, _SUBFILE_TYPE = 0, 262, 254  # TIFF


class ImageError(Exception):
    """An image file that cannot be read. The message continues a sentence that begins with the file's name."""


class Header(NamedTuple):
    """What an image file says about itself.

    Attributes:
        height, width: size in pixels as displayed, with the EXIF orientation.
        mode: Pillow's name for the kind of its pixels: "RGB", "L", "P", "I;16", ...
        format: Pillow's name of the format.
        transparent: whether pixels can be transparent.
        bits: bits of a value, as `load_image` takes them: 8 but for deep integer images; 32 for float ones.
    """

    height: int
    width: int
    mode: str
    format: str
    transparent: bool
    bits: int

    @property
    def grey(self) -> bool:
        """Whether the image has no colour."""
        return self.mode in _GREY_MODES or self.mode.startswith("I;16")


def load_image(path: str | Path, image_shape: tuple[int, int, int], background: str = WHITE) -> np.ndarray:
    """Returns one image file in the shape a network takes.

    Of an animation the first image counts. The EXIF orientation is applied, transparency is composed on `background`,
    grey becomes RGB or RGB grey as the channels ask, and the size is changed by bilinear interpolation with
    anti-aliasing, whatever the ratio of the sides. Integers of more than 8 bits are scaled from 8, 12, 16, 24 or 31
    bits, the least that holds the largest of them; float values are 0 to 1, 0 to 255 or 0 to 65535, likewise.

    Args:
        path: path of an image file of any name.
        image_shape: height, width and channels (1 or 3) of the result.
        background: colour behind transparent pixels: a name or "#rrggbb".

    Returns:
        The image, uint8 [H,W,C].

    Raises:
        ImageError: when the file is no image, damaged or too large, or its values have no known range.
        OSError: when it cannot be read at all.
    """
    height, width, channels = image_shape
    content = Path(path).read_bytes()
    with _opened(content) as image:
        # A large JPEG is decoded at a half, quarter or eighth while that is at least twice the size wanted.
        image.draft(None, (2 * max(height, width),) * 2)
        found = _upright(_loaded(image, content), _MODES[channels], background)
        return _array(found.resize((width, height), Image.Resampling.BILINEAR))


def load_whole_image(path: str | Path, channels: int, background: str = WHITE) -> np.ndarray:
    """Returns an image file as uint8 [h,w,channels] in its own size. Rules and errors are those of `load_image`."""
    content = Path(path).read_bytes()
    with _opened(content) as image:
        return _array(_upright(_loaded(image, content), _MODES[channels], background))


def read_header(content: bytes) -> Header:
    """Returns what the content of an image file says about itself, after a look at whether it can be read to its end.

    A JPEG or PNG file is decoded only when its end is missing or its values need it, the checksums of a PNG file being
    compared anyway; other formats always are.

    Raises:
        ImageError: as `load_image`.
    """
    with _opened(content) as image:
        bits, form = 8, str(image.format)
        width, height = image.size
        whole = (form == "PNG" or (form in _JPEGS and has_end(content))) and image.mode in _PLAIN_MODES
        loaded = image if whole else _loaded(image, content)
        if not whole:
            _upright(loaded, "RGB", WHITE)
            width, height = loaded.size
        if image.mode.startswith("I") or image.mode == "F":
            bits = _depth(np.asarray(loaded))
        # Without this condition Pillow would decode a whole PNG to look for EXIF at its end.
        oriented = form != "PNG" or any(name in content for name in _ORIENTED_PNG)
        if oriented and _orientation(image) >= 5:
            width, height = height, width
        return Header(height, width, image.mode, form, _transparent(image), bits)


def is_image(start: bytes) -> bool:
    """Returns whether a file that starts with these bytes, 32 or more, is an image of a format that is read."""
    if _is_heif(start):
        return True
    return any(accept is None or accept(start[:16]) is True for accept in (Image.OPEN[form][1] for form in _formats()))


def check_colour(background: str) -> tuple[int, int, int]:
    """Returns red, green and blue, 0 to 255, of a colour's name or "#rrggbb". Raises ValueError for anything else."""
    red, green, blue = ImageColor.getrgb(background)[:3]
    return red, green, blue


@cache
def _formats() -> list[str]:
    Image.init()
    formats = [name for name in _FORMATS if name in Image.OPEN]  # Pillow before 11.3 has no AVIF
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return formats
    register_heif_opener()
    return [*formats, "HEIF"]


def _is_heif(start: bytes) -> bool:
    return start[4:8] == b"ftyp" and start[8:12] in _HEIF_BRANDS


@contextmanager
def _opened(content: bytes) -> Iterator[Image.Image]:
    if not content:
        raise ImageError("is empty")
    formats = _formats()
    try:
        with Image.open(BytesIO(content), formats=formats) as image:
            _check(image, content)
            yield image
    except ImageError:
        raise
    except Image.UnidentifiedImageError as error:
        if _is_heif(content) and "HEIF" not in formats:  # an AVIF file may have the same brand
            raise ImageError("is a HEIC photo, which needs `pip install pillow-heif`") from error
        page = content[:512].lstrip().lower().startswith((b"<!doctype html", b"<html"))
        raise ImageError("is an HTML page, not an image" if page else "is not an image that can be read") from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"has more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels") from error
    except Exception as error:  # Pillow's decoders raise nearly any type on damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"is a damaged image ({reason})") from error


def _check(image: Image.Image, content: bytes) -> None:
    """Raises what Pillow raises for a PNG file with wrong checksums, ImageError for what has an image Pillow misreads.

    Pillow decodes a PNG file without a look at its checksums.
    """
    if image.format == "PNG":
        with Image.open(BytesIO(content), formats=["PNG"]) as again:
            again.verify()
    if image.format == "TIFF":
        if image.tag_v2.get(_SUBFILE_TYPE, 0) & 1:
            raise ImageError("begins with a preview, as the raw files of cameras do, which is not the image")
        if image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO and image.mode.startswith(("I", "F")):
            raise ImageError("has more than 8 bits, of which 0 is white, which is not read")


def _loaded(image: Image.Image, content: bytes) -> Image.Image:
    """Returns the opened image with its pixels; a JPEG file may lack its end marker, if it lacks nothing else."""
    if image.format not in _JPEGS or has_end(content):
        image.load()
        return image
    return without_end(content, image.size)


def _orientation(image: Image.Image) -> int:
    """Returns the EXIF orientation, 1 to 8; 1 where it is absent or cannot be understood."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
        value = int(value[0] if isinstance(value, tuple) else value)  # some programs write it as text
    except Exception:  # of damaged EXIF, which says nothing about the pixels
        return 1
    return value if 1 <= value <= 8 else 1


def _transparent(image: Image.Image) -> bool:
    return image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info


def _upright(image: Image.Image, mode: str, background: str) -> Image.Image:
    """Returns the image as displayed, opaque, in `mode`, L or RGB."""
    turn = _UPRIGHT.get(_orientation(image))
    if image.mode.startswith("I") or image.mode == "F":
        values, clear = np.asarray(image), image.info.get("transparency")
        image = _in_8_bits(values)
        if clear is not None:  # the value that a 16-bit PNG says is transparent
            opaque = Image.new("RGB", image.size, check_colour(background))
            image = Image.composite(opaque, image.convert("RGB"), Image.fromarray(np.uint8(values == clear) * 255))
    elif _transparent(image):
        image = image.convert({"La": "LA", "RGBa": "RGBA"}.get(image.mode, image.mode)).convert("RGBA")
        opaque = Image.new("RGBA", image.size, (*check_colour(background), 255))
        image = Image.alpha_composite(opaque, image)
    if image.mode == "LAB":  # of which Pillow makes RGB alone
        image = image.convert("RGB")
    image = image.convert(mode)
    return image if turn is None else image.transpose(turn)


def _in_8_bits(values: np.ndarray) -> Image.Image:
    """Returns integers of more than 8 bits, or float numbers, [H,W] as an 8-bit image. Raises ImageError."""
    bits = _depth(values)
    if values.dtype.kind == "f":
        highest = float(values.max(initial=0))
        scale = 255.0 if highest <= 1 else 1.0 if highest <= 255 else 255 / 65535
        return Image.fromarray(np.round(values * scale).astype(np.uint8))
    return Image.fromarray((values.astype(np.int64) >> (bits - 8)).astype(np.uint8))


def _depth(values: np.ndarray) -> int:
    """Returns the bits of `values`: of integers the least usual number that holds them, 32 of float numbers."""
    if not np.isfinite(values).all():
        raise ImageError("has pixels that are no finite numbers")
    lowest, highest = values.min(initial=0), values.max(initial=0)
    if lowest < 0:
        raise ImageError(f"has pixels below 0 ({lowest:g}), so that what is black is not known")
    if values.dtype.kind != "f":
        return next(bits for bits in _DEPTHS if highest < 1 << bits)
    if highest > 65535:
        raise ImageError(f"has float pixels of up to {highest:g}: 0 to 1, 255 or 65535 are known")
    return 32


def _array(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else pixels[..., None]
