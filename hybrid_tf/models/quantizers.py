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
    """Larq's QuantConv2D, computed otherwise in training; what is converted, and what LCE has operators for, is Larq's.

    - A dense layer (a valid convolution over the whole map) is the matrix product that it is: seven times as fast.
    - Signs padded with 1 are signs less 1, padded with 0, and 1 everywhere: that is the convolution with Keras's own
      padding, and the sum of each filter. It saves padding, its gradient, and gradients of what was padded. In float32
      sums of signs stay exact; in bfloat16 they would not.

    It has the name of Larq's because weights files name layers by their class.
    """

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns [N, H', W', filters] of [N, H, W, C]."""
        whole_map = self.padding == "valid" and tuple(inputs.shape[1:3]) == tuple(self.kernel_size)
        padded = self.padding == "same" and self.pad_values == 1 and max(self.kernel_size) > 1
        self._as_product = training is True and whole_map
        self._pads_zeros = training is True and padded and inputs.dtype == tf.float32
        if not self._pads_zeros:
            return super().call(inputs)
        with larq.utils.patch_object(self, "_is_native_padding", True):
            return super().call(inputs)

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> Any:
        """Keras's hook for how the convolution is computed."""
        if self._pads_zeros:
            kernel = tf.convert_to_tensor(kernel)  # takes the signs of the latent weights, once
            return tf.nn.bias_add(super().convolution_op(inputs - 1, kernel), tf.reduce_sum(kernel, (0, 1, 2)))
        if not self._as_product:
            return super().convolution_op(inputs, kernel)
        features = kernel.shape[:3].num_elements()
        product = tf.matmul(tf.reshape(inputs, (-1, features)), tf.reshape(kernel, (features, self.filters)))
        return tf.reshape(product, (-1, 1, 1, self.filters))
