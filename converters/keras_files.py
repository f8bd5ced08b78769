"""Loads Keras models that hybrid-tf did not write, without running code that a file brings along."""

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import larq  # noqa: F401  its layers and quantizers register themselves with Keras
import tensorflow as tf

import hybrid_tf.layers  # noqa: F401  so does ours
from hybrid_tf.errors import HybridTFError
from hybrid_tf.quiet import silenced

# A file names the Python modules its classes come from, and Keras imports them.
_TRUSTED_MODULES = ("keras", "tf_keras", "larq", "hybrid_tf", "builtins")
_CODE_CLASSES = ("Lambda", "__lambda__")


def load_keras_model(path: str | Path) -> tf.keras.Model:
    """Returns the model in a `.keras` or `.h5` file, Larq's layers included; not compiled.

    Raises:
        HybridTFError: when the file cannot be read, is damaged, holds weights only, needs classes that are not Keras's
            or Larq's, or holds a Lambda layer, whose code would be run.
    """
    path = Path(path)
    if not path.is_file():
        raise HybridTFError(f"cannot read {path}: no such file")
    if path.suffix not in (".keras", ".h5", ".hdf5"):
        raise HybridTFError(f"{path} is not a Keras model: save it as .keras or .h5")
    try:
        config = _keras_config(path) if path.suffix == ".keras" else _h5_config(path)
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise HybridTFError(f"{path} is not a Keras model, is cut off or damaged: save it again") from error
    if config is None:
        raise HybridTFError(f"{path} holds weights without a network: save the whole model, with model.save")
    _check_code(config, path)
    with silenced():
        try:
            model = tf.keras.models.load_model(path, compile=False)
        except Exception as error:
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise HybridTFError(f"{path} cannot be loaded: {reason[:300]}") from error
    if not isinstance(model, tf.keras.Model):
        raise HybridTFError(f"{path} holds a {type(model).__name__}, not a model")
    return model


def _keras_config(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        if archive.testzip() is not None:
            raise ValueError("checksum")
        return json.loads(archive.read("config.json"))


def _h5_config(path: Path) -> Any:
    with h5py.File(path, "r") as file:
        config = file.attrs.get("model_config")
        return None if config is None else json.loads(config)


def _check_code(config: Any, path: Path) -> None:
    if isinstance(config, list):
        for item in config:
            _check_code(item, path)
    if not isinstance(config, dict):
        return
    kind, module = config.get("class_name"), config.get("module")
    if kind in _CODE_CLASSES:
        raise HybridTFError(
            f"{path} holds a Lambda layer, whose Python code would be run on loading: replace it with a Keras layer"
        )
    if kind is not None and isinstance(module, str) and module.split(".")[0] not in _TRUSTED_MODULES:
        raise HybridTFError(f"{path} needs {module}.{kind}: only Keras's and Larq's own classes are loaded")
    for item in config.values():
        _check_code(item, path)
