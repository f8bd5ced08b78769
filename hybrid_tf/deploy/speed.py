"""A float and an int8 file of the same network, side by side: their sizes, and their times on this computer."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hybrid_tf.compiler import Interpreter
from hybrid_tf.compiler.interpreter import runtime_interpreter
from hybrid_tf.compiler.isolation import isolated
from hybrid_tf.deploy.engines import ENGINES, fastest_engine
from hybrid_tf.errors import HybridTFError
from hybrid_tf.system.notices import warn

_SECONDS = 1.0  # for all rounds
_MOST_ROUNDS = 200
_CLEAR = 0.98  # of the other time: what is nearer is noise


@dataclass(frozen=True)
class FileSpeed:
    """Path, size in bytes, and the median time of one image in milliseconds, one thread, of a file."""

    path: str
    bytes: int
    milliseconds: float


@dataclass(frozen=True)
class SideBySide:
    """Two files of a network, measured in turns.

    Attributes:
        engine: name of what ran them.
        rounds: number of times that each was run.
        files: the float file and the int8 file.
    """

    engine: str
    rounds: int
    files: tuple[FileSpeed, FileSpeed]

    @property
    def smaller(self) -> str | None:
        """The path of the smaller file; `None` when both are as large."""
        one, other = self.files
        return None if one.bytes == other.bytes else min(self.files, key=lambda file: file.bytes).path

    @property
    def faster(self) -> str | None:
        """The path of the faster file; `None` when the times are within 2 % of each other."""
        fast, slow = sorted(self.files, key=lambda file: file.milliseconds)
        return fast.path if fast.milliseconds < _CLEAR * slow.milliseconds else None

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields, `smaller` and `faster` as JSON values."""
        return {**asdict(self), "smaller": self.smaller, "faster": self.faster}


def side_by_side(file: Path) -> SideBySide | None:
    """Returns how `file` and its counterpart, `NAME.tflite` and `NAME.int8.tflite`, compare here; takes a second.

    Returns:
        `None` when there is no counterpart in the folder, or with a warning when it cannot be run.
    """
    int8 = file if file.name.endswith(".int8.tflite") else file.with_suffix(".int8.tflite")
    files = (int8.with_name(int8.name.removesuffix(".int8.tflite") + ".tflite"), int8)
    if not all(path.is_file() for path in files):
        return None
    try:
        engine = fastest_engine(*files)
        times = _runtime_times(files) if engine == "runtime" else _lce_times(files)
    except HybridTFError as error:
        warn(f"{files[0]} and {files[1]} were not compared: {error}")
        return None
    one, other = (
        FileSpeed(str(path), path.stat().st_size, 1000 * float(np.median(found)))
        for path, found in zip(files, times, strict=True)
    )
    return SideBySide(ENGINES[engine], len(times[0]), (one, other))


def _runtime_times(files: tuple[Path, ...]) -> list[np.ndarray]:
    """Returns seconds of each run of each file."""
    return _in_turns([_runnable(runtime_interpreter(path)) for path in files])


def _lce_times(files: tuple[Path, ...]) -> list[np.ndarray]:
    interpreters = [Interpreter(path) for path in files]
    return isolated(lambda: _in_turns([_runnable(item.load()) for item in interpreters]), str(files[0].parent))


def _runnable(interpreter: Any) -> Callable[[], Any]:
    """Returns what runs a black image; both engines have the same interface."""
    image = np.zeros(interpreter.input_shapes[0], interpreter.input_types[0])
    return lambda: interpreter.predict(image)


def _in_turns(runs: list[Callable[[], Any]]) -> list[np.ndarray]:
    """Returns seconds of each call; in turns, so that what else the computer does slows all of them alike."""
    for run in runs:
        run()  # fills the caches
    times: list[list[float]] = [[] for _ in runs]
    end = time.perf_counter() + _SECONDS
    while not times[0] or (time.perf_counter() < end and len(times[0]) < _MOST_ROUNDS):
        for run, found in zip(runs, times, strict=True):
            start = time.perf_counter()
            run()
            found.append(time.perf_counter() - start)
    return [np.array(found) for found in times]
