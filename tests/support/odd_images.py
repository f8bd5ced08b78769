"""Image files as cameras, scanners, drawing programs and broken downloads leave them."""

import struct
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

_ORIENTATION = 0x0112
# Degrees that a picture taken with each EXIF orientation is turned by, counter-clockwise, and mirrored before.
_TURNS = {1: (0, False), 2: (0, True), 3: (180, False), 4: (180, True), 5: (90, True), 6: (90, False)}
_TURNS |= {7: (270, True), 8: (270, False)}


def picture(height: int = 24, width: int = 36) -> Image.Image:
    """A smooth picture without symmetry, so that JPEG changes it little and no turn is overlooked."""
    pixels = np.random.default_rng(3).integers(0, 256, (4, 6, 3), np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)


def write_odd_images(folder: Path) -> dict[str, np.ndarray | None]:
    """Writes 40 files of one picture; returns what each holds, uint8 [H,W,3], or None where it only has to be read."""
    upright = picture()
    rgb = np.asarray(upright)
    grey = np.asarray(upright.convert("L"))
    grey_rgb = np.repeat(grey[..., None], 3, axis=-1)
    holds: dict[str, np.ndarray | None] = {}

    def keep(name: str, image: Image.Image | bytes, right: np.ndarray | None, **options: object) -> None:
        if isinstance(image, bytes):
            (folder / name).write_bytes(image)
        else:
            image.save(folder / name, **options)
        holds[name] = right

    keep("rgb.png", upright, rgb)
    keep("grey.png", upright.convert("L"), grey_rgb)
    keep("one_bit.png", upright.convert("1"), np.repeat(np.asarray(upright.convert("1"))[..., None] * 255, 3, axis=-1))
    palette = upright.quantize(32)
    keep("palette.png", palette, np.asarray(palette.convert("RGB")))
    clear = palette.copy()
    clear.info["transparency"] = 0
    first = (np.asarray(palette) == 0)[..., None]
    keep("palette_clear.png", clear, np.where(first, 255, np.asarray(palette.convert("RGB"))), transparency=0)
    keep("palette_clear.gif", clear, None, transparency=0)
    half = np.full(grey.shape, 255, np.uint8)
    half[:, :18] = 0
    over_white = np.where(half[..., None] > 0, rgb, 255)
    alpha = upright.convert("RGBA")
    alpha.putalpha(Image.fromarray(half))
    keep("alpha.png", alpha, over_white)
    keep("alpha.tiff", alpha, over_white)
    keep("alpha.webp", alpha, over_white, lossless=True)
    grey_alpha = Image.merge("LA", (upright.convert("L"), Image.fromarray(half)))
    keep("grey_alpha.png", grey_alpha, np.where(half[..., None] > 0, grey_rgb, 255))
    black = Image.new("RGBA", upright.size, (0, 0, 0, 0))
    keep("nothing.png", black, np.full_like(rgb, 255))
    keep("colour_key.png", upright, None, transparency=tuple(map(int, rgb[0, 0])))
    keep("cmyk.jpg", upright.convert("CMYK"), None, quality=95)
    keep("cmyk.tiff", upright.convert("CMYK"), np.asarray(upright.convert("CMYK").convert("RGB")))
    keep("deep16.png", Image.fromarray(grey.astype(np.uint16) * 257), grey_rgb)
    keep("deep16.tiff", Image.fromarray(grey.astype(np.uint16) * 257), grey_rgb)
    keep("deep12.tiff", Image.fromarray(grey.astype(np.uint16) * 16), grey_rgb)
    keep("deep8.png", Image.fromarray(grey.astype(np.uint16)), grey_rgb)
    keep("int32.tiff", Image.fromarray(grey.astype(np.int32) << 8), grey_rgb)
    keep("float_to_1.tiff", Image.fromarray(grey.astype(np.float32) / 255), grey_rgb)
    keep("float_to_255.tiff", Image.fromarray(grey.astype(np.float32)), grey_rgb)
    keep("plain.bmp", upright, rgb)
    keep("plain.ppm", upright, rgb)
    keep("plain.tiff", upright, rgb)
    keep("plain.webp", upright, rgb, lossless=True)
    keep("plain.jp2", upright, None)
    other = upright.transpose(Image.Transpose.ROTATE_180)
    keep("moving.gif", palette, np.asarray(palette.convert("RGB")), save_all=True, append_images=[other.quantize(32)])
    keep("moving.webp", upright, rgb, save_all=True, append_images=[other], lossless=True)
    keep("two.mpo", upright, None, save_all=True, append_images=[other], format="MPO")
    for orientation, (degrees, mirrored) in _TURNS.items():
        taken = upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else upright
        exif = Image.Exif()
        exif[_ORIENTATION] = orientation
        keep(f"turned{orientation}.png", taken.rotate(degrees, expand=True), rgb, exif=exif)
    jpeg = as_jpeg(upright)
    shown = np.asarray(Image.open(BytesIO(jpeg)))
    keep("progressive.jpg", as_jpeg(upright, progressive=True), None)
    keep("without_end.jpg", jpeg[:-2], shown)
    text = _with_exif(jpeg, struct.pack("<HHI4s", _ORIENTATION, 2, 2, b"3\0\0\0"))
    keep("orientation_as_text.jpg", text, shown[::-1, ::-1])
    broken = _with_exif(jpeg, struct.pack("<HHII", 0x011A, 5, 1, 0xFFFFFF))  # a rational beyond the end of the file
    keep("broken_exif.jpg", broken, shown)
    return holds


def as_jpeg(image: Image.Image, **options: object) -> bytes:
    """Returns an image as the content of a JPEG file."""
    file = BytesIO()
    image.save(file, "JPEG", quality=95, **options)
    return file.getvalue()


def _with_exif(jpeg: bytes, entry: bytes) -> bytes:
    """Returns a JPEG file whose EXIF has one entry of 12 bytes."""
    exif = b"Exif\0\0" + b"II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 0)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]
