"""One process at a time at a piece of work."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def waited_for(path: Path) -> Iterator[None]:
    """Holds the file `path`, which is made if need be and stays, once no other process holds it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
