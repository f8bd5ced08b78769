import json
import sys

import numpy as np
import pytest
from PIL import Image

from hybrid_tf.compiler import Metadata, convert
from hybrid_tf.deploy.prediction import predict_images
from hybrid_tf_runtime import classify, images
from tests.support.small_networks import full_precision_network


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Images of several sizes, colours and formats."""
    folder, random = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    pixels = Image.fromarray(random.integers(0, 256, (9, 7, 3), np.uint8)).resize((200, 150), Image.Resampling.BICUBIC)
    turned = Image.Exif()
    turned[0x0112] = 6
    pixels.save(folder / "large.jpg")
    pixels.save(folder / "turned.jpg", exif=turned)
    pixels.convert("L").save(folder / "grey.png")
    pixels.convert("RGBA").save(folder / "transparent.png")
    pixels.resize((12, 12)).convert("P").save(folder / "palette.gif")
    deep = np.asarray(pixels.convert("L")).astype(np.uint16) * 257
    Image.fromarray(deep).save(folder / "deep.png")
    return sorted(folder.iterdir())


@pytest.fixture
def command(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["hybrid-tf-classify", *map(str, arguments)])
        try:
            classify.main()
        except SystemExit as stopped:
            return stopped.code, *capsys.readouterr()
        return 0, *capsys.readouterr()

    return run


def test_it_sees_what_hybrid_tf_predict_sees(command, model_file, photos):
    code, out, _ = command(model_file, *photos, "--top", 3, "--json")
    assert code == 0
    found, expected = json.loads(out), predict_images(model_file, tuple(photos), top=3)
    assert [row["image"] for row in found] == [row["image"] for row in expected]
    for ours, theirs in zip(found, expected, strict=True):
        assert [item["class"] for item in ours["top"]] == [item["class"] for item in theirs["top"]]
        probabilities = [[item["probability"] for item in row["top"]] for row in (ours, theirs)]
        np.testing.assert_allclose(*probabilities, atol=1e-4)


def test_a_line_for_each_image(command, model_file, photos):
    code, out, _ = command(model_file, *photos)
    assert code == 0
    lines = out.splitlines()
    assert [line.partition(": ")[0] for line in lines] == list(map(str, photos))
    assert all(line.endswith(" %") for line in lines)


def test_images_that_cannot_be_read_are_one_line_and_stop_no_other(command, model_file, photos, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(photos[0].read_bytes()[:200])
    wrong = {
        tmp_path / "missing.jpg": "No such file or directory",
        model_file: "is not an image that can be read",
        broken: "is not an image that can be read",
        tmp_path: "Is a directory",
    }
    code, out, error = command(model_file, *wrong, photos[0])
    assert code == 1
    assert [line.partition(": ")[0] for line in out.splitlines()] == [str(photos[0])]
    for line, (path, reason) in zip(error.splitlines(), wrong.items(), strict=True):
        assert line.startswith("error: ")
        assert str(path) in line
        assert reason in line
    code, out, _ = command(model_file, *wrong, photos[0], "--json")
    assert code == 1
    assert [row["image"] for row in json.loads(out)] == [str(photos[0])]


def test_without_pillow_the_message_names_it(command, model_file, photos, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    code, _, _ = command(model_file, *photos)
    assert code == "error: reading images needs Pillow: pip install pillow"


def test_files_that_are_no_classifiers_are_refused(command, photos, tmp_path):
    bare, wrong = tmp_path / "bare.tflite", tmp_path / "wrong.tflite"
    model = full_precision_network()
    convert(model, bare, Metadata())
    code, _, _ = command(bare, photos[0])
    assert "does not say which classes" in code
    convert(model, wrong, Metadata(("cat", "dog"), (0.0,) * 3, (1.0,) * 3, (12, 12, 3)))
    code, _, _ = command(wrong, photos[0])
    assert "to a score for each of its 2 classes" in code


def test_a_wrong_argument_is_explained(command, model_file, photos):
    code, _, error = command(model_file, photos[0], "--top", "0")
    assert code == 2
    assert "argument --top: invalid whole number from 1 value: '0'" in error


def test_images_are_read_as_in_training(photos):
    from hybrid_tf.data import load_image

    for photo in photos:
        for shape in ((12, 12, 3), (40, 24, 1), (300, 300, 3)):
            np.testing.assert_array_equal(images.load_image(photo, shape), load_image(photo, shape))
