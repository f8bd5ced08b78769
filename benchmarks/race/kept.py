"""What has been measured so far, so that a command that was broken off goes on where it was."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

from benchmarks.timing.networks import FOLDER
from hybrid_tf.system.files import read_json, write_json

PATH = FOLDER / "race.json"


class Kept:
    """Values by a digest of all that they follow from. Several threads may use it."""

    def __init__(self, path: Path = PATH) -> None:
        """Reads what is kept. Raises HybridTFError when the file is damaged: it can be removed."""
        self._path, self._lock = path, Lock()
        self._values: dict[str, Any] = read_json(path) if path.exists() else {}

    def get(self, parts: tuple[str, ...], make: Callable[[], Any]) -> Any:
        """Returns the value of `parts`, or makes and keeps it."""
        key = _key(parts)
        return self._values[key] if key in self._values else self.put(parts, make())

    def put(self, parts: tuple[str, ...], value: Any) -> Any:
        """Keeps a value in place of an older one, and returns it."""
        with self._lock:
            self._values[_key(parts)] = value
            write_json(self._path, self._values)
        return value


def _key(parts: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def digest_of(*folders: Path) -> str:
    """Returns a digest of all C++ and Python sources in folders."""
    paths = sorted(
        path for folder in folders for path in folder.rglob("*") if path.suffix in (".cc", ".h", ".c", ".py")
    )
    return hashlib.sha256(b"\n".join(path.read_bytes() for path in paths)).hexdigest()
