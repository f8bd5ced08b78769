"""HDF5 files that may come from anywhere: what they declare without holding it is refused before it takes memory."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tensorflow as tf

from hybrid_tf.errors import HybridTFError

_SLACK = 1 << 20  # bytes of small arrays that a sound file may have beside its weights


@contextmanager
def bounded_variables(most_bytes: int, path: Path) -> Iterator[None]:
    """Within it, the variables that are made take at most so many bytes, but for a megabyte, or a HybridTFError.

    Args:
        most_bytes: bytes that all variables may take together.
        path: path of the file that declares the variables.
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
        file: HDF5 file, opened for reading.
        most_bytes: bytes that the arrays of the file may take, but for a megabyte.

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
