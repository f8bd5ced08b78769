"""The shared library: a TensorFlow Lite external delegate with a few functions of its own, called through ctypes."""

import ctypes
import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

from hybrid_tf_runtime.errors import HybridTFRuntimeError, unknown
from hybrid_tf_runtime.version import __version__

_MESSAGE_BYTES = 1024
_INT, _SIZE, _POINTER, _TEXT = ctypes.c_int, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_char_p
_SUFFIXES = {"darwin": ".dylib", "win32": ".dll"}


def delegate_path() -> str:
    """Returns the path of the library, for anything that loads TensorFlow Lite external delegates.

    Raises:
        HybridTFRuntimeError: when it is not there.
    """
    path = Path(__file__).with_name(f"libhybrid_tf_runtime{_SUFFIXES.get(sys.platform, '.so')}")
    if not path.exists():
        raise HybridTFRuntimeError(f"{path} is missing: install hybrid-tf-runtime again, which compiles it")
    return str(path)


def kernels() -> list[str]:
    """Returns the names of the kernels that this processor can run, the fastest first; `portable` is always there."""
    return library().hybrid_tf_runtime_kernels().decode().split(",")


def load_delegate(kernels: str | None = None, fusion: bool = True, profile: bool = False) -> Any:
    """Returns the delegate, for `experimental_delegates=[...]` of an `ai_edge_litert` or `tf.lite` interpreter.

    Other interpreters load it from `delegate_path()`; there each option is a string: `{"fusion": "0"}`.

    Args:
        kernels: a name from `kernels()`; `None` means the environment variable HYBRID_TF_KERNELS, or the fastest.
        fusion: whether to run full-precision operators around binary ones too, several in one step; for comparison.
        profile: whether to time each step, see `profile`.

    Raises:
        HybridTFRuntimeError: when there are no such kernels.
    """
    from ai_edge_litert.interpreter import load_delegate as load

    options: dict[str, int | str] = {"fusion": int(fusion), "profile": int(profile)}
    if kernels is not None:
        check_kernels(kernels)
        options["kernels"] = kernels
    try:
        return load(delegate_path(), options)
    except ValueError as error:  # its first line only repeats the path
        reason = str(error).partition("\n")[2].strip() or str(error)
        raise HybridTFRuntimeError(f"the delegate cannot be made: {reason}") from error


def check_kernels(name: str) -> None:
    """Raises HybridTFRuntimeError, with the nearest name, when this processor cannot run the kernels `name`."""
    if name not in kernels():
        raise unknown("kernels", name, kernels())


def check_model(content: bytes, name: str) -> None:
    """Raises HybridTFRuntimeError when `content`, called `name`, is not a sound TensorFlow Lite file.

    The stock interpreters believe every number in a file, and end the process where one is wrong.
    """
    message = ctypes.create_string_buffer(_MESSAGE_BYTES)
    if library().hybrid_tf_runtime_check_model(content, len(content), message, len(message)):
        raise HybridTFRuntimeError(f"{name} cannot be run: {message.value.decode(errors='replace')}")


def file_metadata(content: bytes) -> tuple[bytes | None, bool]:
    """Returns what hybrid-tf's converter has stored in a file that was checked, None where it has not.

    The second says whether the first output is made by SOFTMAX or LOGISTIC.
    """
    function, probabilities = library().hybrid_tf_runtime_file_metadata, ctypes.c_int()
    size = function(content, len(content), ctypes.byref(probabilities), None, 0)
    text = ctypes.create_string_buffer(size + 1)
    function(content, len(content), ctypes.byref(probabilities), text, size)
    return text.raw[:size] or None, bool(probabilities.value)


def profile(delegate: Any) -> list[dict[str, Any]]:
    """Returns the steps of the network that `delegate` runs, in order.

    Args:
        delegate: delegate from `load_delegate(profile=True)`, of a living interpreter.

    Returns:
        For each step its operators (`name`), the tensor it makes (`output`, and its number, `tensor`), its
        `binary_macs` and `float_macs` for one run, how its kernel divides it (`blocking`; empty where there is no
        choice), and its `calls` and `nanoseconds` since `reset_profile`.
    """
    function, pointer = library().hybrid_tf_runtime_profile, delegate._get_native_delegate_pointer()
    size = function(pointer, None, 0) + 1
    buffer = ctypes.create_string_buffer(size)
    function(pointer, buffer, size)
    return json.loads(buffer.value)


def reset_profile(delegate: Any) -> None:
    """Sets the calls and times of a delegate's steps to 0."""
    library().hybrid_tf_runtime_profile_reset(delegate._get_native_delegate_pointer())


@cache
def library() -> ctypes.CDLL:
    """Returns the shared library, whose functions have their types.

    Raises:
        HybridTFRuntimeError: when it is not there, cannot be loaded, or is of another version than the package.
    """
    try:
        loaded = ctypes.CDLL(delegate_path())
    except OSError as error:
        raise HybridTFRuntimeError(
            f"the library cannot be loaded ({error}): install the wheel for this machine"
        ) from error
    signatures = {
        "hybrid_tf_runtime_version": (_TEXT,),
        "hybrid_tf_runtime_kernels": (_TEXT,),
        "hybrid_tf_runtime_check_model": (_INT, _TEXT, _SIZE, _TEXT, _SIZE),
        "hybrid_tf_runtime_file_metadata": (_SIZE, _TEXT, _SIZE, _POINTER, _TEXT, _SIZE),
        "hybrid_tf_runtime_profile": (_SIZE, _POINTER, _TEXT, _SIZE),
        "hybrid_tf_runtime_profile_reset": (None, _POINTER),
        "hybrid_tf_open": (_POINTER, _TEXT, _SIZE, _POINTER, _TEXT, _SIZE),
        "hybrid_tf_close": (None, _POINTER),
        "hybrid_tf_input_count": (_SIZE, _POINTER),
        "hybrid_tf_output_count": (_SIZE, _POINTER),
        "hybrid_tf_input": (_INT, _POINTER, _SIZE, _POINTER),
        "hybrid_tf_output": (_INT, _POINTER, _SIZE, _POINTER),
        "hybrid_tf_run": (_INT, _POINTER),
        "hybrid_tf_last_error": (_TEXT, _POINTER),
        "hybrid_tf_profile": (_SIZE, _POINTER, _TEXT, _SIZE),
        "hybrid_tf_profile_reset": (None, _POINTER),
    }
    for name, (result, *arguments) in signatures.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    compiled = loaded.hybrid_tf_runtime_version().decode()
    if compiled != __version__:
        raise HybridTFRuntimeError(f"the library is version {compiled}, the package {__version__}: install it again")
    return loaded
