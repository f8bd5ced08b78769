"""What a conversion to int8 costs and gains is measured and said."""

import json
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from hybrid_tf.cli.deployment import _warn_of_lost_accuracy
from hybrid_tf.compiler import Interpreter, Metadata, convert
from hybrid_tf.compiler.outcome import Accuracy, Verification
from hybrid_tf.data import Normalisation, load_dataset
from hybrid_tf.deploy import conversion
from hybrid_tf.deploy.evaluation import evaluate_run
from hybrid_tf.deploy.int8_accuracy import int8_accuracy
from hybrid_tf.deploy.speed import FileSpeed, SideBySide, side_by_side
from hybrid_tf.errors import HybridTFError
from hybrid_tf.runs.run import load_run
from tests.support.small_networks import full_precision_network

pytestmark = pytest.mark.slow


@pytest.fixture
def run(small_run, tmp_path):
    return shutil.copytree(small_run, tmp_path / "run")


def test_the_accuracies_are_those_of_evaluate(hybrid_tf, run):
    assert hybrid_tf("convert", run, "--samples", "8")[0] == 0
    code, out, _ = hybrid_tf("convert", run, "--int8", "--samples", "8", "--json")
    found = json.loads(out)
    accuracy = found["verification"]["accuracy"]
    assert (code, accuracy["images"]) == (0, 256)  # all test images of a smoke run: that is quick
    assert accuracy["network"] == pytest.approx(evaluate_run(run).accuracy)
    test, normalisation = load_run(run).load_dataset().test, load_run(run).normalisation
    images, labels = test.take(test.size)
    scores = Interpreter(run / "model.int8.tflite").predict(normalisation.apply(images))
    assert accuracy["int8"] == np.mean(scores.argmax(axis=1) == labels)
    counted = []

    class Counted(Normalisation):
        def apply(self, images):
            counted.append(len(images))
            return super().apply(images)

    numbers = Counted(normalisation.mean, normalisation.std)
    again = int8_accuracy(load_run(run).load_model(), run / "model.int8.tflite", test, numbers, 8)
    assert (again.images, again.network, again.int8) == (256, accuracy["network"], accuracy["int8"])
    assert counted[:2] == [1, 8]  # the first is for the start, and not counted
    assert sum(counted) == 1 + 256  # every image once

    assert found["verification"]["images"] == 8
    assert found["verification"]["inputs"] == "test images of digits"

    both = found["side_by_side"]
    assert [file["path"] for file in both["files"]] == [str(run / "model.tflite"), str(run / "model.int8.tflite")]
    for file in both["files"]:
        assert file["bytes"] == (run / file["path"]).stat().st_size
        assert 0 < file["milliseconds"] < 100
    assert both["smaller"] == min(both["files"], key=lambda file: file["bytes"])["path"]
    code, out, _ = hybrid_tf("convert", run, "--int8", "--samples", "8")
    assert "accuracy of Keras, without rounding" in out
    assert "largest difference of a score to Keras with the rounding of int8" in out
    assert "side by side on this computer, in hybrid-tf-runtime, one thread" in out
    assert "smaller" in out
    file = run / "model.int8.tflite"
    assert out.splitlines()[-1] == (
        f"next: hybrid-tf predict {file} IMAGE, or on the device hybrid-tf-classify {file} IMAGE and "
        f"hybrid-tf-benchmark {file}"
    )


def test_a_loss_of_more_than_a_point_is_said(hybrid_tf, tmp_path, monkeypatch):
    """A network that knows its digits, with ranges far too wide."""
    data = load_dataset("digits", input_size=(12, 12))
    images, labels = data.train.take(data.train.size)
    layers = tf.keras.layers
    small = [layers.Conv2D(8, 3, activation="relu", input_shape=(12, 12, 1)), layers.Flatten(), layers.Dense(10)]
    model = tf.keras.Sequential(small)
    model.compile("adam", tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(data.normalisation.apply(images), labels, epochs=5, verbose=0)
    model.save(tmp_path / "mine.keras")
    _, out, _ = hybrid_tf("convert", tmp_path / "mine.keras", "--samples", "8", "-o", tmp_path / "nameless.tflite")
    assert out.splitlines()[-1] == f"next: hybrid-tf-benchmark {tmp_path / 'nameless.tflite'}, here or on the device"
    command = ["convert", tmp_path / "mine.keras", "--dataset", "digits", "--samples", "8", "--int8"]
    command += ["--mean", repr(data.normalisation.mean[0]), "--std", repr(data.normalisation.std[0])]
    code, out, err = hybrid_tf(*command)
    assert (code, err) == (0, "")
    assert "int8 loses" in out
    calibrated = conversion._calibrated

    def too_wide(*arguments):
        int8 = calibrated(*arguments)
        return replace(int8, ranges={point: (50 * low, 50 * high) for point, (low, high) in int8.ranges.items()})

    monkeypatch.setattr(conversion, "_calibrated", too_wide)
    code, out, err = hybrid_tf(*command, "--json")
    accuracy = json.loads(out)["verification"]["accuracy"]
    lost = 100 * (accuracy["network"] - accuracy["int8"])
    assert (code, accuracy["images"], accuracy["network"] > 0.8, lost > 1) == (0, 360, True, True)
    assert err.startswith(f"warning: int8 loses {lost:.2f} points of accuracy: ")
    assert "on the same 360 test images. To mend it: keep the layers that suffer in float32 with --int8-except" in err


def test_the_fix_of_a_run_is_fine_tuning(run, capsys):
    verification = Verification(
        8, 0.0, 0.0, 0, 0.0, 0.0, 1.0, 0.9, 0.9, True, accuracy=Accuracy(500, 0.902, 0.82, "LCE")
    )
    _warn_of_lost_accuracy(run, verification)
    assert capsys.readouterr().err == (
        "warning: int8 loses 8.20 points of accuracy: 90.20 % without, 82.00 % with it on the same 500 test images. To "
        f"mend it: `hybrid-tf train --resume-from {run} --int8-aware --out {run}-int8`, then `hybrid-tf convert "
        f"{run}-int8 --int8`\n"
    )
    _warn_of_lost_accuracy(run, replace(verification, accuracy=Accuracy(500, 0.902, 0.893, "LCE")))
    assert capsys.readouterr().err == ""


def test_an_int8_aware_run_ends_with_its_conversion(hybrid_tf, run, tmp_path):
    tuned = tmp_path / "tuned"
    code, out, err = hybrid_tf("train", "--resume-from", run, "--int8-aware", "--epochs", "1", "--out", tuned)
    assert code == 0
    assert f"start: the best weights of {run}, fine-tuned for 1 epochs, with the rounding of int8" in err.splitlines()
    assert f"next: hybrid-tf convert {tuned} --int8, or hybrid-tf evaluate {tuned} --report" in out


def test_side_by_side_needs_both_and_runs_in_lce_too(tmp_path, monkeypatch):
    file, int8 = tmp_path / "mine.tflite", tmp_path / "mine.int8.tflite"
    convert(full_precision_network(), file, Metadata())
    assert side_by_side(file) is None
    shutil.copy(file, int8)
    monkeypatch.setitem(sys.modules, "hybrid_tf_runtime", None)  # as where it is not installed
    found = side_by_side(int8)
    assert (found.engine, found.smaller, found.rounds > 1) == ("LCE", None, True)
    assert all(0 < item.milliseconds < 100 for item in found.files)
    int8.write_bytes(b"damaged")
    assert side_by_side(file) is None


def test_near_times_are_no_difference():
    both = SideBySide("LCE", 9, (FileSpeed("a", 10, 1.0), FileSpeed("b", 9, 0.99)))
    assert (both.smaller, both.faster) == ("b", None)
    assert replace(both, files=(FileSpeed("a", 10, 1.0), FileSpeed("b", 10, 0.97))).faster == "b"
    assert Accuracy(100, 0.9, 0.82, "LCE").lost_points == pytest.approx(8)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"class_names": ("a", "b")}, "names 2 classes, but the model has 5 scores"),
        ({"mean": (1.0,), "std": (1.0,)}, "has 1 means and 1 standard deviations, but the model's images have 3"),
        ({"mean": (1.0,) * 3}, "has 3 means and 0 standard deviations"),
        ({"mean": (0.0,) * 3, "std": (1.0, 0.0, 1.0)}, "a standard deviation in the metadata is not above 0"),
        ({"mean": (np.nan,) * 3, "std": (1.0,) * 3}, "the metadata cannot be stored"),
    ],
)
def test_metadata_that_do_not_fit_are_refused(tmp_path, changes, message):
    with pytest.raises(HybridTFError, match=message):
        convert(full_precision_network(), tmp_path / "mine.tflite", Metadata(**changes))
    assert not list(tmp_path.iterdir())


def test_metadata_from_python_make_a_classifier(hybrid_tf, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 12, 12, 3))
    axes = (0, 1, 2)
    metadata = Metadata(list("abcde"), pixels.mean(axes), pixels.std(axes).astype(np.float32))
    convert(full_precision_network(), tmp_path / "mine.tflite", metadata)
    Image.fromarray(pixels[0].astype(np.uint8)).save(tmp_path / "one.png")
    code, out, err = hybrid_tf("predict", tmp_path / "mine.tflite", tmp_path / "one.png", "--top", "99")
    assert (code, err, out.count(" %")) == (0, "", 5)
