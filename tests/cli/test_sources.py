"""What a path is, and what was expected, is said; of swapped arguments, too."""

import shutil

import pytest
from PIL import Image

from hybrid_tf.pretrained import load_pretrained

NAME = "resnet20-residual"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with one thing of each kind, which the commands are called in."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(load_pretrained(NAME).folder, "run")
    shutil.copy("run/model.tflite", "model.tflite")
    shutil.copy("run/best.weights.h5", ".")
    (tmp_path / "photos").mkdir()
    Image.new("L", (8, 8)).save("photo.jpg")
    (tmp_path / "notes.txt").write_text("notes")
    (tmp_path / "empty.png").touch()
    (tmp_path / "mine.keras").write_text("a model")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "photo.jpg", "model.tflite"], "mean `hybrid-tf predict model.tflite photo.jpg`?"),
        (["predict", "a b.jpg", "run", "c.jpg"], "mean `hybrid-tf predict run 'a b.jpg' c.jpg`?"),
        (
            ["predict", "photos", "photo.jpg"],
            "photos is a folder without a run (it has no config.json): expected a run",
        ),
        (
            ["verify", "model.tflite", "run"],
            "model.tflite is a .tflite file: the first argument is the run or the Keras",
        ),
        (["verify", "model.tflite", "run"], "did you mean `hybrid-tf verify run model.tflite`?"),
        (["verify", "run", "photo.jpg"], "photo.jpg is an image: expected a .tflite file"),
        (["verify", "run", "no.tflite"], "cannot read no.tflite: no such file; make it with `hybrid-tf convert run`"),
        (["evaluate", "photo.jpg"], "photo.jpg is an image: expected a run folder or a .tflite file"),
        (
            ["evaluate", "mine.keras"],
            "mine.keras is a Keras model (.keras, .h5): expected a run folder or a .tflite file",
        ),
        (["convert", "model.tflite"], "model.tflite is the float file: name another one to write, with -o"),
        (["convert", "best.weights.h5"], "best.weights.h5 is a file of weights without a network: expected a run"),
        (["convert", "photos"], "photos is a folder without a run (it has no config.json): expected a run"),
        (["inspect", "run"], "run is a run folder: expected a .tflite file, such as run/model.tflite"),
        (["predict", "empty.png", "photo.jpg"], "empty.png is an empty file: expected a run folder or a .tflite file"),
        (["inspect", "photo.jpg"], "photo.jpg is an image: expected a .tflite file"),
        (["lint", "notes.txt"], "notes.txt is a file of another kind: expected a run folder or a Keras model"),
        (["summary", "model.tflite"], "model.tflite is a .tflite file: expected a run folder or the name of a network"),
        (
            ["energy", "photo.jpg"],
            "photo.jpg is an image: expected a run folder or a .tflite file or the name of a net",
        ),
        (["compare", "model.tflite"], "model.tflite is not a run folder: it is a .tflite file"),
    ],
)
def test_what_a_path_is(hybrid_tf, here, arguments, message):
    code, out, err = hybrid_tf(*arguments)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("error: ")
    assert message in err


def test_a_file_under_another_name_is_known_by_its_content(hybrid_tf, here):
    shutil.copy("model.tflite", "model.bin")
    assert hybrid_tf("inspect", "model.bin")[0] == 0
