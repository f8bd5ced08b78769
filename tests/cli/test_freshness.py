"""A file that is older than its run, and a run that is not finished, are named wherever they are used."""

import json
import shlex
import shutil

import numpy as np
import pytest
from PIL import Image

from hybrid_tf.compiler import Metadata, read_metadata
from hybrid_tf.runs.digest import weights_digest
from hybrid_tf.runs.run import load_run
from hybrid_tf.runs.weights import save_weights

pytestmark = pytest.mark.slow


@pytest.fixture
def run(small_run, tmp_path):
    return shutil.copytree(small_run, tmp_path / "run")


def go_on(run):
    """Other best weights, as after `--resume`."""
    model = load_run(run).load_model()
    model.set_weights([weights * 1.01 for weights in model.get_weights()])
    save_weights(model, run / "best.weights.h5")


def test_an_older_file_is_named_with_the_fix(hybrid_tf, run, tmp_path):
    file, int8 = run / "model.tflite", run / "model.int8.tflite"
    for options in ([], ["--int8", "--calibration", "32"]):
        code, _, err = hybrid_tf("convert", run, "--samples", "8", *options)
        assert code == 0
        assert "older weights" not in err
    assert read_metadata(file).weights == read_metadata(int8).weights == weights_digest(run / "best.weights.h5") != ""
    photo = tmp_path / "photo.png"
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(photo)
    commands = [
        ["inspect", file],
        ["predict", file, photo],
        ["evaluate", file],
        ["verify", run, file, "--samples", "8"],
        ["energy", file],
        ["energy", run],
        ["compare", run],
        ["report", run, "-o", tmp_path / "page.html"],
    ]
    assert not [command for command in commands[:2] if "older weights" in hybrid_tf(*command)[2]]
    go_on(run)
    warning = f"warning: {file} was made from older weights than {run / 'best.weights.h5'}: make it again with "
    for command in commands:
        err = hybrid_tf(*command)[2]
        assert f"{warning}`hybrid-tf convert {run}`\n" in err, command
        assert (str(int8) in err) == (command[1] == run and command[0] != "verify"), command
        assert f"`hybrid-tf convert {run} --int8`\n" in err or str(int8) not in err
    code, _, err = hybrid_tf("convert", run, "--samples", "8")
    assert code == 0
    assert "older weights" not in hybrid_tf("predict", file, photo)[2]


def test_a_file_for_the_folder_of_another_run_is_not_judged_by_its_weights(hybrid_tf, run, tmp_path):
    other = shutil.copytree(run, tmp_path / "other")
    go_on(other)
    file = other / "model.int8.tflite"
    assert hybrid_tf("convert", run, "--samples", "8", "-o", file)[0] == 0
    assert read_metadata(file).weights == ""
    assert "older weights" not in hybrid_tf("inspect", file)[2]


def test_an_unfinished_run_is_named(hybrid_tf, run, tmp_path):
    (run / "report.json").unlink()
    history = (run / "history.csv").read_text()
    (run / "history.csv").write_text("".join(history.splitlines(keepends=True)[:2]))
    photo = tmp_path / "photo.png"
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(photo)
    for command in (["convert", run, "--samples", "8"], ["evaluate", run], ["predict", run, photo], ["verify", run]):
        code, _, err = hybrid_tf(*command)
        assert code == 0
        assert f"warning: run {run} is not finished (epoch 1 of 2): these are its best weights so far; continue" in err
        assert f"continue with `hybrid-tf train --resume {run}`" in err
    (run / "history.csv").write_text(history)
    resume = shlex.split(err.split("continue with `hybrid-tf ")[1].partition("`")[0])
    code, _, err = hybrid_tf(*resume)
    assert code == 0, err
    assert "is not finished" not in hybrid_tf("evaluate", run)[2]


def test_older_files_are_read_and_not_judged():
    metadata = Metadata(class_names=("a", "b"))
    assert "weights" not in json.loads(metadata.to_json())
    assert Metadata.from_json(metadata.to_json()) == metadata
    with_weights = Metadata(weights="1" * 64)
    assert Metadata.from_json(with_weights.to_json()) == with_weights
