"""The reading of Keras models that others wrote, without running code that a file brings along."""

import builtins
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import larq  # noqa: F401  its layers and quantizers register themselves with Keras
import tensorflow as tf

import hybrid_tf.models.layers  # noqa: F401  so does ours
from hybrid_tf.errors import HybridTFError
from hybrid_tf.system.h5_files import bounded_variables, check_h5
from hybrid_tf.system.quiet import silenced

# A file names the Python modules its classes come from, and Keras imports them.
_TRUSTED_MODULES = ("keras", "tf_keras", "larq", "hybrid_tf", "builtins")
_CODE_CLASSES = ("Lambda", "__lambda__")
# TensorFlow's functions as layers: Keras calls any that a file names, those that write files included.
_METHOD_CLASSES = ("ClassMethod", "InstanceMethod", "InstanceProperty")
_FUNCTION_PREFIXES = ("math.", "nn.", "linalg.", "image.resize", "image.crop", "image.pad", "__operators__.")
_FUNCTIONS = (
    "abs", "add_n", "argmax", "argmin", "broadcast_to", "cast", "clip_by_value", "concat", "convert_to_tensor",
    "einsum", "exp", "expand_dims", "gather", "identity", "matmul", "maximum", "minimum", "multiply", "negative", "pad",
    "pow", "reduce_max", "reduce_mean", "reduce_min", "reduce_sum", "reshape", "reverse", "round", "shape", "sigmoid",
    "sign", "slice", "split", "sqrt", "square", "squeeze", "stack", "subtract", "tanh", "tensordot", "tile",
    "transpose", "unstack", "where",
)  # fmt: skip
_MOST_CONFIG = 1 << 26  # bytes; ResNet-152's has 200 kB
_MOST_COMPRESSION = 10  # Keras does not compress weights, and they hardly can be


def load_keras_model(path: str | Path) -> tf.keras.Model:
    """Returns the model in a `.keras` or `.h5` file, Larq's layers included; not compiled.

    Raises:
        HybridTFError: when the file cannot be read, is damaged, holds weights only, needs classes that are not Keras's
            or Larq's, holds a Lambda layer, whose code would be run, or declares more weights than it holds.
    """
    path = Path(path)
    if not path.is_file():
        raise HybridTFError(f"cannot read {path}: no such file")
    if path.suffix not in (".keras", ".h5", ".hdf5"):
        raise HybridTFError(f"{path} is not a Keras model: save it as .keras or .h5")
    try:
        config, size = _keras_config(path) if path.suffix == ".keras" else _h5_config(path)
    except (OSError, KeyError, ValueError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
        raise HybridTFError(f"{path} is not a Keras model, is cut off or damaged ({error}): save it again") from error
    if config is None:
        raise HybridTFError(f"{path} holds weights without a network: save the whole model, with model.save")
    try:
        _check_code(config, path)
    except RecursionError as error:
        raise HybridTFError(f"{path} is not a Keras model: its configuration is nested too deeply") from error
    with silenced(), bounded_variables(_MOST_COMPRESSION * size, path):
        try:
            model = tf.keras.models.load_model(path, compile=False)
        except HybridTFError:
            raise
        except Exception as error:
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise HybridTFError(f"{path} cannot be loaded: {reason[:300]}") from error
    if not isinstance(model, tf.keras.Model):
        raise HybridTFError(f"{path} holds a {type(model).__name__}, not a model")
    return model


def _keras_config(path: Path) -> tuple[Any, int]:
    """Returns the configuration in a `.keras` file, and the bytes that its weights take."""
    with zipfile.ZipFile(path) as archive:
        size = sum(item.file_size for item in archive.infolist())
        if size > _MOST_COMPRESSION * path.stat().st_size + _MOST_CONFIG:
            raise ValueError(f"it unpacks to {size:,} bytes")
        if archive.testzip() is not None:
            raise ValueError("checksum")
        if archive.getinfo("config.json").file_size > _MOST_CONFIG:
            raise ValueError("its configuration is too large")
        with archive.open("model.weights.h5") as weights, h5py.File(weights, "r") as file:
            size = archive.getinfo("model.weights.h5").file_size
            check_h5(file, _MOST_COMPRESSION * size)
        return json.loads(archive.read("config.json")), size


def _h5_config(path: Path) -> tuple[Any, int]:
    """As `_keras_config`, for an `.h5` file; the configuration is None when there is none."""
    size = path.stat().st_size
    with h5py.File(path, "r") as file:
        check_h5(file, _MOST_COMPRESSION * size)
        config = file.attrs.get("model_config")
        return (None if config is None else json.loads(config)), size


def _check_code(config: Any, path: Path) -> None:
    if isinstance(config, list):
        for item in config:
            _check_code(item, path)
    if not isinstance(config, dict):
        return
    kind, module, inner = config.get("class_name"), config.get("module"), config.get("config")
    if kind in _CODE_CLASSES:
        raise HybridTFError(
            f"{path} holds a Lambda layer, whose Python code would be run on loading: replace it with a Keras layer"
        )
    if kind is not None and isinstance(module, str) and module.split(".")[0] not in _TRUSTED_MODULES:
        raise HybridTFError(f"{path} needs {module}.{kind}: only Keras's and Larq's own classes are loaded")
    if module == "builtins" and (kind != "function" or not isinstance(inner, str) or hasattr(builtins, inner)):
        raise HybridTFError(
            f"{path} needs Python's own {inner if kind == 'function' else kind}: only Keras's are loaded"
        )
    function = inner.get("function") if isinstance(inner, dict) else None
    if kind in _METHOD_CLASSES or (kind == "TFOpLambda" and not _is_harmless(function)):
        raise HybridTFError(f"{path} calls TensorFlow's {function or kind} on loading: use a Keras layer instead")
    for item in config.values():
        _check_code(item, path)


def _is_harmless(function: Any) -> bool:
    return isinstance(function, str) and (function.startswith(_FUNCTION_PREFIXES) or function in _FUNCTIONS)
