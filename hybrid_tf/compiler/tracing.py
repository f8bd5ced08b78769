"""The trace of a Keras model as the function that its file computes: one image in, one row of scores out."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from hybrid_tf.compiler.binary_layers import quantized_layers, replaced_inputs
from hybrid_tf.errors import HybridTFError

IMAGE, SCORES = "image", "scores"  # the input and the output of the function


@dataclass(frozen=True)
class TracedModel:
    """A model in inference mode.

    Attributes:
        function: traced function: `function(image=[1, H, W, C])` gives `{"scores": [1, classes]}`; both float32.
        calls: quantized layers, one entry for each call, in order.
        inputs: input tensor of each call, in the function's graph.
    """

    function: tf.types.experimental.ConcreteFunction
    calls: list[tf.keras.layers.Layer]
    inputs: list[tf.Tensor]


def image_shape(model: tf.keras.Model) -> tuple[int, int, int]:
    """Returns height, width and channels of the images that `model` takes.

    Raises:
        HybridTFError: when the model is not built, or takes anything but one batch of images of fixed size.
    """
    specs = tf.nest.flatten(model.save_spec() or ())
    specs = [spec for spec in specs if isinstance(spec, tf.TensorSpec)]
    if not specs:
        raise HybridTFError(f"model '{model.name}' is not built: call it once on a batch of images")
    shapes = [spec.shape for spec in specs]
    if len(shapes) != 1 or shapes[0].rank != 4 or not shapes[0][1:].is_fully_defined():
        raise HybridTFError(
            f"model '{model.name}' takes {', '.join(map(str, shapes))}: only one input of images "
            "(batch, height, width, channels) of fixed size can be converted"
        )
    if shapes[0][0] not in (None, 1):
        raise HybridTFError(f"model '{model.name}' has a fixed batch of {shapes[0][0]}: build it without a batch size")
    return tuple(shapes[0][1:])


def trace_model(model: tf.keras.Model, at_start: Callable[[], None] = lambda: None) -> TracedModel:
    """Traces `model` in inference mode for one image.

    Args:
        model: Keras model from one batch of images [N, H, W, C] to scores [N, classes].
        at_start: function that is called when a trace begins; records from before are of a trace that was thrown away.

    Raises:
        HybridTFError: when the model is not built, or does not turn one image into one row of scores.
    """
    shape = image_shape(model)
    calls: list[tf.keras.layers.Layer] = []
    tensors: list[tf.Tensor] = []

    def record(layer: tf.keras.layers.Layer, inputs: tf.Tensor) -> tf.Tensor:
        calls.append(layer)
        tensors.append(inputs)
        return inputs

    @tf.function(input_signature=[tf.TensorSpec((1, *shape), tf.float32, name=IMAGE)])
    def infer(image: tf.Tensor) -> dict[str, tf.Tensor]:
        calls.clear()
        tensors.clear()
        at_start()
        scores, *others = tf.nest.flatten(model(image, training=False))
        return {SCORES: scores, **{f"output_{number}": output for number, output in enumerate(others, start=1)}}

    with replaced_inputs(quantized_layers(model), record):
        try:
            function = infer.get_concrete_function()
        except Exception as error:
            raise HybridTFError(f"model '{model.name}' cannot be run on one image: {failure(error)}") from error
    check_outputs(model.name, list(function.structured_outputs.values()))
    return TracedModel(function, calls, tensors)


def check_outputs(model: str, outputs: list[tf.Tensor]) -> None:
    """Checks that the outputs of the model called `model` are one row of scores. Raises HybridTFError if not."""
    if len(outputs) != 1 or outputs[0].shape.rank != 2 or outputs[0].dtype != tf.float32:
        given = ", ".join(f"{output.dtype.name} {output.shape}" for output in outputs)
        raise HybridTFError(f"model '{model}' gives {given}: only one float32 output (batch, classes) will do")


def failure(error: Exception) -> str:
    """Returns the innermost error that Keras and AutoGraph wrapped into the message of `error`."""
    reasons = re.findall(r"^\s*(\w+Error: .+)$", str(error), re.MULTILINE)
    return reasons[-1] if reasons else f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"


def check_images(images: np.ndarray, shape: tuple[int, ...], owner: str) -> None:
    """Checks that `images` is a float32 array [N, *shape] of finite numbers with N at least 1.

    Raises:
        HybridTFError: saying what `owner` needs and what was given.
    """
    needed = f"{owner} takes float32 images of shape (N, {', '.join(map(str, shape))})"
    if not isinstance(images, np.ndarray) or images.dtype != np.float32:
        raise HybridTFError(f"{needed}, got {getattr(images, 'dtype', type(images).__name__)}")
    if images.ndim != 4 or images.shape[1:] != tuple(shape):
        raise HybridTFError(f"{needed}, got {images.shape}")
    if not len(images):
        raise HybridTFError(f"{needed}, got none")
    if not np.all(np.isfinite(images)):
        raise HybridTFError(f"{needed}, got some with numbers that are not finite")


def check_labels(images: np.ndarray, labels: np.ndarray | None) -> None:
    """Checks that there is a label [N] for each image, if there are any. Raises HybridTFError when there is not."""
    if labels is not None and np.shape(labels) != (len(images),):
        raise HybridTFError(f"{len(images)} images need labels of shape ({len(images)},), got {np.shape(labels)}")
