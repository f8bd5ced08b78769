"""The bits that enter the binary convolutions of a converted file, and the signs in Keras that they stand for."""

import math
from dataclasses import dataclass

import tensorflow as tf

from hybrid_tf.compiler.matching import match_layers
from hybrid_tf.compiler.metadata import Metadata
from hybrid_tf.compiler.tracing import TracedModel
from hybrid_tf.tflite.flatbuffer import TFLiteFile


@dataclass(frozen=True)
class FileBits:
    """The bits that enter the binary convolutions of a file.

    Attributes:
        tensors: numbers of the tensors of bits, one for each call of a layer that the file computes in bits.
        shapes: shapes of these tensors for one image, batch (1) first.
        channels: number of channels in each.
        numbers: number in these lists of each call of a quantized layer; None where the file computes it in float, or
            pads before it takes signs.
    """

    tensors: tuple[int, ...]
    shapes: tuple[tuple[int, ...], ...]
    channels: tuple[int, ...]
    numbers: tuple[int | None, ...]

    @classmethod
    def of(cls, file: TFLiteFile, traced: TracedModel) -> "FileBits":
        """Finds them. Raises HybridTFError when the file is not that of the model, see `match_layers`."""
        metadata = Metadata.of(file)
        float_layers = metadata.float_layers if metadata else None
        tensors, channels, numbers = [], [], []
        for op, inputs in zip(match_layers(file, traced.calls, float_layers), traced.inputs, strict=True):
            is_packed = op is not None
            if is_packed and float_layers is not None:
                pixels = math.prod(file.tensors[op.inputs[0]].shape[:-1])
                is_packed = pixels * op.options().get("channels_in", 0) == math.prod(inputs.shape[1:])
            numbers.append(len(tensors) if is_packed else None)
            if is_packed:
                tensors.append(op.inputs[0])
                spread = float_layers is not None  # a dense layer reads the pixels of a map
                channels.append(op.options()["channels_in"] if spread else inputs.shape[-1])
        shapes = tuple(file.tensors[number].shape for number in tensors)
        return cls(tuple(tensors), shapes, tuple(channels), tuple(numbers))


def signs_of(packed: tf.Tensor, channels: int, inputs: tf.Tensor) -> tf.Tensor:
    """Returns the signs +1 and -1 in the shape of `inputs`, the input of a layer, [N, ...].

    Args:
        packed: int32 words [N, height, width, ceil(channels / 32)]; bit 1 is -1.
        channels: channels of a pixel.
        inputs: what the layer reads in Keras; a dense layer reads the pixels of a map in a row.
    """
    bits = tf.bitwise.bitwise_and(tf.bitwise.right_shift(packed[..., tf.newaxis], tf.range(32)), 1)
    shape = tf.shape(packed)
    bits = tf.reshape(bits, tf.concat([shape[:3], [shape[3] * 32]], axis=0))[..., :channels]
    signs = tf.reshape(1.0 - 2.0 * tf.cast(bits, tf.float32), tf.shape(inputs))
    return tf.ensure_shape(signs, inputs.shape)
