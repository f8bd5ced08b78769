"""A process of its own, with bounded memory, for what may crash on a file from anywhere."""

import faulthandler
import gc
import io
import os
import resource
import signal
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hybrid_tf.errors import HybridTFError

_MEMORY = 4 << 30  # bytes beyond what this process has already


def isolated(function: Callable[[], list[np.ndarray]], name: str) -> list[np.ndarray]:
    """Returns what `function` returns, computed in a copy of this process.

    The copy has none of this one's threads, so that `function` may use no TensorFlow but TensorFlow Lite.

    Args:
        function: function to run; what it changes is lost.
        name: name of the file that the function reads, for an error.

    Raises:
        HybridTFError: what `function` raised, or that it took the process down.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of threads
        child = os.fork()
    if child == 0:
        os.close(reading)
        _answer(function, name, writing)
    os.close(writing)
    try:
        with os.fdopen(reading, "rb") as pipe:
            answer = pipe.read()
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    _, status = os.waitpid(child, 0)
    if status:
        how = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "out of memory"
        raise HybridTFError(f"{name} takes its interpreter down ({how}): it is damaged, copy or convert it again")
    if answer[:1] == b"E":
        raise HybridTFError(answer[1:].decode())
    content = io.BytesIO(answer[1:])
    arrays = []
    while content.tell() < len(answer) - 1:
        arrays.append(np.load(content, allow_pickle=False))
    return arrays


def _answer(function: Callable[[], list[np.ndarray]], name: str, descriptor: int) -> None:
    """Writes what `function` returns to `descriptor`, and ends this process."""
    status = 1
    try:
        gc.disable()  # objects of TensorFlow that it finds may wait for ever for a thread that is not here
        faulthandler.disable()  # how it ends is told by the one that waits
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + _MEMORY
        _, allowed = resource.getrlimit(resource.RLIMIT_AS)
        most = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        answer = io.BytesIO()
        try:
            arrays = function()
            answer.write(b"A")
            for array in arrays:
                np.save(answer, array, allow_pickle=False)
        except HybridTFError as error:
            answer = io.BytesIO(b"E" + str(error).encode())
        except Exception as error:  # of TensorFlow Lite
            reason = " ".join(str(error).split()) or type(error).__name__
            answer = io.BytesIO(f"E{name} cannot be run: {reason[:300]}".encode())
        with os.fdopen(descriptor, "wb") as pipe:
            pipe.write(answer.getvalue())
        status = 0
    finally:
        os._exit(status)  # whatever else was raised, nothing of this process may be run to its end twice
