"""Distillation, two-stage training, recalibration and Bop: what they change, what they refuse, that they resume."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from hybrid_tf.config import Config
from hybrid_tf.data import Normalisation
from hybrid_tf.deploy.conversion import convert_run
from hybrid_tf.errors import HybridTFError
from hybrid_tf.models.layers import binary_conv, is_binary
from hybrid_tf.models.spec import BinarizationConfig
from hybrid_tf.runs.names import BEST
from hybrid_tf.runs.run import Run, load_run
from hybrid_tf.system.files import read_json
from hybrid_tf.training.distillation import Distillation, _attention_distance, softened_divergence
from hybrid_tf.training.optimizers import Bop, compile_model
from hybrid_tf.training.recalibration import recalibrate
from hybrid_tf.training.session import train
from tests.support.shared import made_once

SMALL = {"network": "vgg11", "head": "compact", "width": 0.125, "epochs": 3, "batch_size": 64, "seed": 3}
METHODS = {
    "plan": "residual",
    "attention": 1.0,
    "two_stage": 0.34,
    "shifts": True,
    "gradient": "approx",
    "recalibrate": 3,
    "class_weights": "balanced",
    "augmentation": "strong",
    "patience": 2,
}


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    settings = SMALL | {"smoke": True, "plan": "full_precision"}
    return made_once(tmp_path_factory, "teacher", lambda folder: train(Config(**settings), folder / "run")) / "run"


def _start(folder, settings):
    options = [f"--{key.replace('_', '-')}" + ("" if value is True else f"={value}") for key, value in settings.items()]
    command = [sys.executable, "-m", "hybrid_tf", "train", *options, "--out", str(folder), "--resume"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def _finish(folder, settings):
    process = _start(folder, settings)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors.decode()


def _kill_after(epochs, folder, settings):
    process, checkpoint = _start(folder, settings), folder / "checkpoints" / f"ckpt-{epochs}.index"
    deadline = time.monotonic() + 300
    while not checkpoint.exists():
        assert process.poll() is None, process.stderr.read().decode()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (folder / "report.json").exists()


@pytest.mark.slow
def test_all_methods_together_resume_convert_and_verify(teacher, tmp_path):
    """Killed at the end of the first stage and within the second, a run has the numbers of the one nobody killed."""
    teacher = shutil.copytree(teacher, tmp_path / "teacher")  # it is changed below
    settings = SMALL | METHODS | {"teacher": str(teacher)}
    _finish(tmp_path / "unbroken", settings)
    for epochs in (1, 2):
        _kill_after(epochs, tmp_path / "killed", settings)

    # Another teacher in the same place, and another place.
    weights = (teacher / BEST).read_bytes()
    (teacher / BEST).write_bytes(weights + b"x")
    with pytest.raises(HybridTFError, match=r"are not those that .*killed was started with"):
        train(Config(**settings), tmp_path / "killed", resume=True)
    (teacher / BEST).write_bytes(weights)
    with pytest.raises(HybridTFError, match="was started with --teacher"):
        train(Config(**settings | {"teacher": "elsewhere"}), tmp_path / "killed", resume=True)

    _finish(tmp_path / "killed", settings)
    rows, unbroken_rows = (
        list(csv.DictReader((tmp_path / name / "history.csv").open())) for name in ("killed", "unbroken")
    )
    assert rows == unbroken_rows
    # One schedule for each stage, so that the rate rises again; the best epoch is one of binary weights.
    rates = [float(row["learning_rate"]) for row in rows]
    assert rates[0] < 1e-4 < rates[1] > rates[2]
    reports = [read_json(tmp_path / name / "report.json") for name in ("killed", "unbroken")]
    for key in ("test_accuracy", "test_loss", "validation_accuracy", "best_epoch"):
        assert reports[0][key] == reports[1][key]
    assert reports[0]["best_epoch"] > 1

    conversion, verification = convert_run(tmp_path / "killed", samples=64)
    assert verification.passed
    assert conversion.ops["PRELU"] == conversion.ops["LceBconv2d"] == 7


@pytest.mark.slow
def test_the_first_stage_has_full_precision_weights_in_the_same_order(teacher):
    run = Run(teacher, Config(**SMALL), tuple("0123456789"), (32, 32, 1), Normalisation((0.0,), (1.0,)))
    first = replace(run.spec, binarization=BinarizationConfig(binary_kernels=False)).build()
    second = run.spec.build()
    assert [weight.name for weight in first.weights] == [weight.name for weight in second.weights]
    assert not any(map(is_binary, first.layers))
    second.set_weights(first.get_weights())
    images = tf.random.normal((2, 32, 32, 1))
    assert not np.allclose(first(images), second(images))
    for model in (first, second):
        for layer in model.layers:
            if hasattr(layer, "kernel_quantizer"):
                layer.kernel.assign(tf.sign(layer.kernel))
    np.testing.assert_allclose(first(images), second(images), rtol=1e-4, atol=1e-4)


def test_outputs_are_compared_as_the_formula_says():
    rng = np.random.default_rng(0)
    teacher, student = rng.normal(size=(2, 5, 3)).astype(np.float32)
    one, other = (np.exp(x / 2) / np.exp(x / 2).sum(axis=1, keepdims=True) for x in (teacher, student))
    expected = 4 * np.sum(one * np.log(one / other), axis=1)
    np.testing.assert_allclose(softened_divergence(teacher, student, 2.0), expected, rtol=1e-4)
    np.testing.assert_allclose(softened_divergence(teacher, teacher, 2.0), np.zeros(5), atol=1e-6)


def test_attention_maps_are_compared_whatever_their_size():
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)
    np.testing.assert_allclose(_attention_distance(x, -7 * x), np.zeros(2), atol=1e-6)
    one, other = np.zeros((2, 1, 2, 2, 1), np.float32)
    one[0, 0, 0], other[0, 1, 1] = 3.0, 0.5
    np.testing.assert_allclose(_attention_distance(one, other), [2.0])


@pytest.mark.slow
def test_distillation_trains_the_student_alone(teacher):
    """Away from the labels and towards the teacher, whose weights stay as they are."""
    taught = load_run(teacher)
    run = Run(teacher, Config(**SMALL, distillation=1.0, temperature=1.0), *_shape_of(taught))
    student = run.spec.build()
    model = Distillation(student, taught, run)
    assert [id(weight) for weight in model.trainable_weights] == [id(weight) for weight in student.trainable_weights]
    images, labels = tf.random.normal((64, *run.image_shape)), tf.one_hot(tf.zeros(64, tf.int32), 10)
    target = taught.load_model()
    before = np.mean(softened_divergence(target(images), student(images, training=True), 1.0))
    model.compile(tf.keras.optimizers.Adam(0.01), tf.keras.losses.CategoricalCrossentropy(from_logits=True))
    model.fit(images, labels, batch_size=64, epochs=15, verbose=0)
    after = np.mean(softened_divergence(target(images), student(images, training=True), 1.0))
    assert after < 0.5 * before


def _shape_of(run):
    return run.class_names, run.image_shape, run.normalisation


@pytest.mark.slow
def test_the_teacher_sees_images_normalised_as_its_own(teacher):
    taught = load_run(teacher)
    run = Run(teacher, Config(**SMALL), taught.class_names, taught.image_shape, Normalisation((9.0,), (3.0,)))
    pixels = np.random.default_rng(0).integers(0, 256, (4, *run.image_shape))
    model = Distillation(run.spec.build(), taught, run)
    expected = taught.load_model()(taught.normalisation.apply(pixels))
    np.testing.assert_allclose(model._teach(run.normalisation.apply(pixels), training=False)[0], expected, atol=1e-3)


def test_recalibration_takes_the_mean_over_all_batches():
    inputs = tf.keras.Input((2, 2, 3))
    norm = tf.keras.layers.BatchNormalization(momentum=0.9)
    model = tf.keras.Model(inputs, norm(inputs))
    images = np.random.default_rng(0).normal(3, 2, (40, 2, 2, 3)).astype(np.float32)
    recalibrate(model, tf.data.Dataset.from_tensor_slices((images, np.zeros(40))).batch(20))
    halves = images.reshape(2, 80, 3)
    np.testing.assert_allclose(norm.moving_mean, halves.mean(axis=(0, 1)), rtol=1e-5)
    np.testing.assert_allclose(norm.moving_variance, halves.var(axis=1, ddof=1).mean(axis=0), rtol=1e-4)
    assert norm.momentum == 0.9


def test_bop_flips_what_a_steady_gradient_asks_for():
    kernel, other = tf.Variable([0.3, 0.3, -0.3, -0.3]), tf.Variable([1.0])
    bop = Bop(0.1, 0.1, [kernel])
    gradient = tf.constant([1.0, -1.0, 1.0, -1.0])  # positive: the loss falls when the weight does
    bop.apply_gradients([(gradient, kernel), (tf.constant([1.0]), other)])
    np.testing.assert_array_equal(kernel, [-1.0, 1.0, -1.0, 1.0])
    assert float(other) == pytest.approx(0.9, abs=1e-5)  # a step of Adam
    bop.apply_gradients([(-0.5 * gradient, kernel), (tf.constant([1.0]), other)])
    np.testing.assert_array_equal(kernel, [-1.0, 1.0, -1.0, 1.0])  # one gradient is not yet the average
    for _ in range(2):
        bop.apply_gradients([(-gradient, kernel), (tf.constant([1.0]), other)])
    np.testing.assert_array_equal(kernel, [1.0, -1.0, 1.0, -1.0])


@pytest.mark.slow
def test_bop_resumes(tmp_path):
    """In one process: the checkpoint holds the averages of the gradients."""
    model = _binary_model()
    before = [_epochs(model, 1), _epochs(model, 2)]
    again = _binary_model()
    _epochs(again, 1)
    checkpoint = tf.train.Checkpoint(model=again, optimizer=again.optimizer)
    path = checkpoint.write(str(tmp_path / "checkpoint"))
    restored = _binary_model()
    restored.optimizer.build(restored.trainable_variables)
    tf.train.Checkpoint(model=restored, optimizer=restored.optimizer).read(path).assert_existing_objects_matched()
    after = _epochs(restored, 2)
    for one, other in zip(before[1], after, strict=True):
        np.testing.assert_array_equal(one, other)
    assert any(np.any(one != other) for one, other in zip(*before, strict=True))


def _binary_model():
    tf.keras.utils.set_random_seed(0)
    inputs = tf.keras.Input((4, 4, 8))
    x = binary_conv(inputs, 8, 3, name="conv")
    model = tf.keras.Model(inputs, tf.keras.layers.Dense(10)(tf.keras.layers.Flatten()(x)))
    compile_model(model, Config(optimizer="bop"), 100)
    return model


def _epochs(model, seed):
    rng = np.random.default_rng(seed)
    images, labels = rng.normal(size=(64, 4, 4, 8)).astype(np.float32), tf.one_hot(rng.integers(0, 10, 64), 10)
    model.fit(images, labels, batch_size=16, shuffle=False, verbose=0)
    kernel = model.get_layer("conv").kernel.numpy()
    assert set(np.ravel(kernel)) == {-1.0, 1.0}
    return model.get_weights()


@pytest.mark.slow
def test_unfit_teachers_are_refused(teacher, tmp_path):
    config = Config(**SMALL, teacher=str(teacher))
    with pytest.raises(HybridTFError, match="missing is not a run folder"):
        train(config.with_changes(teacher=str(tmp_path / "missing")), tmp_path / "run")
    (tmp_path / "config.json").write_bytes((teacher / "config.json").read_bytes())
    with pytest.raises(HybridTFError, match=r"is not finished: run `hybrid-tf train --resume .*` first"):
        train(config.with_changes(teacher=str(tmp_path)), tmp_path / "run")
    with pytest.raises(HybridTFError, match="tells other classes apart"):
        train(config.with_changes(classes=12), tmp_path / "run")
    with pytest.raises(HybridTFError, match="takes images of 32x32x1, this run of 40x40x1"):
        train(config.with_changes(input_size=40), tmp_path / "run")
    with pytest.raises(HybridTFError, match="stages have maps of the same sizes"):
        train(config.with_changes(network="resnet20", head=None, attention=1.0), tmp_path / "run")
    assert not (tmp_path / "run").exists()
