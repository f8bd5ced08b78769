"""The files of weights of a run, with a checksum; they may come from anywhere."""

import hashlib
import os
from pathlib import Path

import h5py
import numpy as np
import tensorflow as tf

from hybrid_tf.errors import HybridTFError
from hybrid_tf.runs.resuming import resume_command
from hybrid_tf.system.files import atomic_path
from hybrid_tf.system.h5_files import check_h5

_DIGEST = "hybrid_tf_sha256"  # HDF5 itself has no checksums
_BESIDE = 4096  # bytes that a file has for each weight, at most
_COPIES = 4  # Keras writes the state of the optimiser, too: of Adam twice the weights


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
        raise HybridTFError(
            f"no weights at {path}: the run has not finished an epoch; `{resume_command(path.parent)}` continues it"
        )
    try:
        with h5py.File(path, "r") as file:
            check_h5(file, _COPIES * _bytes(model.weights))
            digest = file.attrs[_DIGEST]
        model.load_weights(path)
        if digest != _digest(model):
            raise ValueError("checksum")
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise HybridTFError(
            f"{path} is damaged or belongs to another network ({reason}): restore it from a copy, or train again"
        ) from error


def _bytes(variables: list[tf.Variable]) -> int:
    return sum(variable.dtype.size * variable.shape.num_elements() for variable in variables)


def _digest(model: tf.keras.Model) -> str:
    digest = hashlib.sha256()
    for value in model.get_weights():
        digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()
