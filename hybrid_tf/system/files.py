"""Files and folders that are either whole or absent: written under a temporary name, then renamed."""

import json
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hybrid_tf.errors import HybridTFError

_TEMPORARY = ".tmp-"


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; on success it replaces `path`, on any error it is removed.

    The temporary name keeps the suffix of `path`, because Keras chooses a file format by it.

    Raises:
        HybridTFError: when the folder cannot be written or the disk is full.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            dir=path.parent,
            prefix=f"{_TEMPORARY}{os.getpid()}{_here()}",
            suffix="".join(path.suffixes[-2:]),
            delete=False,
        ) as file:
            temporary = Path(file.name)
        temporary.chmod(0o644)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise HybridTFError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yields a temporary folder beside `path`; on success it becomes `path`, on any error it is removed.

    Raises:
        HybridTFError: when `path` is there already and not an empty folder, or cannot be written.
    """
    path = Path(path)
    temporary = None
    try:
        if path.exists() and not (path.is_dir() and not any(path.iterdir())):
            raise HybridTFError(f"{path} is there already: remove it, or choose another folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=_TEMPORARY))
        temporary.chmod(0o755)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise HybridTFError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Removes the temporary files in `folder` of those processes of this machine that were killed."""
    for path in folder.glob(f"{_TEMPORARY}*{_here()}*"):
        pid = path.name.removeprefix(_TEMPORARY).split("@")[0]
        if pid.isdigit() and not _runs(int(pid)):
            path.unlink(missing_ok=True)


def _here() -> str:
    return f"@{socket.gethostname()}-"


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, PermissionError)  # it is another user's
    return True


def folder_of(name: str) -> Path | None:
    """Returns the folder that `name` is the path of, ~ being home, or None when there is none."""
    try:
        folder = Path(name).expanduser()
        return folder if name and folder.is_dir() else None
    except (OSError, RuntimeError):  # no such user, or too long a name
        return None


def write_bytes(path: str | Path, content: bytes) -> None:
    """Writes `content` to `path` atomically. Raises HybridTFError when that is not possible."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: str | Path, text: str) -> None:
    """Writes `text` to `path` atomically as UTF-8. Raises HybridTFError when that is not possible."""
    write_bytes(path, text.encode())


def write_json(path: str | Path, value: Any) -> None:
    """Writes `value` to `path` atomically as indented JSON. Raises HybridTFError when that is not possible."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def read_json(path: str | Path) -> Any:
    """Returns the value stored in the JSON file `path`.

    Raises:
        HybridTFError: when the file is absent, unreadable or not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise HybridTFError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise HybridTFError(f"{path} is not valid JSON ({error}): restore it or make it again") from error
