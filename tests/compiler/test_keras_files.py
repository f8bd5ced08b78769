import json
import zipfile

import h5py
import numpy as np
import pytest
import tensorflow as tf

from hybrid_tf.compiler import convert_and_verify, load_keras_model
from hybrid_tf.errors import HybridTFError
from tests.support.small_networks import layers, quant_conv, random_images, randomise

SUFFIXES = ("keras", "h5")


@pytest.fixture(params=SUFFIXES)
def saved(request, model, tmp_path):
    path = tmp_path / f"saved.{request.param}"
    with pytest.warns() if request.param == "h5" else pytest.MonkeyPatch.context():
        model.save(path)
    return path


@pytest.mark.slow
def test_larq_models_come_back(saved, model, tmp_path):
    loaded = load_keras_model(saved)
    images = random_images(4)
    np.testing.assert_array_equal(loaded.predict(images, verbose=0), model.predict(images, verbose=0))
    conversion, verification = convert_and_verify(loaded, tmp_path / "model.tflite", None, images)
    assert conversion.binary_layers == 4
    assert verification.passed


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_compiled_and_nested_models_come_back(suffix, tmp_path):
    inner = tf.keras.Sequential([quant_conv(8, input_shape=(12, 12, 3)), layers.BatchNormalization()])
    model = randomise(tf.keras.Sequential([inner, layers.Flatten(), layers.Dense(3)]))
    model.compile("adam", "mse")
    model.fit(random_images(2), np.zeros((2, 3)), verbose=0)
    model.save(tmp_path / f"m.{suffix}")
    assert convert_and_verify(load_keras_model(tmp_path / f"m.{suffix}"), tmp_path / "m.tflite", None, random_images())


def test_files_that_are_cut_off_are_errors(saved):
    content = saved.read_bytes()
    for cut in np.linspace(0, len(content) - 1, 25).astype(int):
        saved.write_bytes(content[:cut])
        with pytest.raises(HybridTFError, match=r"saved\.(keras|h5) (is not a Keras model|cannot be loaded)"):
            load_keras_model(saved)


def test_files_that_are_damaged_inside_are_errors(tmp_path, model):
    path = tmp_path / "model.keras"
    model.save(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(HybridTFError, match="is cut off or damaged"):
        load_keras_model(path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_lambda_layers_are_refused(suffix, tmp_path):
    inner = tf.keras.Sequential([layers.Input((4,)), layers.Lambda(lambda x: x + 1)])
    model = tf.keras.Sequential([layers.Input((4,)), inner, layers.Dense(2)])
    model.save(tmp_path / f"m.{suffix}")
    with pytest.raises(HybridTFError, match="holds a Lambda layer, whose Python code would be run"):
        load_keras_model(tmp_path / f"m.{suffix}")


def rewritten(path, target, change):
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as copy:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json":
                config = json.loads(content)
                change(config)
                content = json.dumps(config)
            copy.writestr(name, content)


def test_code_of_other_modules_is_not_imported(model, tmp_path):
    model.save(tmp_path / "m.keras")
    (tmp_path / "keras_evil.py").write_text("raise SystemExit('imported')")

    def change(config):
        layer = config["config"]["layers"][1]
        layer.update(module="keras_evil", class_name="Evil", registered_name="Evil")

    rewritten(tmp_path / "m.keras", tmp_path / "evil.keras", change)
    with pytest.raises(HybridTFError, match=r"needs keras_evil\.Evil: only Keras's and Larq's own classes"):
        load_keras_model(tmp_path / "evil.keras")


def test_classes_that_are_not_known_are_named(model, tmp_path):
    model.save(tmp_path / "m.keras")
    rewritten(
        tmp_path / "m.keras",
        tmp_path / "unknown.keras",
        lambda config: config["config"]["layers"][1].update(module=None, class_name="Mine", registered_name="Mine"),
    )
    with pytest.raises(HybridTFError, match=r"unknown.keras cannot be loaded: .*`Mine`"):
        load_keras_model(tmp_path / "unknown.keras")


def test_other_files_are_errors(model, tmp_path):
    model.save_weights(tmp_path / "weights.h5")
    with pytest.raises(HybridTFError, match="holds weights without a network"):
        load_keras_model(tmp_path / "weights.h5")
    with h5py.File(tmp_path / "bad.h5", "w") as file:
        file.attrs["model_config"] = "{"
    with pytest.raises(HybridTFError, match="is not a Keras model"):
        load_keras_model(tmp_path / "bad.h5")
    with pytest.raises(HybridTFError, match="no such file"):
        load_keras_model(tmp_path / "none.keras")
    (tmp_path / "model.onnx").write_bytes(b"x")
    with pytest.raises(HybridTFError, match=r"save it as \.keras or \.h5"):
        load_keras_model(tmp_path / "model.onnx")
