import csv
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from hybrid_tf.config import Config
from hybrid_tf.data import load_dataset
from hybrid_tf.errors import HybridTFError
from hybrid_tf.runs.names import BEST
from hybrid_tf.runs.run import load_run
from hybrid_tf.system.files import read_json
from hybrid_tf.training.session import _class_names, train
from tests.support.shared import made_once

SMALL = {"network": "vgg11", "head": "compact", "width": 0.25, "epochs": 4, "batch_size": 32, "seed": 3}
ARGUMENTS = [f"--{name.replace('_', '-')}={value}" for name, value in SMALL.items()]


def _finish(folder):
    command = [sys.executable, "-m", "hybrid_tf", "train", *ARGUMENTS, "--out", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    return made_once(tmp_path_factory, "trained", lambda folder: _finish(folder / "run")) / "run"


@pytest.mark.slow
def test_a_run_folder_is_complete(unbroken):
    names = {path.name for path in unbroken.iterdir()}
    assert names == {
        "config.json",
        "summary.txt",
        "history.csv",
        "curves.png",
        "best.weights.h5",
        "last.weights.h5",
        "report.json",
        "checkpoints",
        "tensorboard",
    }
    stored = read_json(unbroken / "report.json")
    assert stored["test_images"] == 360
    assert stored["test_accuracy"] > 0.5  # four epochs of a narrow network; chance is 0.1
    assert stored["weights"]["binary"] == 576_000
    assert "stage3_conv2" in (unbroken / "summary.txt").read_text()
    assert list((unbroken / "tensorboard" / "train").glob("events*"))


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(unbroken, tmp_path):
    _finish(tmp_path / "same")
    assert (tmp_path / "same" / "history.csv").read_text() == (unbroken / "history.csv").read_text()
    train(Config(**SMALL | {"seed": 4}), tmp_path / "other")
    assert (tmp_path / "other" / "history.csv").read_text() != (unbroken / "history.csv").read_text()


@pytest.mark.slow
def test_the_best_epoch_is_kept(unbroken):
    rows = list(csv.DictReader((unbroken / "history.csv").open()))
    best = max(rows, key=lambda row: (float(row["val_accuracy"]), -float(row["val_loss"])))
    assert read_json(unbroken / "report.json")["best_epoch"] == int(best["epoch"])


@pytest.mark.slow
def test_a_finished_run_is_not_trained_again(unbroken, tmp_path):
    folder = shutil.copytree(unbroken, tmp_path / "run")
    before = (folder / BEST).stat().st_mtime_ns
    train(Config(**SMALL), folder, resume=True)
    assert (folder / BEST).stat().st_mtime_ns == before
    with pytest.raises(HybridTFError, match=r"already holds a run: `hybrid-tf train --resume .*` continues it"):
        train(Config(**SMALL), folder)
    with pytest.raises(HybridTFError, match="was started with --epochs 4, not 5"):
        train(Config(**SMALL | {"epochs": 5}), folder, resume=True)


def test_weight_decay_acts_on_full_precision_kernels_alone():
    import tensorflow as tf

    from hybrid_tf.models.registry import build_model
    from hybrid_tf.training.optimizers import compile_model

    model = build_model("resnet20", "residual", width=0.5)
    compile_model(model, Config(weight_decay=0.1, optimizer="sgd", learning_rate=1.0), steps=10)
    before = [value.numpy() for value in model.trainable_variables]
    model.optimizer.apply_gradients((tf.zeros_like(value), value) for value in model.trainable_variables)
    changed = {
        value.name.split("/")[0]
        for value, old in zip(model.trainable_variables, before, strict=True)
        if not np.allclose(value.numpy(), old)
    }
    assert changed == {"stem", "stage2_block1_shortcut", "stage3_block1_shortcut", "classifier"}


@pytest.mark.slow
def test_a_loss_that_is_not_finite_keeps_the_last_good_weights(tmp_path):
    config = Config(**SMALL | {"optimizer": "sgd", "learning_rate": 1e30, "plan": "full_precision"})
    with pytest.raises(HybridTFError, match="lower --learning-rate"):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run" / BEST).exists()


def test_numbered_outputs_have_names_of_their_own():
    dataset = replace(load_dataset("digits"), class_names=("class_1", "class_2", "class_3"))
    assert _class_names(Config(classes=5), dataset) == ("class_1", "class_2", "class_3", "class_4", "class_5")


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["cosine", "step"])
def test_other_settings_train(tmp_path, schedule):
    config = Config(
        **SMALL | {"epochs": 8, "smoke": True, "optimizer": "sgd", "schedule": schedule, "validation": 0.0},
        label_smoothing=0.1,
        weight_decay=1e-4,
        classes=12,
        augmentation="none",
    )
    run = train(config, tmp_path / "run")
    assert run.report.epochs == 2
    assert run.report.validation_accuracy is None
    assert run.class_names[9:] == ("9", "class_10", "class_11")
    assert load_run(run.folder) == run


@pytest.mark.slow
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_truncated_weights_are_refused(unbroken, tmp_path, kept):
    content = (unbroken / BEST).read_bytes()
    (tmp_path / "config.json").write_bytes((unbroken / "config.json").read_bytes())
    (tmp_path / BEST).write_bytes(content[: int(kept * len(content))])
    with pytest.raises(HybridTFError, match="is damaged or belongs to another network"):
        load_run(tmp_path).load_model()


@pytest.mark.slow
def test_weights_of_another_network_are_refused(unbroken, tmp_path):
    config = (unbroken / "config.json").read_text().replace('"width": 0.25', '"width": 1.0')
    (tmp_path / "config.json").write_text(config)
    (tmp_path / BEST).write_bytes((unbroken / BEST).read_bytes())
    with pytest.raises(HybridTFError, match="is damaged or belongs to another network"):
        load_run(tmp_path).load_model()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is not a run folder"),
        ("{", "is not valid JSON"),
        ("{}", "is damaged"),
        ('{"format": 99}', "newer hybrid-tf"),
        ('{"format": 1, "settings": {"netwrk": "vgg11"}}', "unknown setting 'netwrk': did you mean 'network'"),
    ],
)
def test_a_damaged_run_folder_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(HybridTFError, match=message):
        load_run(tmp_path)


def test_too_few_classes_are_refused(tmp_path):
    with pytest.raises(HybridTFError, match="--classes 5 is too few: data set 'digits' has 10 classes"):
        train(Config(classes=5), tmp_path / "run")
