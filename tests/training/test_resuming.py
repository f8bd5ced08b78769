"""A run goes on with its own settings, and each way of small sets resumes to the numbers of the unbroken run."""

import contextlib
import json
import re

import numpy as np
import pytest
from PIL import Image

from hybrid_tf.config import Config
from hybrid_tf.data import Normalisation
from hybrid_tf.errors import HybridTFError
from hybrid_tf.runs.history import read_history
from hybrid_tf.runs.names import REPORT
from hybrid_tf.runs.resuming import resume_command
from hybrid_tf.runs.run import Run, load_run
from hybrid_tf.training import session
from hybrid_tf.training.resuming import check_settings, resumed_config
from hybrid_tf.training.session import train

NETWORK = {"network": "vgg11", "head": "compact", "width": 0.125, "input_size": 28}


def _run(folder, **settings):
    config = Config(**settings).with_absolute_paths()
    return Run(folder, config, ("a", "b"), (28, 28, 1), Normalisation((0.0,), (1.0,)))


def test_a_run_goes_on_with_its_settings(tmp_path):
    run = _run(tmp_path, epochs=7, batch_size=16)
    run.save()
    assert resumed_config(tmp_path, {}) == resumed_config(tmp_path, {"epochs": 7}) == run.config
    message = f"{tmp_path} was started with --epochs 7, not 8: leave --epochs out to resume it, or choose another --out"
    with pytest.raises(HybridTFError, match=re.escape(message)):
        resumed_config(tmp_path, {"epochs": 8})
    with pytest.raises(HybridTFError, match="was started with --batch-size 16, not 32"):
        resumed_config(tmp_path, {"batch_size": 32})


def test_paths_are_stored_absolute_and_are_equal_however_they_are_written(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "here")
    monkeypatch.chdir(tmp_path)
    run = _run(tmp_path, teacher="here", start_from="link", dataset="here")
    assert run.config.teacher == run.config.start_from == run.config.dataset == str(tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    for name in ("teacher", "start_from", "dataset"):
        check_settings(run, {name: "../here/."})
        with pytest.raises(HybridTFError, match=f"was started with --{name.replace('_', '-')} .*, not here"):
            check_settings(run, {name: "here"})
    # The name of a shipped network is no path.
    assert _run(tmp_path, start_from="resnet20-xnor").config.start_from == "resnet20-xnor"


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """A folder of images that nothing can be learnt from, so that the best epoch is an early one."""
    folder, random = tmp_path_factory.mktemp("noise") / "images", np.random.default_rng(0)
    for name, count in (("left", 30), ("right", 12)):
        for number in range(count):
            path = folder / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(random.integers(0, 256, (28, 28), np.uint8)).save(path)
    return folder


@pytest.fixture
def interrupted(monkeypatch):
    """Returns a function that trains with a Ctrl-C when it has asked for one so many times."""

    def run(config, folder, times):
        asked = iter(range(times))

        @contextlib.contextmanager
        def deferred():
            yield lambda: next(asked, None) is None

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt) as stopped:
            patch.setattr(session, "deferred", deferred)
            train(config, folder)
        return str(stopped.value)

    return run


@pytest.mark.slow
def test_a_training_without_progress_ends_and_says_so(noise, interrupted, tmp_path, hybrid_tf):
    config = Config(
        **NETWORK, dataset=str(noise), epochs=30, patience=2, class_weights="balanced", augmentation="strong"
    )
    whole = train(config, tmp_path / "whole")
    history, report = read_history(whole.folder), whole.report
    assert report.epochs == len(history) == report.best_epoch + 2 < report.planned_epochs == 30
    assert whole.config.batch_size == 8  # 27 + 11 images to train on
    message = interrupted(config, tmp_path / "parts", 5)
    assert "of epoch 2, which is saved" in message
    resume = resume_command(tmp_path / "parts")
    assert f"`{resume}` continues there" in message
    arguments = resume.split()[1:]
    code, output, errors = hybrid_tf(*arguments, "--json")
    assert code == 0, errors
    assert read_history(tmp_path / "parts") == history
    shown = [f"Epoch {epoch}/30" for epoch in range(2, len(history) + 1)]  # the rest of the second one, too
    assert re.findall(r"Epoch \d+/\d+", errors)[-len(shown) :] == shown
    same = json.loads(output)
    assert {key: same[key] for key in ("test_loss", "best_epoch", "epochs")} == {
        key: getattr(report, key) for key in ("test_loss", "best_epoch", "epochs")
    }
    # Killed between the last epoch and the report, it does not train on.
    (whole.folder / REPORT).unlink()
    assert train(config, whole.folder, resume=True).report.test_loss == report.test_loss
    assert read_history(whole.folder) == history
    code, output, errors = hybrid_tf(*arguments)
    assert "parts is finished: this is its result" in errors
    assert "2 epochs without a better one; 30 were planned" in " ".join(output.split())


@pytest.mark.slow
def test_a_training_that_starts_from_another_run_resumes(noise, interrupted, tmp_path):
    source = train(Config(**NETWORK, channels=1, smoke=True), tmp_path / "source")
    settings = {"dataset": str(noise), "epochs": 2, "channels": 1, "start_from": str(source.folder)}
    config = Config(**NETWORK, **settings)
    whole = train(config, tmp_path / "whole")
    assert "after step 2 of epoch 1" in interrupted(config, tmp_path / "parts", 1)
    resumed = train(config, tmp_path / "parts", resume=True)
    assert read_history(resumed.folder) == read_history(whole.folder)
    assert resumed.report.test_loss == whole.report.test_loss


@pytest.mark.slow
def test_the_first_lines_say_what_is_trained_on_what(noise, tmp_path, hybrid_tf, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = [f"--{name.replace('_', '-')}={value}" for name, value in NETWORK.items()]
    code, _, errors = hybrid_tf(
        "train", *options, "--dataset", noise, "--epochs=1", "--class-weights=balanced", "--out=run"
    )
    assert code == 0
    dataset = load_run("run").load_dataset()
    counts = [part.size for part in (dataset.train, dataset.validation, dataset.test)]
    first = errors.splitlines()
    images = "images: {} to train on, {} held out, {} to test".format(*counts)
    assert f"data: {noise}, 2 classes (left, right); {images}; 28x28x1 (--input-size)" in first
    steps = f"1 epochs of {counts[0] // 8} steps, batch size 8 (chosen from the number of images)"
    assert f"network: vgg11, plan residual, width 0.125; {steps}; augmentation crop-flip" in first
    assert "run folder: run" in first
    (weights,) = (line for line in first if line.startswith("class weights: right "))
    left, right = np.bincount(dataset.train.labels)
    assert weights == f"class weights: right {counts[0] / 2 / right:.2f}, left {counts[0] / 2 / left:.2f}"


@pytest.mark.slow
def test_resume_names_one_run(noise, tmp_path, hybrid_tf):
    code, _, errors = hybrid_tf("train", "--resume", tmp_path / "none")
    assert code == 1 and "none is not a run folder" in errors
    code, _, errors = hybrid_tf("train", "--resume", tmp_path / "none", "--out", tmp_path / "other")
    assert code == 1 and "goes on in its own folder: leave --out" in errors
