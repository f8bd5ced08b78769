"""Fashion-MNIST without a network, from Debian's package dataset-fashion-mnist."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path("/usr/share/datasets/fashion-mnist")
HINT = "install Debian's copy: `apt-get install dataset-fashion-mnist`"

# Debian's files are upstream's, but repacking took name and time out of their gzip headers, and TFDS compares a
# checksum of the whole file. With both put back the files are upstream's to the byte. The times are seconds since 1970.
_MODIFIED = {
    "train-images-idx3-ubyte": 1504176606,
    "train-labels-idx1-ubyte": 1504176606,
    "t10k-images-idx3-ubyte": 1504176627,
    "t10k-labels-idx1-ubyte": 1504176627,
}
_GZIP_MAGIC, _DEFLATE, _HAS_NAME, _UNIX = b"\x1f\x8b", b"\x08", b"\x08", b"\x03"
_PLAIN_HEADER_SIZE = 10


def installed() -> bool:
    """Returns whether Debian's files are on this machine."""
    return all((FOLDER / f"{name}.gz").exists() for name in _MODIFIED)


@contextmanager
def upstream_files() -> Iterator[Path]:
    """Yields a temporary folder with the four files as upstream publishes them."""
    with tempfile.TemporaryDirectory() as folder:
        for name, modified in _MODIFIED.items():
            header = _GZIP_MAGIC + _DEFLATE + _HAS_NAME + modified.to_bytes(4, "little") + b"\x00" + _UNIX
            content = (FOLDER / f"{name}.gz").read_bytes()[_PLAIN_HEADER_SIZE:]
            (Path(folder) / f"{name}.gz").write_bytes(header + name.encode() + b"\x00" + content)
        yield Path(folder)
