"""Odd image files give the right pixels, and the same ones wherever they are read."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from hybrid_tf import HybridTFError
from hybrid_tf.data import load_dataset, load_image, pixels
from hybrid_tf_runtime import images
from hybrid_tf_runtime import pixels as runtime_pixels
from tests.support.odd_images import as_jpeg, picture, write_odd_images


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd")
    return folder, write_odd_images(folder)


def test_each_file_gives_the_picture_that_it_holds(odd):
    folder, holds = odd
    assert len(holds) >= 40
    for name, right in holds.items():
        found = pixels.load_whole_image(folder / name, 3)
        assert found.shape == (24, 36, 3), name
        if right is not None:
            np.testing.assert_allclose(found.astype(int), right, atol=1, err_msg=name)


def test_training_predict_and_classify_read_the_same(odd, tmp_path):
    folder, holds = odd
    assert pixels.__file__ != runtime_pixels.__file__
    for shape in ((24, 36, 3), (16, 16, 1), (40, 20, 3)):
        # A folder data set, as training reads it: each file is found again by its pixels.
        for number, name in enumerate(sorted(holds)):
            for part in ("train", "test"):
                target = tmp_path / part / "ab"[number % 2] / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes((folder / name).read_bytes())
        data = load_dataset(str(tmp_path), input_size=shape[:2], channels=shape[2], validation=0)
        trained = sorted(image.tobytes() for image in data.train.take(len(holds))[0])
        assert trained == sorted(load_image(folder / name, shape).tobytes() for name in holds)
        for name in holds:
            np.testing.assert_array_equal(
                load_image(folder / name, shape), images.load_image(folder / name, shape), name
            )


def test_the_background_of_transparent_pixels_is_a_choice(odd):
    folder, _ = odd
    for background, level in (("white", 255), ("black", 0), ("#7f7f7f", 127)):
        assert (pixels.load_image(folder / "nothing.png", (8, 8, 3), background) == level).all()
    with pytest.raises(HybridTFError, match="background 'chequered' is no colour"):
        load_dataset(str(folder), background="chequered")


def test_values_of_no_known_range_are_refused(tmp_path):
    for name, values, reason in (
        ("negative.tiff", np.full((4, 4), -3, np.int32), "has pixels below 0"),
        ("huge.tiff", np.full((4, 4), 1e6, np.float32), "has float pixels of up to 1e\\+06"),
        ("nan.tiff", np.full((4, 4), np.nan, np.float32), "no finite numbers"),
    ):
        Image.fromarray(values).save(tmp_path / name)
        with pytest.raises(HybridTFError, match=reason):
            load_image(tmp_path / name, (4, 4, 1))


@pytest.mark.parametrize("progressive", [False, True])
def test_a_cut_jpeg_is_not_taken_for_one_without_end_marker(tmp_path, progressive):
    content = as_jpeg(picture(240, 360), progressive=progressive)
    whole = np.asarray(Image.open(tmp_path / "a.jpg")) if (tmp_path / "a.jpg").write_bytes(content) else None
    (tmp_path / "a.jpg").write_bytes(content[:-2])
    np.testing.assert_array_equal(load_image(tmp_path / "a.jpg", (240, 360, 3)), whole)
    for cut in (10, 40, 300, len(content) // 2):
        (tmp_path / "a.jpg").write_bytes(content[:-cut])
        with pytest.raises(HybridTFError, match="is a damaged image"):
            load_image(tmp_path / "a.jpg", (240, 360, 3))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_zeros_in_place_of_the_rest_of_a_jpeg_are_damage(tmp_path, options):
    content = as_jpeg(picture(240, 360), **options)
    half = content[: len(content) // 2]
    (tmp_path / "a.jpg").write_bytes(half + bytes(len(content)))
    with pytest.raises(HybridTFError, match="is a damaged image"):
        load_image(tmp_path / "a.jpg", (240, 360, 3))
    (tmp_path / "a.jpg").write_bytes(content[:-2] + bytes(1000))  # only padded
    whole = np.asarray(Image.open(BytesIO(content)))
    np.testing.assert_array_equal(load_image(tmp_path / "a.jpg", (240, 360, 3)), whole)


def test_a_progressive_jpeg_cut_between_two_scans_is_damage():
    content = as_jpeg(picture(240, 360), progressive=True)
    starts = [position for position in range(len(content)) if content.startswith(b"\xff\xda", position)]
    assert len(starts) > 5
    for start in starts[1:]:
        with pytest.raises(pixels.ImageError, match="is a damaged image"):
            pixels.read_header(content[:start])


def test_a_png_with_wrong_pixels_is_damage(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    for damaged in (content[:9000] + bytes(10000) + content[19000:], content[:9000] + bytes(len(content))):
        (tmp_path / "a.png").write_bytes(damaged)
        with pytest.raises(pixels.ImageError, match="is a damaged image"):
            pixels.read_header(damaged)
        with pytest.raises(HybridTFError, match="is a damaged image"):
            load_image(tmp_path / "a.png", (8, 8, 3))


def test_sizes_follow_an_orientation_wherever_it_stands(tmp_path):
    taken, exif = picture(24, 36), Image.Exif()
    exif[0x0112] = 6
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", xmp.decode())
    for name, options in {
        "late.png": {},
        "text.png": {"pnginfo": text},
        "a.webp": {"xmp": xmp},
        "a.jpg": {"xmp": xmp},
        "a.avif": {"exif": exif},
        "a.tiff": {"tiffinfo": {0x0112: 6}},
    }.items():
        taken.save(tmp_path / name, **options)
        if name == "late.png":  # EXIF behind the pixels
            content = (tmp_path / name).read_bytes()
            chunk = b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0")
            chunk = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
            (tmp_path / name).write_bytes(content[:-12] + chunk + content[-12:])
        header = pixels.read_header((tmp_path / name).read_bytes())
        shown = pixels.load_whole_image(tmp_path / name, 3)
        assert shown.shape[:2] == (header.height, header.width) == (36, 24), name


def test_a_transparent_value_of_16_bits(tmp_path):
    values = np.array([[1000, 2000, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png", transparency=1000)
    for background, level in (("white", [255, 255, 255]), ("red", [255, 0, 0])):
        found = pixels.load_whole_image(tmp_path / "a.png", 3, background)
        np.testing.assert_array_equal(found[0], [level, [7, 7, 7], [255, 255, 255]])


def test_lab_becomes_grey(tmp_path):
    Image.merge("LAB", [Image.new("L", (4, 4), level) for level in (128, 128, 128)]).save(tmp_path / "a.tiff")
    grey, colour = (pixels.load_image(tmp_path / "a.tiff", (4, 4, channels)) for channels in (1, 3))
    np.testing.assert_array_equal(grey[..., 0], np.asarray(Image.fromarray(colour).convert("L")))


def test_tiff_files_that_would_be_misread_are_refused(tmp_path):
    picture().save(tmp_path / "a.dng", "TIFF", tiffinfo={254: 1})
    with pytest.raises(HybridTFError, match="begins with a preview, as the raw files of cameras do"):
        load_image(tmp_path / "a.dng", (8, 8, 3))
    Image.fromarray(np.full((4, 4), 60000, np.uint16)).save(tmp_path / "a.tiff", tiffinfo={262: 0})
    with pytest.raises(HybridTFError, match="has more than 8 bits, of which 0 is white"):
        load_image(tmp_path / "a.tiff", (8, 8, 3))


def test_an_avif_file_is_no_heic_photo_because_of_its_brand(tmp_path, monkeypatch):
    picture().save(tmp_path / "a.avif")
    content = (tmp_path / "a.avif").read_bytes()
    (tmp_path / "a.avif").write_bytes(content.replace(b"ftypavif", b"ftypmif1", 1))
    monkeypatch.setattr(pixels, "_formats", lambda: ["JPEG", "PNG", "AVIF"])
    assert load_image(tmp_path / "a.avif", (24, 36, 3)).shape == (24, 36, 3)


def test_heic_without_its_package_is_named(tmp_path, monkeypatch):
    (tmp_path / "photo.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    monkeypatch.setattr(pixels, "_formats", lambda: ["JPEG", "PNG"])
    with pytest.raises(HybridTFError, match="is a HEIC photo, which needs `pip install pillow-heif`"):
        load_image(tmp_path / "photo.HEIC", (8, 8, 3))


def test_heic_is_read(tmp_path):
    from pillow_heif import register_heif_opener

    register_heif_opener()
    picture(64, 96).save(tmp_path / "photo.HEIC", quality=95)
    found = load_image(tmp_path / "photo.HEIC", (64, 96, 3)).astype(int)
    assert np.abs(found - np.asarray(picture(64, 96))).mean() < 6
