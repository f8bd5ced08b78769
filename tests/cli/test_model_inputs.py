"""`convert` of models from elsewhere: normalisation, classes and kind of scores are told, seen or tried, and known."""

import json
import shutil
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from hybrid_tf.compiler import convert, read_metadata
from hybrid_tf.compiler.metadata import METADATA_NAME, Metadata
from hybrid_tf.compiler.rewrite import add_metadata
from hybrid_tf.data import load_dataset
from hybrid_tf.errors import HybridTFError
from hybrid_tf_runtime import classify
from hybrid_tf_runtime.file_metadata import metadata as runtime_metadata
from tests.support.shared import made_once

pytestmark = pytest.mark.slow
layers = tf.keras.layers
SHAPE = (12, 12, 1)


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits", input_size=SHAPE[:2])


@pytest.fixture(scope="module")
def folder(tmp_path_factory, digits):
    """Models that know the digits: `scaled.keras` from pixels of 0 to 1, `whole.keras` from pixels to probabilities."""

    def make(folder):
        tf.keras.utils.set_random_seed(0)
        hidden = [layers.Conv2D(8, 3, 2, activation="tanh"), layers.Flatten(), layers.Dense(10)]
        inner = tf.keras.Sequential([layers.Input(SHAPE), *hidden])
        inner.compile(tf.keras.optimizers.Adam(0.01), tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        images, labels = digits.train.take(digits.train.size)
        inner.fit(images / np.float32(255), labels, epochs=8, verbose=0)
        inner.save(folder / "scaled.keras")
        tf.keras.Sequential(
            [layers.Input(SHAPE), layers.Rescaling(1 / 255, name="scale"), inner, layers.Softmax()]
        ).save(folder / "whole.keras")
        for number, name in enumerate(("seen.png", "other.png")):
            Image.fromarray(digits.test.take(2)[0][number, ..., 0]).save(folder / name)

    return made_once(tmp_path_factory, "models-of-digits", make)


@pytest.fixture
def whole(hybrid_tf, folder, tmp_path):
    """The converted `whole.keras`, and what `convert` said."""
    done = hybrid_tf(
        "convert", folder / "whole.keras", "-o", tmp_path / "whole.tflite", "--dataset", "digits", "--json"
    )
    return tmp_path / "whole.tflite", *done


def test_a_model_that_scales_pixels_itself_gets_nothing_on_top(hybrid_tf, folder, whole):
    file, code, out, err = whole
    assert (code, err) == (
        0,
        "note: layer 'scale' turns 0 to 255 into 0 to 1: the model takes pixels as they are, so nothing is put in "
        "front of it\n",
    )
    found = json.loads(out)
    assert found["conversion"] | {"ops": 0, "bytes": 0} == {
        "path": str(file),
        "bytes": 0,
        "binary_layers": 0,
        "ops": 0,
        "mean": [0.0],
        "std": [1.0],
        "scores": "probabilities",
        "float_layers": [],
        "notes": [],
    }
    assert found["verification"]["keras_accuracy"] == found["verification"]["file_accuracy"] > 0.9
    evaluated = json.loads(hybrid_tf("evaluate", file, "--json")[1])
    assert evaluated["accuracy"] > 0.9
    assert evaluated["loss"] < 0.5  # with softmax twice it is above 1.4
    verified = json.loads(hybrid_tf("verify", folder / "whole.keras", file, "--dataset", "digits", "--json")[1])
    assert verified["file_accuracy"] == found["verification"]["file_accuracy"]


def test_probabilities_are_shown_as_they_are(hybrid_tf, folder, whole, digits, monkeypatch, capfd):
    file, picture = whole[0], folder / "seen.png"
    model = tf.keras.models.load_model(folder / "whole.keras")
    [expected] = model.predict(digits.test.take(1)[0].astype(np.float32), verbose=0)
    assert expected.max() > 0.9
    [shown] = json.loads(hybrid_tf("predict", file, picture, "--json")[1])["top"]
    monkeypatch.setattr(sys, "argv", ["hybrid-tf-classify", str(file), str(picture), "--json"])
    classify.main()
    [classified] = json.loads(capfd.readouterr().out)["top"]
    for found in (shown, classified):
        assert found["class"] == digits.class_names[int(expected.argmax())]
        assert found["probability"] == pytest.approx(expected.max(), abs=1e-5)


def test_files_of_older_versions_do_not_say_it_and_it_is_seen(hybrid_tf, folder, whole, tmp_path):
    file, logits = tmp_path / "old.tflite", tmp_path / "logits.tflite"
    model = tf.keras.models.load_model(folder / "whole.keras")
    for path, network, scores in ((file, model, "probabilities"), (logits, model.layers[1], "logits")):
        convert(network, path, Metadata())
        text = json.dumps({"class_names": list("0123456789"), "mean": [0.0], "std": [1.0], "input_shape": SHAPE})
        path.write_bytes(
            add_metadata(path.read_bytes().replace(b"hybrid_tf", b"other____"), METADATA_NAME, text.encode())
        )
        assert read_metadata(path).scores == ""
        assert runtime_metadata(path).scores == scores
    picture = folder / "seen.png"
    old, new = (json.loads(hybrid_tf("predict", path, picture, "--json")[1])["top"][0] for path in (file, whole[0]))
    assert old["probability"] == pytest.approx(new["probability"], abs=1e-6)


def test_the_usual_ways_are_tried_and_the_best_is_said(hybrid_tf, folder, tmp_path):
    file = tmp_path / "scaled.tflite"
    code, out, err = hybrid_tf(
        "convert", folder / "scaled.keras", "-o", file, "--dataset", "digits", "--samples", "8", "--json"
    )
    assert code == 0
    found = json.loads(out)["conversion"]
    assert (found["mean"], found["std"], found["scores"]) == ([0.0], [255.0], "logits")
    assert err.startswith("note: on 256 test images of digits the model recognises from 0 to 1 9")
    assert err.endswith("the file takes the first, as if --mean 0 --std 255 were given\n")
    assert all(text in err for text in ("pixels from 0 to 255 ", "from -1 to 1 ", "standardised "))
    assert read_metadata(file).std == (255.0,)


def test_what_does_not_show_is_an_error(hybrid_tf, digits, tmp_path):
    image = layers.Input(SHAPE)
    pixels = layers.BatchNormalization(scale=False)(image)  # any scale will do in front of it, were it trained
    tf.keras.Model(image, layers.Dense(10)(layers.Flatten()(pixels))).save(tmp_path / "fresh.keras")
    code, _, err = hybrid_tf("convert", tmp_path / "fresh.keras", "--dataset", "digits")
    assert (code, err.count("\n")) == (1, 1)
    assert "under no usual normalisation does the model recognise the 256 test images of digits: " in err
    assert "--mean 0 --std 255" in err
    assert not (tmp_path / "fresh.tflite").exists()


def test_ways_that_are_as_good_are_an_error(hybrid_tf, folder, tmp_path):
    inner = tf.keras.models.load_model(folder / "scaled.keras")
    image = layers.Input(SHAPE)
    largest = layers.GlobalMaxPooling2D(keepdims=True)(image)
    smallest = -layers.GlobalMaxPooling2D(keepdims=True)(-image)
    model = tf.keras.Model(image, inner((image - smallest) / (largest - smallest)))  # takes any scale
    model.save(tmp_path / "any.keras")
    code, _, err = hybrid_tf("convert", tmp_path / "any.keras", "--dataset", "digits")
    assert (code, err.count("\n")) == (1, 1)
    assert "does not show which pixels the model takes: " in err
    assert "say it with these options" in err
    assert not (tmp_path / "any.tflite").exists()


def test_what_is_told_is_taken(hybrid_tf, folder, tmp_path):
    file, names = tmp_path / "told.tflite", tmp_path / "names.txt"
    names.write_text("".join(f"digit {number}\n" for number in range(10)))
    told = ["--mean", "0", "--std", "255", "--classes", names, "--scores", "logits"]
    code, out, err = hybrid_tf("convert", folder / "scaled.keras", "-o", file, *told)
    assert (code, err) == (0, "")
    assert "256 inputs of random pixels, no images" in out
    assert "(0, 255)" in out
    about = read_metadata(file)
    assert (about.mean, about.std, about.scores, about.class_names[3]) == ((0.0,), (255.0,), "logits", "digit 3")
    assert "digit " in hybrid_tf("predict", file, folder / "seen.png")[1]
    code, _, err = hybrid_tf("convert", folder / "scaled.keras", "-o", file, *told, "--dataset", "digits")
    assert (code, err.count("\n")) == (1, 1)
    assert "has classes that the network does not know: 0, 1" in err


def test_a_normalisation_on_top_of_layers_that_scale_is_a_warning(hybrid_tf, folder, tmp_path):
    told = ["--mean", "0", "--std", "255", "--samples", "8"]
    code, _, err = hybrid_tf("convert", folder / "whole.keras", "-o", tmp_path / "m.tflite", *told)
    assert (code, err.count("\n")) == (0, 1)
    assert err.startswith("warning: layer 'scale' turns 0 to 255 into 0 to 1, and --mean and --std come on top")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--mean", "0"], "--mean is given alone: the input is (pixel - mean) / std, so add --std 1"),
        (["--std", "1"], "--std is given alone: the input is (pixel - mean) / std, so add --mean 0"),
        (["--mean", "0", "--std", "0"], "--std has a number that is not above 0"),
        (["--mean", "a,b", "--std", "1"], "--mean 'a,b' is no list of numbers"),
        (["--mean", "1,2,3", "--std", "1"], "--mean has 3 and --std 1 numbers, but the model's images have 1 channels"),
        (["--classes", "none.txt"], "cannot read none.txt: No such file or directory"),
        (["--classes", "two.txt"], "the metadata names 2 classes, but the model has 10 scores"),
        (["--classes", "two.txt", "--dataset", "digits"], "--classes names 2 classes, but the model has 10 scores"),
        (["--classes", "gap.txt"], "gap.txt has an empty line: write the name of one class a line"),
        (["--classes", "seen.png"], "seen.png is no text in UTF-8"),
        (["--scores", "probabilities"], "so no probabilities: say --scores logits"),
    ],
)
def test_what_cannot_be_is_an_error(hybrid_tf, folder, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two.txt").write_text("cat\ndog\n")
    (tmp_path / "gap.txt").write_text("cat\n\ndog\n")
    shutil.copy(folder / "seen.png", ".")
    code, out, err = hybrid_tf("convert", folder / "scaled.keras", "-o", "m.tflite", *options)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert message in err
    assert not (tmp_path / "m.tflite").exists()


def test_a_softmax_gives_no_logits_and_a_run_is_told_nothing(hybrid_tf, folder, tmp_path):
    from hybrid_tf.pretrained import load_pretrained

    code, _, err = hybrid_tf("convert", folder / "whole.keras", "-o", tmp_path / "m.tflite", "--scores", "logits")
    assert (code, err.splitlines()[-1]) == (
        1,
        "error: the network ends in a softmax or sigmoid, so its scores are no logits: say probabilities",
    )
    run = load_pretrained("resnet20-residual").folder
    code, _, err = hybrid_tf("convert", run, "-o", tmp_path / "m.tflite", "--mean", "0", "--std", "1")
    assert (code, err) == (
        1,
        f"error: --mean, --std: {run} is a run, which knows what it was trained with: leave that out\n",
    )
    with pytest.raises(HybridTFError, match="unknown kind of scores 'logit': did you mean 'logits'"):
        convert(tf.keras.models.load_model(folder / "whole.keras"), tmp_path / "m.tflite", Metadata(scores="logit"))
