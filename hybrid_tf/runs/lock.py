"""One process at a time in a run folder.

The lock is the operating system's, so a process that is killed does not leave it behind; it says who holds it.
"""

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from hybrid_tf.errors import HybridTFError
from hybrid_tf.runs.names import LOCK
from hybrid_tf.system.files import remove_leftovers


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the run folder `folder`, which is made if need be and removed again if it stayed empty.

    What processes that were killed had not finished writing there is removed.

    Raises:
        HybridTFError: when another process holds it (saying which), or the folder cannot be written.
    """
    path = folder / LOCK
    try:
        file = _acquired(path)
    except OSError as error:
        raise HybridTFError(f"cannot write {folder}: {error.strerror or error}") from error
    with file:
        remove_leftovers(folder)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)  # while it is held, so that nobody else's is removed
            with contextlib.suppress(OSError):
                folder.rmdir()


def _acquired(path: Path) -> TextIO:
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = path.open("a+", encoding="utf-8")
        except FileNotFoundError:  # whoever held the folder until now left it empty
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "another process"
            file.close()
            raise HybridTFError(
                f"{path.parent} is in use by {holder}: wait until it is done, stop it, or choose another --out"
            ) from error
        # Between opening and locking, the holder may have removed this very file.
        if path.exists() and os.fstat(file.fileno()).st_ino == path.stat().st_ino:
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
            file.flush()
            return file
        file.close()
