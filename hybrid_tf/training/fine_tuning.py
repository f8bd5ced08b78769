"""Fine-tuning: a new run that starts from the best weights of a finished one, for int8 with the rounding in it.

Ranges are measured once, before the first step, and stay: the network learns to live with them, and the converted file
has exactly these. Batch norms behind full-precision convolutions keep their statistics, because they are part of the
kernels that are rounded.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import tensorflow as tf

from hybrid_tf.config import Config
from hybrid_tf.data import Dataset
from hybrid_tf.errors import HybridTFError
from hybrid_tf.runs.names import BEST, RANGES
from hybrid_tf.runs.run import Run, load_run
from hybrid_tf.runs.weights import load_weights
from hybrid_tf.system.files import read_json, write_json

if TYPE_CHECKING:
    from hybrid_tf.compiler import Int8

# The converters are imported where they are needed: training depends on them for int8-aware runs alone.


def load_start(model: tf.keras.Model, config: Config) -> None:
    """Loads the best weights of the run that `config` starts from, if any, into `model`."""
    if config.resume_from:
        load_weights(model, load_run(config.resume_from).folder / BEST)


@contextlib.contextmanager
def int8_aware(run: Run, model: tf.keras.Model, dataset: Dataset) -> Iterator[None]:
    """While this lasts, an int8-aware run's `model` is traced with the rounding of its int8 file; others as they are.

    Measures the ranges and stores them in the run folder, unless they are there.
    """
    if not run.config.int8_aware:
        yield
        return
    from hybrid_tf.compiler.int8.calibration import CALIBRATION_IMAGES, calibrate_int8
    from hybrid_tf.compiler.int8.plan import plan_int8
    from hybrid_tf.compiler.int8.rounding import int8_calls, rounded_as_in_file

    int8 = stored_ranges(run)
    if int8 is None:
        images, labels = dataset.train.take(CALIBRATION_IMAGES)
        int8 = calibrate_int8(model, run.normalisation.apply(images), labels)
        write_json(run.folder / RANGES, asdict(int8))
    plan = plan_int8(model)
    with int8_calls(model, plan, rounded_as_in_file(plan, int8.ranges), trained=True):
        yield
    model.train_function = model.test_function = None  # or they would be used again


def stored_ranges(run: Run, except_layers: tuple[str, ...] = ()) -> "Int8 | None":
    """Returns the ranges that an int8-aware run was trained with; `None` for another run, or one that has none yet.

    Args:
        run: run whose ranges are read.
        except_layers: names of layers that stay float32 in the file; their ranges are left out.

    Raises:
        HybridTFError: when the ranges cannot be read.
    """
    from hybrid_tf.compiler.int8.plan import plan_int8
    from hybrid_tf.compiler.metadata import Int8

    path = run.folder / RANGES
    if not run.config.int8_aware or not path.exists():
        return None
    points = plan_int8(run.spec.build(), except_layers).points
    try:
        int8 = Int8.from_dict(read_json(path))
        ranges = {point: int8.ranges[point] for point in points}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise HybridTFError(f"{path} is damaged ({error}): restore it from a copy, or train again") from error
    return Int8(ranges, except_layers, int8.calibration_images)
