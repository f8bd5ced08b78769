"""The range of values at each point of a network that rounds to int8, measured on training images."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from hybrid_tf.compiler.int8.plan import IMAGE, Int8Plan, plan_int8
from hybrid_tf.compiler.int8.rounding import int8_calls
from hybrid_tf.compiler.metadata import Int8
from hybrid_tf.compiler.tracing import check_images, check_labels, image_shape
from hybrid_tf.errors import HybridTFError
from hybrid_tf.system.progress import with_progress

Ranges = dict[str, tuple[float, float]]
LEAST_IMAGES = 16
CALIBRATION_IMAGES = 500  # more change the ranges hardly
_BATCH = 32
_ALIVE = (0.0, 1.0)  # the range of values that are all zero


def calibrate_int8(
    model: tf.keras.Model,
    images: np.ndarray,
    labels: np.ndarray | None = None,
    except_layers: tuple[str, ...] = (),
) -> Int8:
    """Returns how the full-precision sections of `model` are rounded to int8: what `convert` needs in its metadata.

    Args:
        model: Keras model with trained weights.
        images: training images, see `calibrate`.
        labels: class numbers of the images [N], see `calibrate`.
        except_layers: names of layers that stay float32; see `plan_int8`.

    Raises:
        HybridTFError: as `calibrate` and `plan_int8` do.
    """
    plan = plan_int8(model, except_layers)
    return Int8(calibrate(model, plan, images, labels), plan.except_layers, len(images))


def calibrate(
    model: tf.keras.Model,
    plan: Int8Plan,
    images: np.ndarray,
    labels: np.ndarray | None = None,
) -> Ranges:
    """Returns the lowest and the highest value at each point of `plan`, with zero between them.

    Args:
        model: Keras model with trained weights.
        plan: int8 plan of the model, see `plan_int8`.
        images: float32 training images [N, H, W, C], normalised as the network was trained.
        labels: class numbers of the images [N], to see that these are of more than one class.

    Raises:
        HybridTFError: when the images do not fit the model, or cannot stand for what the network will see: too few, all
            of one class, or without contrast; and when a value is not finite.
    """
    check_calibration(images, labels, image_shape(model), f"the calibration of model '{model.name}'")
    run = _extremes(model, plan)
    found = [
        run(tf.constant(images[start : start + _BATCH])).numpy()
        for start in with_progress(range(0, len(images), _BATCH), "calibrating")
    ]
    low, high = np.min(found, axis=0)[:, 0], np.max(found, axis=0)[:, 1]
    if not (np.all(np.isfinite(low)) and np.all(np.isfinite(high))):
        raise HybridTFError(f"model '{model.name}' computes numbers that are not finite: its weights have diverged")
    return complete_ranges(plan, dict(zip(plan.points, zip(low, high, strict=True), strict=True)))


def _extremes(model: tf.keras.Model, plan: Int8Plan) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function from images to the lowest and highest float32 value at each point, [points, 2]."""

    @tf.function(input_signature=[tf.TensorSpec((None, *image_shape(model)))])
    def run(images: tf.Tensor) -> tf.Tensor:
        values: dict[str, tf.Tensor] = {}

        def record(point: str, tensor: tf.Tensor) -> tf.Tensor:
            values[point] = tf.stack([tf.reduce_min(tensor), tf.reduce_max(tensor)])
            return tensor

        with int8_calls(model, plan, record, trained=True), tf.device("/CPU:0"):
            model(images, training=False)
        return tf.stack([values[point] for point in plan.points])

    return run.get_concrete_function()


def complete_ranges(plan: Int8Plan, measured: Ranges) -> Ranges:
    """Returns `measured` as int8 needs it: with zero in each, shared where scales are, and otherwise no two alike.

    Two tensors of one size can then be told apart by their scales.
    """
    groups = _groups(plan)
    fixed = {step.name: step.range for step in plan.steps if step.range is not None}
    ranges: Ranges = {}
    for group in dict.fromkeys(groups.values()):
        low = min(measured[point][0] for point in group)
        high = max(measured[point][1] for point in group)
        low, high = (float(f"{end:.6g}") for end in (min(low, 0.0), max(high, 0.0)))  # short in the metadata
        found = fixed.get(group[0]) or ((low, high) if high > low else _ALIVE)
        while found in ranges.values() and group[0] not in fixed:
            found = tuple(float(f"{1.0001 * end:.6g}") for end in found)
        ranges |= dict.fromkeys(group, found)
    return {point: ranges[point] for point in plan.points}


def _groups(plan: Int8Plan) -> dict[str, tuple[str, ...]]:
    """Returns the points that share a scale with each point, itself included."""
    groups = {point: (point,) for point in plan.points}
    for step in plan.steps:
        for number in step.same_scale if step.rounded else ():
            other = IMAGE if number < 0 else plan.steps[number].name
            if groups[other] != groups[step.name]:
                joined = groups[other] + groups[step.name]
                groups |= dict.fromkeys(joined, joined)
    return groups


def check_calibration(images: np.ndarray, labels: np.ndarray | None, shape: tuple[int, ...], owner: str) -> None:
    """Checks that images can stand for what a network will see; see `calibrate`. Raises HybridTFError if not."""
    check_images(images, shape, owner)
    if len(images) < LEAST_IMAGES:
        raise HybridTFError(f"{owner} needs at least {LEAST_IMAGES} images, got {len(images)}: give more, better 500")
    check_labels(images, labels)
    if labels is not None and len(np.unique(labels)) < 2:
        raise HybridTFError(
            f"{owner} got {len(images)} images of one class, {np.ravel(labels)[0]}: the ranges of other classes would "
            "not be measured, so give images of all classes"
        )
    flat = images.reshape(len(images), -1)
    if np.all(flat == flat[:1]):
        raise HybridTFError(f"{owner} got {len(images)} times the same image: give different ones")
    if np.all(flat == flat[:, :1]):
        raise HybridTFError(f"{owner} got images without contrast, each of one value only: give real images")
