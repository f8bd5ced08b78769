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
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from hybrid_tf.compiler.binary_layers import quantized_layers, replaced_inputs
from hybrid_tf.compiler.file_bits import FileBits, signs_of
from hybrid_tf.compiler.int8.file import match_points
from hybrid_tf.compiler.int8.plan import Int8Plan, plan_int8
from hybrid_tf.compiler.int8.rounding import int8_calls, quantized
from hybrid_tf.compiler.interpreter import Interpreter
from hybrid_tf.compiler.metadata import Metadata
from hybrid_tf.compiler.rewrite import add_outputs
from hybrid_tf.compiler.tracing import check_images, check_labels, image_shape, trace_model
from hybrid_tf.errors import HybridTFError
from hybrid_tf.system.progress import with_progress
from hybrid_tf.tflite.flatbuffer import Tensor, TFLiteFile, parse_tflite, read_bytes

# Fraction of the largest score. Networks of 20 to 110 layers, 32x32 to 224x224, with random weights, stayed below 3e-6.
TOLERANCE = 1e-4
# Fraction of the root mean square of a layer's input for one image. The same networks stayed below 2e-6, whether their
# kernels were magnitude-aware or plain signs.
SIGN_TOLERANCE = 1e-5
# Fraction of a layer's inputs for one image. Rounding changes few signs; a file that loses a ReLU changes half of them,
# while in Keras they are exactly zero.
MOST_OTHER_SIGNS = 0.25
# Of an int8 value, in least significant bits (LSB). Fixed-point arithmetic and ties round otherwise than float32.
MOST_LSB = 1
_BATCH = 16


@dataclass(frozen=True)
class Accuracy:
    """The accuracy of a network in full precision and of its int8 file, on the same test images.

    Attributes:
        images: number of test images.
        network: top-1 accuracy of the network in Keras without the rounding of int8, 0 to 1.
        int8: top-1 accuracy of the int8 file, 0 to 1.
        engine: name of what ran the file.
    """

    images: int
    network: float
    int8: float
    engine: str

    @property
    def lost_points(self) -> float:
        """How many percentage points int8 loses; negative when it gains."""
        return 100 * (self.network - self.int8)


@dataclass(frozen=True)
class Verification:
    """How a file compares with its Keras model.

    Differences of an int8 file are to the model *with the rounding of int8*, agreement and accuracies without it.

    Attributes:
        images: number of images that were compared.
        max_abs_difference: largest difference between a score of the file and that of Keras with the same signs.
        max_rel_difference: `max_abs_difference` over the largest magnitude of a score of Keras, over all images.
        images_with_other_signs: number of images on which LCE took a sign that Keras did not.
        largest_other_sign: the largest magnitude in Keras of a number whose sign LCE took differently, divided by the
            root mean square of all inputs of that layer for that image; 0 when there is none.
        most_other_signs: the largest fraction of a layer's inputs, for one image, whose sign LCE took differently.
        top1_agreement: fraction of images to which file and Keras, each with its own signs, give the same class.
        keras_accuracy, file_accuracy: top-1 accuracy, 0 to 1, each with its own signs; None without labels.
        finite: whether every score of both was a finite number.
        int8_tensors: number of int8 tensors that were compared; 0 when the full-precision sections are float32.
        most_lsb: largest difference of an int8 value of file and Keras on equal inputs, in least significant bits
            (LSB).
        other_int8: fraction of an int8 tensor's values that differ, as the mean over all tensors and images.
        inputs: what the images are, in words.
        accuracy: what int8 costs, where it was measured.
    """

    images: int
    max_abs_difference: float
    max_rel_difference: float
    images_with_other_signs: int
    largest_other_sign: float
    most_other_signs: float
    top1_agreement: float
    keras_accuracy: float | None
    file_accuracy: float | None
    finite: bool
    int8_tensors: int = 0
    most_lsb: int = 0
    other_int8: float = 0.0
    inputs: str = "the images that were given"
    accuracy: Accuracy | None = None

    @property
    def failure(self) -> str | None:
        """Why the file does not compute what the model does, as one sentence; None when it does."""
        if not self.finite:
            return f"scores on the {self.images} images are not all finite numbers: the weights have diverged"
        if not self.largest_other_sign <= SIGN_TOLERANCE:  # so that NaN fails
            return (
                f"the file takes the wrong sign of a layer's input: in Keras it is {self.largest_other_sign:.1e} of "
                f"the layer's root mean square away from zero, and rounding explains {SIGN_TOLERANCE:.0e}"
            )
        if self.most_other_signs > MOST_OTHER_SIGNS:
            return (
                f"the file takes other signs for {self.most_other_signs:.0%} of a layer's inputs, which are zero in "
                f"Keras: more than the {MOST_OTHER_SIGNS:.0%} that rounding explains"
            )
        if self.most_lsb > MOST_LSB:
            return (
                f"an int8 value of the file is {self.most_lsb} LSB from that of Keras on the same inputs, and "
                f"rounding explains {MOST_LSB}"
            )
        if self.max_rel_difference > TOLERANCE:
            return (
                f"the scores differ by {self.max_rel_difference:.1e} of the largest score, and rounding explains "
                f"{TOLERANCE:.0e}"
            )
        return None

    @property
    def passed(self) -> bool:
        """Whether the file computes what the model does."""
        return self.failure is None

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields, `passed` and `failure` as JSON values."""
        return {**asdict(self), "passed": self.passed, "failure": self.failure}


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
    verification = _summary(*map(np.concatenate, zip(*rows, strict=True)), labels)
    return replace(verification, int8_tensors=len(rounding.tensors))


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
        metadata = Metadata.of(file.metadata)
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


def _summary(
    scores: np.ndarray,
    keras: np.ndarray,
    same: np.ndarray,
    other_signs: np.ndarray,
    largest_other: np.ndarray,
    steps: np.ndarray,
    other_int8: np.ndarray,
    labels: np.ndarray | None,
) -> Verification:
    """Sums up scores [N, classes] of the file, of Keras and of Keras with the file's signs, and the differences [N]."""
    finite = bool(np.isfinite(scores).all() and np.isfinite(keras).all() and np.isfinite(same).all())
    difference = float(np.abs(scores - same).max()) if finite else 0.0
    largest = float(np.abs(same).max()) if finite else 0.0
    classes, keras_classes = scores.argmax(axis=1), keras.argmax(axis=1)
    return Verification(
        images=len(scores),
        max_abs_difference=difference,
        max_rel_difference=difference / largest if largest else difference,
        images_with_other_signs=int(np.count_nonzero(other_signs)),
        largest_other_sign=float(largest_other.max()) if finite else 0.0,
        most_other_signs=float(other_signs.max()),
        top1_agreement=float(np.mean(classes == keras_classes)),
        keras_accuracy=None if labels is None else float(np.mean(keras_classes == labels)),
        file_accuracy=None if labels is None else float(np.mean(classes == labels)),
        finite=finite,
        most_lsb=int(steps.max()),
        other_int8=float(other_int8.mean()),
    )
