"""Image files as arrays, read as hybrid-tf does when it trains; needs Pillow."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hybrid_tf_runtime.errors import HybridTFRuntimeError

if TYPE_CHECKING:
    from types import ModuleType


def load_image(path: str | Path, image_shape: tuple[int, int, int], background: str = "white") -> np.ndarray:
    """Returns an image file in the shape a network takes, as `hybrid_tf_runtime.pixels.load_image` describes it.

    Args:
        path: path of an image file of any name.
        image_shape: height, width and channels (1 or 3) of the result.
        background: colour behind transparent pixels: a name or "#rrggbb".

    Returns:
        The image, uint8 [H,W,C].

    Raises:
        HybridTFRuntimeError: when Pillow is absent, or the file is absent, no image, damaged or too large.
    """
    pixels = image_reader()
    try:
        return pixels.load_image(path, image_shape, background)
    except pixels.ImageError as error:
        raise HybridTFRuntimeError(f"{path} {error}: give another file") from error
    except OSError as error:
        raise HybridTFRuntimeError(f"cannot read {path}: {error.strerror}") from error


def image_reader() -> "ModuleType":
    """Returns the module that reads images; raises HybridTFRuntimeError when Pillow is not installed."""
    try:
        import PIL.Image  # noqa: F401
    except ImportError as error:
        raise HybridTFRuntimeError("reading images needs Pillow: pip install pillow") from error
    from hybrid_tf_runtime import pixels

    return pixels
