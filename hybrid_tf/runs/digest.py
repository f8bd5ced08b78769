"""The checksum of a file of weights, which says what a converted file was made from; without TensorFlow."""

from pathlib import Path

import h5py

DIGEST = "hybrid_tf_sha256"  # the attribute that holds it: HDF5 itself has no checksums


def weights_digest(path: Path) -> str:
    """Returns the SHA-256 that is stored in a file of weights; empty when there is no such file, or none in it."""
    try:
        with h5py.File(path, "r") as file:
            digest = file.attrs.get(DIGEST, "")
    except (OSError, RuntimeError, KeyError, ValueError, TypeError):  # whoever loads the weights says what is wrong
        return ""
    return digest if isinstance(digest, str) else ""
