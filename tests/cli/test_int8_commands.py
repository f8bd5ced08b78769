"""int8 as users of the command line meet it: conversion, fine-tuning, what runs and shows the files, and mistakes."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from hybrid_tf.compiler import Interpreter, read_metadata
from hybrid_tf.runs.run import load_run
from hybrid_tf.system.files import read_json
from hybrid_tf.training.fine_tuning import int8_aware
from tests.cli.conftest import PLAN
from tests.support.small_networks import full_precision_network

pytestmark = pytest.mark.slow

SHORTCUT = "stage2_conv1_shortcut"


@pytest.fixture
def run(small_run):
    return small_run


@pytest.fixture
def result(hybrid_tf):
    """Returns a function that runs a command that must work: its JSON."""

    def run(*arguments):
        code, out, err = hybrid_tf(*arguments, "--json")
        assert code == 0, err
        return json.loads(out)

    return run


def test_a_run_with_int8_input_and_a_layer_in_float(result, run, tmp_path):
    file = tmp_path / "mine.tflite"
    options = ["--int8", "--calibration", "32", "--io", "int8", "--int8-except", SHORTCUT]
    assert result("convert", run, *options, "--samples", "8", "-o", file)["verification"]["passed"]
    int8 = read_metadata(file).int8
    assert (int8.calibration_images, int8.except_layers) == (32, (SHORTCUT,))
    found = result("inspect", file)
    assert (found["inputs"][0]["type"], found["outputs"][0]["type"]) == ("INT8", "INT8")
    assert {row["name"] for row in found["layers"] if row["precision"] == "full_precision"} == {SHORTCUT}
    assert {row["precision"] for row in found["layers"]} == {"binary", "int8", "full_precision"}

    scores = {engine: result("evaluate", file, "--engine", engine) for engine in ("lce", "runtime")}
    assert scores["lce"]["accuracy"] == scores["runtime"]["accuracy"]
    assert scores["lce"]["images"] == 360
    assert result("verify", run, file, "--samples", "8")["passed"]
    Image.fromarray(np.arange(32 * 32, dtype=np.uint8).reshape(32, 32)).save(tmp_path / "picture.png")
    prediction = result("predict", file, tmp_path / "picture.png", "--top", "10")
    assert sum(guess["probability"] for guess in prediction["top"]) == pytest.approx(1)


def test_energy_comparison_and_report_show_int8(result, run, tmp_path):
    run = shutil.copytree(run, tmp_path / "run")
    file = run / "model.int8.tflite"
    assert result("convert", run, "--int8", "--calibration", "32", "--samples", "8")["conversion"]["path"] == str(file)
    _, full_int8, hybrid, int8 = result("energy", run, "--int8")["costs"]
    assert [item["name"] for item in (full_int8, int8)] == ["full_precision, int8", f"{PLAN}, int8"]
    assert (hybrid["file_bytes"], int8["file_bytes"]) == (None, file.stat().st_size)
    [alone] = result("energy", file)["costs"]
    for key in ("macs", "weights", "peak_activation_bytes"):
        assert alone[key] == int8[key], key
    assert alone["energy"][0]["total_pj"] == pytest.approx(int8["energy"][0]["total_pj"])
    assert int8["energy"][0]["efficiency"] > 1.5 * hybrid["energy"][0]["efficiency"] > 1
    assert int8["peak_activation_bytes"] < hybrid["peak_activation_bytes"]

    rows = result("compare", run)
    assert [row["name"] for row in rows] == [PLAN, f"{PLAN}, int8"]
    assert rows[1]["cost"]["energy"] == int8["energy"]
    page = tmp_path / "report.html"
    result("report", run, "-o", page)
    for text in (f"{PLAN}, int8", "int8 MACs", '<td class="left">int8</td>', '<i class="int8" title="stage1_conv1'):
        assert text in page.read_text()


def test_fine_tuning_trains_with_the_rounding_of_its_file(result, hybrid_tf, run, tmp_path):
    tuned, file = tmp_path / "tuned", tmp_path / "tuned" / "model.int8.tflite"
    command = ["train", "--resume-from", run, "--int8-aware", "--out", tuned]
    assert result(*command)["network"] == "vgg11"
    before, after = load_run(run), load_run(tuned)
    kept = {"network", "plan", "width", "head", "dataset", "optimizer", "seed", "smoke"}
    assert {key: after.config.to_dict()[key] for key in kept} == {key: before.config.to_dict()[key] for key in kept}
    assert (after.config.epochs, after.config.peak_learning_rate) == (3, before.config.peak_learning_rate / 20)
    weights = [item.load_model().trainable_weights for item in (before, after)]
    changes = [np.abs(one.numpy() - other.numpy()).max() for one, other in zip(*weights, strict=True)]
    assert 0 < max(changes) < 0.05  # it starts from the run's

    assert result("convert", tuned, "--int8", "--samples", "8")["verification"]["passed"]
    ranges = {point: tuple(ends) for point, ends in read_json(tuned / "int8.json")["ranges"].items()}
    found = read_metadata(file).int8.ranges
    assert found.keys() == ranges.keys()
    for point, (low, high) in ranges.items():
        assert found[point] == pytest.approx((low, high), abs=0.51 * (high - low) / 255)

    # In training scores have the steps of the file; without the rounding they are any numbers.
    dataset, model = after.load_dataset(), after.load_model()
    images = after.normalisation.apply(dataset.test.take(64)[0])
    low, high = ranges["classifier"]
    plain = model.predict(images, verbose=0)
    model.predict_function = None
    with int8_aware(after, model, dataset):
        rounded = model.predict(images, verbose=0)
    for scores, between in ((Interpreter(file).predict(images), 0), (rounded, 0), (plain, 0.25)):
        steps = scores / ((high - low) / 255)
        assert np.abs(steps - np.rint(steps)).mean() == pytest.approx(between, abs=0.03)

    code, _, err = hybrid_tf("convert", tuned, "--int8", "--calibration", "32")
    assert (code, err.count("\n")) == (1, 1)
    assert "was trained with ranges of its own: leave --calibration out" in err
    assert result(*command, "--resume")["network"] == "vgg11"


def test_a_keras_model_is_calibrated_on_a_data_set(result, hybrid_tf, tmp_path):
    path = tmp_path / "mine.keras"
    full_precision_network().save(path)
    code, _, err = hybrid_tf("convert", path, "--int8")
    assert (code, err) == (
        1,
        "error: --int8 measures ranges on real images: name those of the training with --dataset\n",
    )
    code, _, err = hybrid_tf("convert", path, "--int8", "--dataset", "digits")
    assert code == 1
    assert "data set 'digits' has 10 classes, the network only 5" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--io", "int8"], "--calibration, --io and --int8-except belong to --int8"),
        (["--int8-except", "classifier"], "--calibration, --io and --int8-except belong to --int8"),
        (["--calibration", "100"], "--calibration, --io and --int8-except belong to --int8"),
        (["--int8", "--calibration", "0"], "0 is not in the range x>=1"),
        (["--int8", "--io", "int4"], "'int4' is not one of 'float32', 'int8'"),
        (["--int8", "--calibration", "1"], "needs at least 16 images, got 1"),
        (
            ["--int8", "--int8-except", "clasifier"],
            "unknown layer for --int8-except 'clasifier': did you mean 'classifier'",
        ),
    ],
)
def test_conversions_that_are_refused(hybrid_tf, run, tmp_path, options, message):
    file = tmp_path / "mine.tflite"
    code, out, err = hybrid_tf("convert", run, *options, "-o", file)
    assert code in (1, 2)
    assert (out, err.count("\n")) == ("", 1)
    assert message in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--resume-from", "nothing"], "nothing is not a run folder"),
        (
            ["--resume-from", "unfinished", "--int8-aware"],
            "unfinished is not finished: run `hybrid-tf train --resume unfinished` first",
        ),
        (["--int8-aware"], "--int8-aware fine-tunes a finished run: name it with --resume-from"),
        (["--resume-from", "RUN", "--two-stage", "0.5"], "--two-stage is for a training from its start"),
        (["--resume-from", "RUN", "--int8-aware", "--recalibrate", "5"], "--recalibrate changes the kernels"),
        (["--resume-from", "RUN", "--int8-aware", "--mixed-precision"], "--int8-aware needs float32"),
        (["--resume-from", "RUN", "--network", "vgg13"], "best.weights.h5 is damaged or belongs to another network"),
    ],
)
def test_fine_tunings_that_are_refused(hybrid_tf, run, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "config.json").write_bytes((run / "config.json").read_bytes())
    code, out, err = hybrid_tf("train", *(run if text == "RUN" else text for text in options), "--out", "tuned")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert message in err
    assert not (tmp_path / "tuned" / "config.json").exists()


def test_ranges_that_cannot_be_read(hybrid_tf, run, tmp_path):
    for name in ("config.json", "report.json", "best.weights.h5"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    settings = read_json(tmp_path / "config.json")
    settings["settings"] |= {"int8_aware": True, "resume_from": str(run)}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    for content in ("[]", '{"ranges": {"image": [0, 1]}}', '{"ranges": {"image": [1, 0]}}'):
        (tmp_path / "int8.json").write_text(content)
        code, _, err = hybrid_tf("convert", tmp_path, "--int8")
        assert (code, err.count("\n")) == (1, 1), err
        assert "int8.json is damaged" in err
