"""The rounding of images for networks that take int8. It needs no TensorFlow."""

import numpy as np

from hybrid_tf.tflite.flatbuffer import Tensor


def rounded_image(image: np.ndarray, tensor: Tensor) -> np.ndarray:
    """Returns an image as int8, by the same rounding as the QUANTIZE operator of a file with float32 input.

    That multiplies whole vectors of 8 numbers with 1 / scale and rounds halves to even; it divides the numbers that are
    left by the scale and rounds halves away from zero.

    Args:
        image: one float32 image [height, width, channels]: vectors do not reach from one image to the next.
        tensor: input tensor of the network, with one scale and one zero point.
    """
    scale, values = np.float32(tensor.scales[0]), image.ravel()
    whole = values.size // 8 * 8
    rest = values[whole:].astype(np.float64) / scale
    steps = np.concatenate([np.rint(values[:whole] * (1 / scale)), np.trunc(rest + np.copysign(0.5, rest))])
    return np.clip(steps + tensor.zero_points[0], -128, 127).astype(np.int8).reshape(image.shape)
