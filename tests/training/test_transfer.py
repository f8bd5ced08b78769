"""A training that starts from another one's weights: what is taken over, how fast it learns, what does not fit."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from hybrid_tf import load_pretrained
from hybrid_tf.config import Config
from hybrid_tf.errors import HybridTFError
from hybrid_tf.models.layers import binary_conv, is_binary
from hybrid_tf.runs.names import BEST, REPORT
from hybrid_tf.runs.run import load_run
from hybrid_tf.training.optimizers import compile_model
from hybrid_tf.training.session import train
from hybrid_tf.training.settings import complete_config
from hybrid_tf.training.transfer import SLOWER, take_over, transfer_text
from tests.support.shared import made_once

NETWORK = {"network": "vgg11", "head": "compact", "width": 0.125, "smoke": True}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """The folder of a finished run on digits; no test may change it."""
    config = Config(**NETWORK, channels=1, dataset="digits")
    return made_once(tmp_path_factory, "transfer-source", lambda folder: train(config, folder / "run")) / "run"


@pytest.fixture
def images(tmp_path):
    """Returns a function that writes a few pictures of some classes and returns their folder."""

    def write(*names):
        random = np.random.default_rng(0)
        for name in names:
            (tmp_path / "images" / name).mkdir(parents=True)
            for number in range(10):
                pixels = random.integers(0, 256, (32, 32), np.uint8)
                Image.fromarray(pixels).save(tmp_path / "images" / name / f"{number}.png")
        return str(tmp_path / "images")

    return write


def _fresh(run):
    tf.keras.utils.set_random_seed(1)
    return run.spec.build()


@pytest.mark.slow
def test_all_but_the_last_layer_is_taken_over(source, images, tmp_path):
    config = complete_config({"start_from": str(source), "dataset": images("cat", "dog", "eel"), "smoke": True})
    run = train(config, tmp_path / "run")
    assert (run.config.network, run.config.head, run.config.width, run.config.channels) == (
        "vgg11",
        "compact",
        0.125,
        1,
    )
    assert (
        complete_config({"resume_from": str(run.folder)}).start_from is None
    )  # a fine-tuning starts from the run alone
    model, untouched = _fresh(run), _fresh(run)
    transfer = take_over(model, run)
    assert transfer.fresh == ("classifier",)
    text = transfer_text(transfer, run)
    assert text.startswith(
        f"{len(transfer.layers)} layers start from {source} (trained on digits), at 0.1 of the learn"
    )
    assert text.endswith("fresh: classifier, for 3 other classes")
    trained = load_run(source).load_model()
    for layer in model.layers:
        other = untouched if layer.name == "classifier" else trained
        for own, expected in zip(layer.get_weights(), other.get_layer(layer.name).get_weights(), strict=True):
            np.testing.assert_array_equal(own, expected)


@pytest.mark.slow
def test_the_last_layer_of_the_same_classes_follows_their_names(source, tmp_path):
    run = load_run(source)
    run = replace(run, config=run.config.with_changes(start_from=str(source)), class_names=run.class_names[::-1])
    model = _fresh(run)
    transfer = take_over(model, run)
    assert transfer.fresh == () and "classifier" in transfer.layers
    assert transfer_text(transfer, run).endswith("; all of them, as the classes are the same")
    pixels = np.random.default_rng(0).normal(size=(4, *run.image_shape)).astype(np.float32)
    np.testing.assert_allclose(model(pixels), load_run(source).load_model()(pixels).numpy()[:, ::-1], atol=1e-5)


@pytest.mark.slow
def test_another_size_of_images_is_allowed_where_layers_do_not_depend_on_it(source, images, tmp_path):
    config = complete_config({"start_from": str(source), "dataset": images("cat", "dog"), "input_size": 40})
    assert train(config.with_changes(smoke=True), tmp_path / "run").image_shape == (40, 40, 1)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "bop"])
def test_steps_are_a_tenth(optimizer):
    """The same gradients: what is slow moves by a tenth of what it would, and nothing of it decays."""
    models = []
    for slow in (False, True):
        tf.keras.utils.set_random_seed(0)
        inputs = tf.keras.Input((4,))
        hidden = tf.keras.layers.Dense(3, name="taken_over")(inputs)
        model = tf.keras.Model(inputs, tf.keras.layers.Dense(2, name="fresh")(hidden))
        before = {layer.name: layer.get_weights() for layer in model.layers[1:]}
        config = Config(optimizer=optimizer, learning_rate=0.01)
        compile_model(model, config, 1000, model.get_layer("taken_over").trainable_weights if slow else ())
        for step in range(3):
            gradients = [
                tf.cast(tf.random.stateless_normal(v.shape, (step, 1)), v.dtype) for v in model.trainable_weights
            ]
            model.optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
        models.append({
            name: [new - old for new, old in zip(model.get_layer(name).get_weights(), olds, strict=True)]
            for name, olds in before.items()
        })  # fmt: skip
    fast, slow = models
    for usual, tenth in zip(fast["taken_over"], slow["taken_over"], strict=True):
        np.testing.assert_allclose(tenth, SLOWER * usual, rtol=1e-3, atol=1e-7)
        assert np.abs(usual).min() > 0
    for usual, same in zip(fast["fresh"], slow["fresh"], strict=True):
        np.testing.assert_array_equal(usual, same)


def test_what_is_taken_over_does_not_decay():
    model = tf.keras.Sequential([tf.keras.layers.Dense(3, input_shape=(4,)), tf.keras.layers.Dense(2)])
    compile_model(model, Config(optimizer="sgd", weight_decay=0.1), 10, model.layers[0].trainable_weights)
    before = [layer.kernel.numpy() for layer in model.layers]
    model.optimizer.apply_gradients((tf.zeros_like(value), value) for value in model.trainable_variables)
    np.testing.assert_array_equal(model.layers[0].kernel, before[0])
    assert np.abs(model.layers[1].kernel.numpy()).sum() < np.abs(before[1]).sum()


def test_binary_kernels_of_bop_stay_signs():
    inputs = tf.keras.Input((4, 4, 8))
    model = tf.keras.Model(inputs, tf.keras.layers.Flatten()(binary_conv(inputs, 8, 3, name="conv")))
    compile_model(model, Config(optimizer="bop"), 10, model.trainable_weights)
    gradients = [tf.random.stateless_normal(value.shape, (1, 2)) for value in model.trainable_weights]
    model.optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
    assert set(np.unique(model.get_layer("conv").kernel)) == {-1.0, 1.0}


def test_a_shipped_network_gives_its_settings():
    config = complete_config({"start_from": "resnet20-residual-taught", "dataset": "digits"})
    shipped = load_pretrained("resnet20-residual-taught")
    assert (config.network, config.plan, config.shifts, config.channels) == ("resnet20", "residual", True, 1)
    assert config.learning_rate is None and config.epochs == Config().epochs
    with pytest.raises(HybridTFError, match=r"neither a run folder nor a shipped network, which are .*resnet20-xnor"):
        complete_config({"start_from": "resnet20-residul"})
    assert shipped.config.teacher is not None and config.teacher is None


@pytest.mark.slow
def test_signs_of_a_shipped_network_can_turn_again():
    shipped = load_pretrained("vgg11-xnor")
    run = replace(shipped, config=shipped.config.with_changes(start_from="vgg11-xnor"))
    model = _fresh(run)
    take_over(model, run)
    pixels = np.random.default_rng(0).normal(size=(4, *run.image_shape)).astype(np.float32)
    trained = shipped.load_model()
    np.testing.assert_allclose(model(pixels), trained(pixels), rtol=1e-4, atol=1e-4)
    for layer in filter(is_binary, model.layers):
        assert set(np.unique(np.abs(trained.get_layer(layer.name).kernel))) == {1.0}
        assert np.abs(layer.kernel).max() < 0.2


@pytest.mark.slow
def test_what_does_not_fit_is_refused(source, tmp_path):
    config = complete_config({"start_from": str(source), "smoke": True})
    cases = [
        ({"plan": "xnor", "width": 0.25}, "it has --plan residual, --width 0.125, this run --plan xnor, --width 0.25"),
        ({"network": "vgg13"}, "it has --network vgg11, this run --network vgg13"),
        ({"head": "paper"}, "it has --head compact, this run --head None"),
        ({"channels": 3}, "it has --channels 1, this run --channels 3"),
        ({"shifts": True}, "it has --shifts False, this run --shifts True"),
        ({"start_from": str(tmp_path)}, "is not a run folder"),
    ]
    for changes, message in cases:
        with pytest.raises(HybridTFError, match=message):
            train(config.with_changes(**changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_unfinished_and_damaged_runs_are_refused(source, tmp_path):
    folder = shutil.copytree(source, tmp_path / "source")
    settings = {"start_from": str(folder), "smoke": True}
    config = complete_config(settings)
    weights = (folder / BEST).read_bytes()
    (folder / BEST).write_bytes(weights[: len(weights) // 2])
    with pytest.raises(HybridTFError, match=f"{folder / BEST} is damaged"):
        train(config, tmp_path / "run")
    (folder / REPORT).unlink()
    with pytest.raises(HybridTFError, match=f"is not finished: run `hybrid-tf train --resume {folder}` first"):
        complete_config(settings)


@pytest.mark.slow
def test_dense_layers_need_images_of_the_same_size(tmp_path):
    network = {"network": "vgg11", "head": "paper", "width": 0.02, "plan": "full_precision", "smoke": True}
    source = train(Config(**network), tmp_path / "source")
    config = complete_config({"start_from": str(source.folder), "smoke": True})
    with pytest.raises(
        HybridTFError, match=r"for images of 32x32, this run's of .* for images of 64x64; give --input-si"
    ):
        train(config.with_changes(input_size=64), tmp_path / "run")
