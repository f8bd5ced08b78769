"""Image files as arrays; `hybrid_tf.data.pixels` has the rules, which are those of hybrid-tf-runtime."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from hybrid_tf.data import pixels
from hybrid_tf.data.pixels import WHITE
from hybrid_tf.errors import HybridTFError


def load_image(path: str | Path, image_shape: tuple[int, int, int], background: str = WHITE) -> np.ndarray:
    """Returns one image file in the shape a network takes, as `hybrid_tf.data.pixels.load_image` describes it.

    Args:
        path: path of an image file of any name.
        image_shape: height, width and channels (1 or 3) of the result.
        background: colour behind transparent pixels: a name or "#rrggbb".

    Returns:
        The image, uint8 [H,W,C].

    Raises:
        HybridTFError: when the file is absent, no image, damaged or too large.
    """
    with _named(path):
        return pixels.load_image(path, image_shape, background)


def load_images(paths: Sequence[bytes], image_shape: tuple[int, int, int], background: str) -> np.ndarray:
    """Returns the images in files, uint8 [n,H,W,C], in the order of their paths; arguments and errors of `load_image`.

    Paths are bytes, because they need not be UTF-8.
    """
    images = np.empty((len(paths), *image_shape), np.uint8)
    for number, path in enumerate(paths):
        images[number] = load_image(os.fsdecode(path), image_shape, background)
    return images


def load_whole_image(path: str | Path, channels: int, background: str = WHITE) -> np.ndarray:
    """Returns an image file as uint8 [h,w,channels] in its own size. Raises HybridTFError like `load_image`."""
    with _named(path):
        return pixels.load_whole_image(path, channels, background)


def resize_array(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Returns uint8 [H,W] in another size, by bilinear interpolation with anti-aliasing."""
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


@contextmanager
def _named(path: str | Path) -> Iterator[None]:
    try:
        yield
    except pixels.ImageError as error:
        raise HybridTFError(f"{path} {error}: repair or remove it") from error
    except OSError as error:
        raise HybridTFError(f"cannot read {path}: {error.strerror}") from error
