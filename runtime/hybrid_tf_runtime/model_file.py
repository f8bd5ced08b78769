"""A .tflite file as the bytes of a model, sound unless it is trusted."""

from os import PathLike
from pathlib import Path

from hybrid_tf_runtime.errors import HybridTFRuntimeError
from hybrid_tf_runtime.library import check_model

Model = bytes | str | PathLike


def load_model(model: Model, trusted: bool = False) -> tuple[bytes, str]:
    """Returns the content of a model that was checked, and what to call it in an error.

    Args:
        model: the content of a .tflite file, or its path.
        trusted: whether to leave out the check.

    Raises:
        HybridTFRuntimeError: when there is no such file, it is no .tflite file, or it is damaged.
    """
    if isinstance(model, bytes | bytearray | memoryview):
        content, name = bytes(model), "the model"
    elif isinstance(model, str | PathLike):
        content, name = _read(Path(model)), str(model)
    else:
        raise HybridTFRuntimeError(f"a model is the path of a .tflite file or its bytes, not {type(model).__name__}")
    if content[4:8] != b"TFL3":
        what = "is not a TensorFlow Lite file" if content else "is empty"
        raise HybridTFRuntimeError(
            f"{name} {what}: make one with `hybrid-tf convert`, or give the path of another file"
        )
    if not trusted:
        check_model(content, name)
    return content, name


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise HybridTFRuntimeError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:  # a null character
        raise HybridTFRuntimeError(f"cannot read a file of this name: {error}") from error
