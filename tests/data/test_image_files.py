import warnings

import numpy as np
import pytest
from PIL import Image

from hybrid_tf import HybridTFError
from hybrid_tf.data import load_image


def gradient(height, width):
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([rows * 255 // height, columns * 255 // width, 0 * rows], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".gif", ".webp", ".tiff", ".ppm"])
def test_any_format(tmp_path, suffix):
    Image.fromarray(gradient(20, 30)).save(tmp_path / f"image{suffix}")
    image = load_image(tmp_path / f"image{suffix}", (20, 30, 3))
    assert image.shape == (20, 30, 3) and image.dtype == np.uint8
    assert np.abs(image.astype(int) - gradient(20, 30)).mean() < 12


def test_exif_orientation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to display
    Image.fromarray(gradient(16, 32)).save(tmp_path / "turned.png", exif=exif)
    image = load_image(tmp_path / "turned.png", (32, 16, 3))
    np.testing.assert_array_equal(image, np.rot90(gradient(16, 32), -1))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_mode(tmp_path, mode, channels):
    if mode == "I;16":
        image = Image.fromarray(np.full((8, 8), 51 * 257, np.uint16))
    else:
        image = Image.new("L", (8, 8), 51).convert(mode, dither=Image.Dither.NONE)
    image.save(tmp_path / ("image.tiff" if mode == "CMYK" else "image.png"))
    pixels = load_image(next(tmp_path.iterdir()), (8, 8, channels))
    assert pixels.shape == (8, 8, channels)
    assert abs(int(pixels.mean()) - (0 if mode == "1" else 51)) <= 2


def test_shrinking_is_anti_aliased(tmp_path):
    checks = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    Image.fromarray(checks).save(tmp_path / "checks.png")
    assert np.ptp(load_image(tmp_path / "checks.png", (16, 16, 1))) < 40


def test_a_large_jpeg_looks_the_same_as_when_decoded_in_full(tmp_path):
    Image.fromarray(gradient(1200, 1600)).save(tmp_path / "large.jpg")
    image = load_image(tmp_path / "large.jpg", (32, 32, 3)).astype(int)
    full = np.asarray(Image.open(tmp_path / "large.jpg").resize((32, 32), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(image - full).max() <= 3


def test_files_that_are_not_images(tmp_path):
    (tmp_path / "text.png").write_text("not an image")
    with pytest.raises(HybridTFError, match=r"text\.png is not an image that can be read: repair or remove it"):
        load_image(tmp_path / "text.png", (8, 8, 3))
    with pytest.raises(HybridTFError, match=r"cannot read .*absent\.png: No such file"):
        load_image(tmp_path / "absent.png", (8, 8, 3))


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_truncated(tmp_path, suffix):
    path = tmp_path / f"cut{suffix}"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(HybridTFError, match=rf"cut\{suffix} is a damaged image \(.+\): repair or remove it"):
        load_image(path, (8, 8, 3))


def test_decompression_bomb(tmp_path, monkeypatch):
    Image.new("L", (300, 300)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with warnings.catch_warnings(), pytest.raises(HybridTFError, match=r"bomb\.png has more than 2,000 pixels"):
        warnings.simplefilter("ignore")
        load_image(tmp_path / "bomb.png", (8, 8, 1))
