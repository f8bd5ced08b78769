"""Ctrl-C and SIGTERM that wait for a good moment."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def deferred() -> Iterator[Callable[[], bool]]:
    """Within it, the first Ctrl-C or SIGTERM is only noted; the second one acts at once.

    Yields:
        A function that returns whether there has been one.
    """
    noted = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # signals are not ours there
        yield noted.is_set
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(number: int, frame: FrameType | None) -> None:
        noted.set()
        restore()
        print("\nstopping after this step; once more stops at once", file=sys.stderr, flush=True)

    for number in _SIGNALS:
        signal.signal(number, note)
    try:
        yield noted.is_set
    finally:
        restore()
