"""What a conversion to int8 costs and gains is measured and said."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from hybrid_tf.compiler import Metadata, convert
from hybrid_tf.compiler.verification import Accuracy
from hybrid_tf.config import Config
from hybrid_tf.deploy import conversion, speed
from hybrid_tf.deploy.evaluation import evaluate_file, evaluate_run
from hybrid_tf.deploy.speed import FileSpeed, SideBySide, side_by_side
from hybrid_tf.training.session import train
from tests.support.shared import made_once
from tests.support.small_networks import full_precision_network

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A finished run of a network with a layer that int8 ruins."""
    config = Config(network="resnet20", plan="residual", width=0.25, epochs=3, batch_size=32)
    return made_once(tmp_path_factory, "run-int8-costs", lambda folder: train(config, folder / "run")) / "run"


@pytest.fixture
def run(made, tmp_path):
    return shutil.copytree(made, tmp_path / "run")


def test_the_accuracies_are_those_of_evaluate(hybrid_tf, run):
    assert hybrid_tf("convert", run, "--samples", "8")[0] == 0
    code, out, _ = hybrid_tf("convert", run, "--int8", "--samples", "8", "--json")
    found = json.loads(out)
    accuracy = found["verification"]["accuracy"]
    assert (code, accuracy["images"]) == (0, 360)  # all test images: that is quick
    assert accuracy["network"] == pytest.approx(evaluate_run(run)["accuracy"])
    assert accuracy["int8"] == evaluate_file(run / "model.int8.tflite")["accuracy"]
    assert found["verification"]["images"] == 8
    assert found["verification"]["inputs"] == "test images of digits"

    both = found["side_by_side"]
    assert [file["path"] for file in both["files"]] == [str(run / "model.tflite"), str(run / "model.int8.tflite")]
    for file in both["files"]:
        assert file["bytes"] == (run / file["path"]).stat().st_size
        assert 0 < file["milliseconds"] < 100
    assert both["smaller"] == min(both["files"], key=lambda file: file["bytes"])["path"]
    code, out, _ = hybrid_tf("convert", run, "--int8", "--samples", "8")
    assert "accuracy of Keras with the rounding of int8" in out
    assert "side by side on this computer, in hybrid-tf-runtime, one thread" in out
    assert "smaller" in out


def test_a_loss_of_more_than_a_point_is_said_with_the_fix(hybrid_tf, run, monkeypatch):
    """Ranges ten times too wide lose accuracy; nothing else is changed."""
    calibrated = conversion._calibrated

    def too_wide(*arguments):
        int8 = calibrated(*arguments)
        return replace(int8, ranges={point: (30 * low, 30 * high) for point, (low, high) in int8.ranges.items()})

    monkeypatch.setattr(conversion, "_calibrated", too_wide)
    code, out, err = hybrid_tf("convert", run, "--int8", "--samples", "8")
    assert code == 0
    assert "int8 loses" in out
    assert "warning: int8 loses " in err
    assert "on the same 360 test images" in err
    assert f"`hybrid-tf train --resume-from {run} --int8-aware --out {run}-int8`" in err
    assert f"then `hybrid-tf convert {run}-int8 --int8`" in err


def test_an_int8_aware_run_ends_with_its_conversion(hybrid_tf, run, tmp_path):
    tuned = tmp_path / "tuned"
    code, out, _ = hybrid_tf("train", "--resume-from", run, "--int8-aware", "--smoke", "--out", tuned)
    assert code == 0
    assert out.endswith(f"next: hybrid-tf convert {tuned} --int8\n")


def test_side_by_side_needs_both_and_runs_in_lce_too(tmp_path, monkeypatch):
    file, int8 = tmp_path / "mine.tflite", tmp_path / "mine.int8.tflite"
    convert(full_precision_network(), file, Metadata())
    assert side_by_side(file) is None
    shutil.copy(file, int8)
    monkeypatch.setattr(speed, "_runtime_times", lambda files: None)  # as where hybrid-tf-runtime is not installed
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
    from hybrid_tf import HybridTFError

    with pytest.raises(HybridTFError, match=message):
        convert(full_precision_network(), tmp_path / "mine.tflite", Metadata(**changes))
    assert not list(tmp_path.iterdir())


def test_metadata_from_python_make_a_classifier(hybrid_tf, tmp_path):
    import hybrid_tf as library

    pixels = np.random.default_rng(0).integers(0, 256, (20, 12, 12, 3))
    axes = (0, 1, 2)
    metadata = library.Metadata(list("abcde"), pixels.mean(axes), pixels.std(axes).astype(np.float32))
    library.convert(full_precision_network(), tmp_path / "mine.tflite", metadata)
    from PIL import Image

    Image.fromarray(pixels[0].astype(np.uint8)).save(tmp_path / "one.png")
    code, out, err = hybrid_tf("predict", tmp_path / "mine.tflite", tmp_path / "one.png", "--top", "99")
    assert (code, err, out.count(" %")) == (0, "", 5)
