"""The verification of a converted file against the Keras model it was made from, on images.

A binary network is a step function: where the input of a binary layer is zero but for rounding, Keras and LCE may take
different signs, both rightly, and the scores then differ visibly. In a deep network that happens for most images, so
comparing scores alone proves little. Hence the comparison is made in two parts, each of them exact:

1. The signs. LCE is asked for the bits that enter each of its binary convolutions. Where they differ from the signs in
   Keras, the number in Keras must be zero but for rounding.
2. The scores, with the signs that LCE took put in place of those of Keras, so that both compute the same step.

An int8 file is compared with Keras rounding as the file does (`int8/rounding.py`), and in a third part:

3. Every int8 tensor. Keras goes on from the numbers that LCE has at each point, so that each operator is compared
   alone, on equal inputs: then no value may differ by more than one least significant bit (LSB), which is what rounding
   a tie explains.
"""

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tensorflow as tf

from hybrid_tf.compiler.binary_layers import quantized_layers, replaced_inputs
from hybrid_tf.compiler.file_bits import FileBits, signs_of
from hybrid_tf.compiler.int8.file import match_points
from hybrid_tf.compiler.int8.plan import Int8Plan, plan_int8
from hybrid_tf.compiler.int8.rounding import int8_calls, quantized
from hybrid_tf.compiler.interpreter import Interpreter
from hybrid_tf.compiler.metadata import Metadata
from hybrid_tf.compiler.outcome import Verification, summary
from hybrid_tf.compiler.rewrite import add_outputs
from hybrid_tf.compiler.tracing import check_images, check_labels, image_shape, trace_model
from hybrid_tf.errors import HybridTFError
from hybrid_tf.system.progress import with_progress
from hybrid_tf.tflite.flatbuffer import Tensor, TFLiteFile, parse_tflite, read_bytes

_BATCH = 16


def verify(
    model: tf.keras.Model,
    file: str | Path | bytes,
    images: np.ndarray,
    labels: np.ndarray | None = None,
    progress: str = "verifying",
) -> Verification:
    """Compares a converted file with the Keras model it was made from.

    Args:
        model: Keras model from images [N, H, W, C] to scores [N, classes].
        file: path or content of the file.
        images: float32 images [N, H, W, C], normalised as the network was trained. Take real ones: random images use a
            network in a way that training never did.
        labels: class numbers of the images [N].
        progress: text beside the progress bar.

    Raises:
        HybridTFError: when the images do not fit the model, the file cannot be run, or it is of another model.
    """
    shape = image_shape(model)
    check_images(images, shape, f"model '{model.name}'")
    check_labels(images, labels)
    content = file if isinstance(file, bytes) else read_bytes(file)
    interpreter = Interpreter(file)
    traced = trace_model(model)
    classes = traced.function.structured_outputs["scores"].shape[1]
    if (interpreter.input_shape, interpreter.classes) != (shape, classes):
        raise HybridTFError(
            f"{interpreter.name} turns images of {interpreter.input_shape} into {interpreter.classes} scores, and "
            f"model '{model.name}' {shape} into {classes}: it is of another model"
        )
    parsed = parse_tflite(content, interpreter.name)
    if len(parsed.outputs) != 1:
        raise HybridTFError(
            f"{interpreter.name} has {len(parsed.outputs)} outputs, and model '{model.name}' has its scores alone: "
            "convert the model again"
        )
    bits = FileBits.of(parsed, traced)
    rounding = _Rounding.of(parsed, model)
    inside = sorted({*bits.tensors, *rounding.tensors})
    name = interpreter.name
    interpreter = Interpreter(add_outputs(content, inside))
    interpreter.name = name
    keras = _keras(model, shape)
    keras_with = _keras_with(model, shape, bits, rounding)
    needed = dict(zip(bits.tensors, ((np.int32, packed) for packed in bits.shapes), strict=True))
    needed |= {number: (np.int8, spec.shape) for number, spec in zip(rounding.tensors, rounding.specs, strict=True)}

    rows = []
    for start in with_progress(range(0, len(images), _BATCH), progress):
        batch = images[start : start + _BATCH]
        scores, *found = interpreter.outputs(batch)
        values = dict(zip(inside, found, strict=True))
        if not all(_is_batch(value, len(batch), *needed[tensor]) for tensor, value in values.items()):
            raise HybridTFError(f"{name} has other sizes inside than model '{model.name}': it is of another model")
        batch = tf.constant(batch)
        given = [[tf.constant(values[tensor]) for tensor in tensors] for tensors in (bits.tensors, rounding.tensors)]
        rows.append([scores, *(tensor.numpy() for tensor in (keras(batch), *keras_with(batch, *given)))])
    verification = summary(*map(np.concatenate, zip(*rows, strict=True)), labels)
    return replace(verification, int8_tensors=len(rounding.tensors), engine=interpreter.engine)


def _is_batch(value: np.ndarray, images: int, kind: type, shape: tuple[int, ...]) -> bool:
    """Whether `value` holds what is of a kind and, for one image, a shape."""
    return (value.dtype, value.shape[1:], value.size) == (kind, shape[1:], images * math.prod(shape))


@dataclass(frozen=True)
class _Rounding:
    """Where a file rounds to int8.

    Attributes:
        plan: int8 plan of the model; None for a file that does not round.
        specs: int8 tensor at each point, in the order of the points.
        tensors: numbers of these int8 tensors.
    """

    plan: Int8Plan | None = None
    specs: tuple[Tensor, ...] = ()
    tensors: tuple[int, ...] = ()

    @classmethod
    def of(cls, file: TFLiteFile, model: tf.keras.Model) -> "_Rounding":
        metadata = Metadata.of(file)
        int8 = metadata.int8 if metadata else None
        if int8 is None:
            return cls()
        plan = plan_int8(model, int8.except_layers)
        if set(plan.points) != set(int8.ranges):
            raise HybridTFError(f"the file rounds other values to int8 than model '{model.name}' has: it is of another")
        numbers = match_points(file, plan, int8)
        tensors = tuple(numbers[point] for point in plan.points)
        return cls(plan, tuple(file.tensors[tensor] for tensor in tensors), tensors)


def _keras(model: tf.keras.Model, shape: tuple[int, ...]) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function from images [N, H, W, C] to the scores [N, classes] of `model`."""

    @tf.function(input_signature=[tf.TensorSpec((None, *shape))])
    def run(images: tf.Tensor) -> tf.Tensor:
        return _scores(model, images)

    return run.get_concrete_function()


def _scores(model: tf.keras.Model, images: tf.Tensor) -> tf.Tensor:
    # GPUs round the factors of float32 products to 10 bits (TensorFloat-32), far above the tolerances here.
    with tf.device("/CPU:0"):
        return tf.nest.flatten(model(images, training=False))[0]


def _keras_with(
    model: tf.keras.Model, shape: tuple[int, ...], bits: FileBits, rounding: _Rounding
) -> Callable[..., tuple[tf.Tensor, ...]]:
    """Returns a function that runs `model` with the signs and the int8 values it is given instead of its own.

    The function takes images [N, H, W, C], for each call of a binary layer the packed signs of its input, and the int8
    values at each point. It returns the scores [N, classes] and for each image: the largest fraction of a layer's signs
    that it changed; the largest number that it changed the sign of, over the root mean square of the layer's input; the
    largest difference of an int8 value; and the mean over the points of the fraction of these that differ.
    """
    signs = [tf.TensorSpec((None, *packed[1:]), tf.int32) for packed in bits.shapes]
    values = [tf.TensorSpec((None, *tensor.shape[1:]), tf.int8) for tensor in rounding.specs]

    @tf.function(input_signature=[tf.TensorSpec((None, *shape)), signs, values])
    def run(images: tf.Tensor, packed: list[tf.Tensor], rounded: list[tf.Tensor]) -> tuple[tf.Tensor, ...]:
        calls = iter(bits.numbers)
        none = tf.zeros(tf.shape(images)[:1])
        shares, largest, steps, others = [none], [none], [none], [none]

        def replace_signs(layer: tf.keras.layers.Layer, inputs: tf.Tensor) -> tf.Tensor:
            number = next(calls)
            if number is None:
                return inputs
            signs = signs_of(packed[number], bits.channels[number], inputs)
            for values, value in zip((shares, largest), _changed(inputs, signs), strict=True):
                values.append(value)
            return signs

        def replace_values(point: str, inputs: tf.Tensor) -> tf.Tensor:
            number = rounding.plan.points.index(point)
            stored, different, share = _int8_changed(
                inputs, rounded[number], rounding.specs[number], average=point in rounding.plan.averages
            )
            steps.append(different)
            others.append(share)
            return stored

        with contextlib.ExitStack() as stack:
            if rounding.plan:
                stack.enter_context(int8_calls(model, rounding.plan, replace_values))
            stack.enter_context(replaced_inputs(quantized_layers(model), replace_signs))
            scores = _scores(model, images)
        found = [tf.reduce_max(tf.stack(rows), axis=0) for rows in (shares, largest, steps)]
        return scores, *found, tf.reduce_mean(tf.stack(others[1:] or others), axis=0)

    return run.get_concrete_function()


def _int8_changed(
    inputs: tf.Tensor, stored: tf.Tensor, spec: Tensor, *, average: bool
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns the numbers that `stored` stands for, in the shape of `inputs`, and how those differ when rounded.

    For each image: the largest difference in least significant bits (LSB), and the fraction of values that differ.
    """
    scale, zero_point = spec.scales[0], float(spec.zero_points[0])
    stored = tf.reshape(tf.cast(stored, tf.float32), tf.shape(inputs))
    wanted = quantized(inputs, scale, zero_point, average=average)
    axes = tuple(range(1, inputs.shape.rank))
    difference = tf.abs(wanted - stored)
    share = tf.reduce_mean(tf.cast(difference > 0, tf.float32), axes)
    numbers = tf.ensure_shape((stored - zero_point) * scale, inputs.shape)
    return numbers, tf.reduce_max(difference, axes), share


def _changed(inputs: tf.Tensor, signs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns, per image, the fraction of `inputs` with another sign, and the largest of these over the inputs' RMS."""
    changed, axes = tf.not_equal(inputs < 0, signs < 0), tuple(range(1, inputs.shape.rank))
    largest = tf.reduce_max(tf.where(changed, tf.abs(inputs), 0.0), axes)
    rms = tf.sqrt(tf.reduce_mean(tf.square(inputs), axes))
    return tf.reduce_mean(tf.cast(changed, tf.float32), axes), tf.math.divide_no_nan(largest, rms)
