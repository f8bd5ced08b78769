"""Files of weights: they are known to be whole, and may come from anywhere."""

import hashlib
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tensorflow as tf

from hybrid_tf.errors import HybridTFError
from hybrid_tf.system.files import atomic_path

_DIGEST = "hybrid_tf_sha256"  # HDF5 itself has no checksums
_BESIDE = 4096  # bytes that a file has for each weight, at most
_COPIES = 4  # Keras writes the state of the optimiser, too: of Adam twice the weights
_SLACK = 1 << 20  # bytes of small arrays that a sound file may have beside its weights


def save_weights(model: tf.keras.Model, path: Path) -> None:
    """Writes the weights of `model` to `path`, which ends in `.weights.h5`, with their SHA-256.

    Raises:
        HybridTFError: when the folder cannot be written or the disk is full.
    """
    with atomic_path(path) as temporary:
        # HDF5 comes to no clean end when the disk is full, so that there is room is found out before.
        with temporary.open("r+b") as file:
            stored = [*model.weights, *(model.optimizer.variables if model.optimizer else ())]
            os.posix_fallocate(file.fileno(), 0, _bytes(stored) + _BESIDE * (len(stored) + 1))
        model.save_weights(temporary)
        with h5py.File(temporary, "r+") as file:
            file.attrs[_DIGEST] = _digest(model)


def load_weights(model: tf.keras.Model, path: Path) -> None:
    """Loads the weights in `path` into `model`.

    Raises:
        HybridTFError: when the file is absent, damaged, or belongs to another network.
    """
    if not path.exists():
        raise HybridTFError(f"no weights at {path}: the run has not finished an epoch; continue it with --resume")
    try:
        with h5py.File(path, "r") as file:
            check_h5(file, _COPIES * _bytes(model.weights))
            digest = file.attrs.get(_DIGEST)  # earlier versions did not write it
        model.load_weights(path)
        if digest not in (None, _digest(model)):
            raise ValueError("checksum")
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise HybridTFError(
            f"{path} is damaged or belongs to another network ({reason}): restore it from a copy, or train again"
        ) from error


@contextmanager
def bounded_variables(most_bytes: int, path: Path) -> Iterator[None]:
    """Within it, the variables that are made take at most so many bytes, but for a megabyte, or a HybridTFError.

    Args:
        most_bytes: in all.
        path: of the file that declares them.
    """
    left = most_bytes + _SLACK

    def create(make: Callable[..., tf.Variable], **options: Any) -> tf.Variable:
        nonlocal left
        shape = tf.TensorShape(options.get("shape"))
        if shape.is_fully_defined():
            dtype = tf.as_dtype(options.get("dtype") or tf.float32)
            left -= max(dtype.size, 1) * math.prod(shape.as_list())  # num_elements() overflows
        if left < 0:
            raise HybridTFError(f"{path} declares more weights than it can hold: it is damaged, or made to do harm")
        return make(**options)

    with tf.variable_creator_scope(create):
        yield


def check_h5(file: h5py.File, most_bytes: int) -> None:
    """Checks that reading a file of weights takes no more memory than it should, and reads no other file.

    Args:
        file: opened for reading.
        most_bytes: that its arrays may take, but for a megabyte.

    Raises:
        ValueError: saying what is wrong.
    """
    left = most_bytes + _SLACK

    def check(group: h5py.Group, depth: int) -> None:
        nonlocal left
        if depth > 100:
            raise ValueError("its groups go in circles")
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"{name} is a link")
            item = group[name]
            if isinstance(item, h5py.Group):
                left -= 100
                check(item, depth + 1)
            elif isinstance(item, h5py.Dataset):
                if item.external or item.is_virtual:
                    raise ValueError(f"{name} is in another file")
                if item.dtype.kind not in "fiub" or item.shape is None:
                    raise ValueError(f"{name} holds no numbers")
                left -= item.dtype.itemsize * int(np.prod(item.shape, dtype=object))
            if left < 0:
                raise ValueError(f"its arrays take more than {most_bytes:,} bytes")

    check(file, 0)


def _bytes(variables: list[tf.Variable]) -> int:
    return sum(variable.dtype.size * variable.shape.num_elements() for variable in variables)


def _digest(model: tf.keras.Model) -> str:
    digest = hashlib.sha256()
    for value in model.get_weights():
        digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()
