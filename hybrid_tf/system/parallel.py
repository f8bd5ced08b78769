"""Work on many files at once: in threads, or in processes where there are so many that starting them pays."""

from collections.abc import Callable, Iterator, Sequence
from os import cpu_count
from typing import TypeVar

from joblib import Parallel, delayed

from hybrid_tf.system.progress import with_progress

_T = TypeVar("_T")
_R = TypeVar("_R")

_PART = 256  # items of a call
_MANY = 8192  # items; Pillow holds Python's lock for most of the time that a small image takes
_IDLE_SECONDS = 5  # after which a process ends that has nothing to do


def in_parts(work: Callable[[Sequence[_T]], _R], items: Sequence[_T], description: str = "") -> Iterator[_R]:
    """Yields `work` of some of the `items` at a time, in their order.

    Args:
        work: function of a module that is quick to import; it and what it takes and returns can be pickled.
        items: what there is to work on.
        description: text of the progress bar; without one there is none.

    Raises:
        Exception: what `work` raises.
    """
    parts = [items[start : start + _PART] for start in range(0, len(items), _PART)]
    many = len(items) >= _MANY
    # Processes of loky's are started anew, not forked: TensorFlow's threads would be missing in forked ones.
    options = {"backend": "loky", "idle_worker_timeout": _IDLE_SECONDS} if many else {"backend": "threading"}
    pool = Parallel(n_jobs=cpu_count(), return_as="generator", batch_size=1, max_nbytes=None, **options)
    results = pool(delayed(work)(part) for part in parts)
    for _, result in zip(with_progress(parts, description), results, strict=True):
        yield result
