"""Silence for the chatter of TensorFlow and the converter, which is handed over when something went wrong."""

import contextlib
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def silenced() -> Iterator[Callable[[], str]]:
    """Collects what C++ libraries write to stdout and stderr; drops Python's warnings and log lines.

    It works on the process's file descriptors, so it also holds back what other threads print meanwhile.

    Yields:
        A function that returns what was written so far.
    """
    with tempfile.TemporaryFile() as sink, contextlib.ExitStack() as stack:
        for descriptor in (1, 2):
            stack.enter_context(_redirected(descriptor, sink.fileno()))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.callback(logging.disable, logging.root.manager.disable)
        logging.disable(logging.CRITICAL)
        yield lambda: os.pread(sink.fileno(), os.fstat(sink.fileno()).st_size, 0).decode(errors="replace")


@contextlib.contextmanager
def _redirected(descriptor: int, target: int) -> Iterator[None]:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.flush()  # what was printed before must not end up in the sink
    try:
        saved = os.dup(descriptor)
    except OSError:  # closed, as in a daemon
        yield
        return
    os.dup2(target, descriptor)
    try:
        yield
    finally:
        os.dup2(saved, descriptor)
        os.close(saved)
