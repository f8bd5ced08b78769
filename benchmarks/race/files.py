"""The files of the race: trained ones as they are, the others made with random weights, once."""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.race import tasks
from benchmarks.race.tasks import Entry, Task
from benchmarks.timing.networks import made_folder, randomise
from hybrid_tf.models.spec import NetworkSpec
from hybrid_tf.system.files import write_bytes
from hybrid_tf.system.quiet import silenced

_CALIBRATION_IMAGES = 16  # the fewest that calibration takes; noise of one distribution, whose ranges decide no time
_SOURCES = (Path(__file__), Path(tasks.__file__))  # what decides the files, beside what `made_folder` knows


def files(task: Task, entries: list[Entry]) -> Iterator[tuple[Entry, Path]]:
    """Yields each entry with the path of its file, after making it unless an earlier run did.

    Raises:
        HybridTFError: when a network cannot be converted or a file not be written.
    """
    for entry in entries:
        path = entry.path or _made_path(task, entry)
        if not path.exists():
            print(f"making {task.name} {path.name}", file=sys.stderr, flush=True)
            with silenced():
                _make(entry, path)
        yield entry, path


def _made_path(task: Task, entry: Entry) -> Path:
    kind = "int8" if entry.int8 else "float"
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in _SOURCES)).hexdigest()[:12]
    return made_folder() / f"race-{digest}" / f"{task.name}-{entry.name.replace(' ', '-')}-{kind}.tflite"


def _make(entry: Entry, path: Path) -> None:
    from hybrid_tf.compiler import Metadata, calibrate_int8, convert

    model = entry.network.build()
    randomise(model)
    noise = np.random.default_rng(2).standard_normal((_CALIBRATION_IMAGES, *model.input_shape[1:]), np.float32)
    if not isinstance(entry.network, NetworkSpec):
        write_bytes(path, _int8_by_tensorflow(model, noise))
    else:
        convert(model, path, Metadata(int8=calibrate_int8(model, noise)) if entry.int8 else None)


def _int8_by_tensorflow(model: object, noise: np.ndarray) -> bytes:
    """Returns what TensorFlow's own converter makes, with float32 input and output as the other files have."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None]] for image in noise)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    return converter.convert()
