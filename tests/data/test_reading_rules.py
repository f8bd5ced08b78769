"""Odd image files give the right pixels, and the same ones wherever they are read."""

import numpy as np
import pytest
from PIL import Image

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
