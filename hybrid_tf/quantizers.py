"""Larq's quantizers and convolution, computed in less time in training, with the same numbers.

docs/training-speed.md has what each is worth.
"""

from collections.abc import Callable
from typing import Any

import larq
import tensorflow as tf

_registered = tf.keras.utils.register_keras_serializable("hybrid_tf")
_Sum = Callable[[tf.Tensor], tf.Tensor]


@tf.custom_gradient
def _ste_sign(x: tf.Tensor) -> tuple[tf.Tensor, _Sum]:
    # A product takes half the time of Larq's selection between two tensors.
    return larq.math.sign(x), lambda dy: dy * tf.cast(tf.abs(x) <= 1, dy.dtype)


@tf.custom_gradient
def _approx_sign(x: tf.Tensor) -> tuple[tf.Tensor, _Sum]:
    return larq.math.sign(x), lambda dy: dy * tf.nn.relu(2 - 2 * tf.abs(x))


@_registered
class SteSign(larq.quantizers.SteSign):
    """Sign; the gradient passes where |x| <= 1 (arXiv 1602.02830)."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns -1 below zero and +1 from zero on."""
        return _ste_sign(inputs)


@_registered
class ApproxSign(larq.quantizers.ApproxSign):
    """Sign; the gradient passes times 2 - 2|x| where |x| <= 1 (Bi-Real Net, arXiv 1808.00278)."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns -1 below zero and +1 from zero on."""
        return _approx_sign(inputs)


@_registered
class QuantConv2D(larq.layers.QuantConv2D):
    """Larq's, with a dense layer (a valid convolution over the whole map) trained as the matrix product that it is.

    LCE has an operator for the convolution only, but training takes seven times as long with it. It has the name of
    Larq's because weights files name layers by their class.
    """

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns [N, H', W', filters] of [N, H, W, C]."""
        self._as_product = (
            training is True and self.padding == "valid" and tuple(inputs.shape[1:3]) == tuple(self.kernel_size)
        )
        return super().call(inputs)

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> Any:
        """Keras's hook for how the convolution is computed."""
        if not self._as_product:
            return super().convolution_op(inputs, kernel)
        features = kernel.shape[:3].num_elements()
        product = tf.matmul(tf.reshape(inputs, (-1, features)), tf.reshape(kernel, (features, self.filters)))
        return tf.reshape(product, (-1, 1, 1, self.filters))
