"""The binary and the full-precision units that networks are built from.

This is the only module that knows Larq and the fusion rules of Larq Compute Engine (LCE):

- A convolution is followed by batch norm at once, so that LCE folds the batch norm into it. Activations come *before*
  a convolution: sign for a binary one, ReLU for a full-precision one. A unit's output is therefore always signed, which
  is what a binary unit needs, and a ReLU lands behind an addition or a pooling, where TFLite fuses it.
- Binary convolutions pad with +1: bits can then be passed on packed, and every LCE kernel supports it.
- Binary dense layers are valid convolutions: LCE leaves `QuantDense` in float.
- No explicit padding: the converter gets it wrong for strided convolutions.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import larq
import tensorflow as tf

from hybrid_tf.plan import Plan

if not tf.keras.layers.Layer.__module__.startswith("tf_keras."):
    raise ImportError("Larq needs legacy Keras: import hybrid_tf before anything that uses tf.keras")

Tensor = Any  # a symbolic Keras tensor; tf-keras has no public type for it


def batch_norm(x: Tensor, name: str, scale: bool = True, beta: float = 0.0) -> Tensor:
    """Batch norm with `beta` as its initial shift.

    `scale=False` drops gamma, which means nothing when a sign, or a ReLU and a weight layer, follow.
    """
    # Momentum 0.9: with sign flips the statistics move too fast for Keras's 0.99.
    return tf.keras.layers.BatchNormalization(
        momentum=0.9,
        epsilon=1e-5,
        scale=scale,
        beta_initializer=tf.keras.initializers.Constant(beta),
        name=f"{name}_bn",
    )(x)


def relu(x: Tensor) -> Tensor:
    """The activation of full-precision sections."""
    return tf.keras.layers.ReLU()(x)


def identity(x: Tensor) -> Tensor:
    """The activation of binary sections: their convolutions take the sign themselves."""
    return x


def max_pool(x: Tensor, size: int = 2, *, name: str) -> Tensor:
    """Maximum over `size` x `size` pixels, every second one. Gives [N, ceil(H / 2), ceil(W / 2), C]."""
    return tf.keras.layers.MaxPooling2D(size, 2, padding="same", name=name)(x)


def average_pool(x: Tensor, size: int = 2, *, name: str) -> Tensor:
    """Mean over `size` x `size` pixels, every second one. Gives [N, ceil(H / 2), ceil(W / 2), C]."""
    return tf.keras.layers.AveragePooling2D(size, 2, padding="same", name=name)(x)


def full_precision_conv(
    x: Tensor, filters: int, kernel: int, strides: int = 1, *, name: str, scale: bool = True, beta: float = 0.0
) -> Tensor:
    """Convolution and batch norm. `x` [N, H, W, C] gives [N, ceil(H / strides), ceil(W / strides), filters]."""
    x = tf.keras.layers.Conv2D(
        filters, kernel, strides, padding="same", use_bias=False, kernel_initializer="he_normal", name=name
    )(x)
    return batch_norm(x, name, scale, beta)


def _binary_conv2d(x: Tensor, filters: int, kernel: int | tuple[int, int], name: str, **options: Any) -> Tensor:
    """sign(x) convolved with alpha * sign(w), alpha = mean |w| per filter (XNOR-Net, arXiv 1603.05279, section 3.2)."""
    return larq.layers.QuantConv2D(
        filters,
        kernel,
        use_bias=False,
        input_quantizer="ste_sign",
        kernel_quantizer="ste_sign",
        kernel_constraint="weight_clip",
        name=name,
        **options,
    )(x)


def binary_conv(
    x: Tensor, filters: int, kernel: int, strides: int = 1, *, name: str, scale: bool = True, beta: float = 0.0
) -> Tensor:
    """Binary convolution and batch norm. Shapes as `full_precision_conv`."""
    x = _binary_conv2d(x, filters, kernel, name, strides=strides, padding="same", pad_values=1.0)
    return batch_norm(x, name, scale, beta)


def full_precision_dense(x: Tensor, units: int, *, name: str) -> Tensor:
    """Dense layer and batch norm. `x` of any shape is flattened; gives [N, units]."""
    x = tf.keras.layers.Dense(units, use_bias=False, kernel_initializer="he_normal", name=name)(flatten(x))
    return batch_norm(x, name, scale=False)


def binary_dense(x: Tensor, units: int, *, name: str) -> Tensor:
    """Binary dense layer and batch norm: a valid convolution over the whole map. Gives [N, 1, 1, units]."""
    if len(x.shape) == 2:
        x = tf.keras.layers.Reshape((1, 1, x.shape[-1]))(x)
    x = _binary_conv2d(x, units, (x.shape[1], x.shape[2]), name, padding="valid")
    return batch_norm(x, name, scale=False)


def flatten(x: Tensor) -> Tensor:
    """`x` [N, ...] as [N, features]."""
    return x if len(x.shape) == 2 else tf.keras.layers.Flatten()(x)


def _shortcut(x: Tensor, filters: int, strides: int, conv: Callable[..., Tensor], name: str) -> Tensor:
    if strides == 1 and x.shape[-1] == filters:
        return x
    return conv(x, filters, 1, strides, name=name)


def full_precision_shortcut(x: Tensor, filters: int, strides: int = 1, *, name: str) -> Tensor:
    """Identity where the shape stays, else a strided 1x1 convolution with batch norm (He et al., option B)."""
    return _shortcut(x, filters, strides, full_precision_conv, name)


def binary_shortcut(x: Tensor, filters: int, strides: int = 1, *, name: str) -> Tensor:
    """Identity where the shape stays, else a strided binary 1x1 convolution with batch norm."""
    return _shortcut(x, filters, strides, binary_conv, name)


def pooled_shortcut(x: Tensor, filters: int, strides: int = 1, *, name: str) -> Tensor:
    """Identity where the shape stays, else average pooling and a full-precision 1x1 convolution with batch norm.

    Pooling first lets every input count; a strided 1x1 convolution would drop three in four (Bi-Real Net, 1808.00278).
    """
    if strides > 1:
        x = average_pool(x, name=f"{name}_pool")
    return _shortcut(x, filters, 1, full_precision_conv, name)


@dataclass(frozen=True)
class Units:
    """What a stage is built from.

    Attributes:
        activate: applied to the input of a convolution, dense layer or block of the stage.
        conv: `conv(x, filters, kernel, strides, name=, scale=, beta=)`.
        dense: `dense(x, units, name=)`.
        shortcut: `shortcut(x, filters, strides, name=)`.
        pool: `pool(x, size, name=)`, the pooling in front of the stage.
        pool_beta: initial shift of the batch norm in front of `pool`.
        convs_per_shortcut: how many convolutions of a ResNet block one shortcut goes around: 2, or 1 where every
            convolution has its own; then a VGG stage gets shortcuts too.
    """

    activate: Callable[[Tensor], Tensor]
    conv: Callable[..., Tensor]
    dense: Callable[..., Tensor]
    shortcut: Callable[..., Tensor]
    convs_per_shortcut: int
    pool: Callable[..., Tensor] = max_pool
    pool_beta: float = 0.0


_FULL_PRECISION = Units(relu, full_precision_conv, full_precision_dense, full_precision_shortcut, 2)
# The maximum of four standard normal values is positive 15 times in 16: behind a max pooling, sign gives +1 almost
# everywhere and a deep network does not train. A shift of -1 puts the median of the maximum at zero, at no cost on the
# device. Between full-precision shortcuts values are float anyway, and the mean keeps them centred.
_XNOR = Units(identity, binary_conv, binary_dense, binary_shortcut, 2, pool_beta=-1.0)
_RESIDUAL = Units(identity, binary_conv, binary_dense, pooled_shortcut, 1, average_pool)


def units_for(plan: Plan, stage: str) -> Units:
    """Returns what `stage` is built from under `plan`."""
    if not plan.is_binary_stage(stage):
        return _FULL_PRECISION
    units = _RESIDUAL if plan.residual else _XNOR
    return replace(
        units,
        conv=_unless_kept(plan.keep, units.conv, full_precision_conv, relu),
        dense=_unless_kept(plan.keep, units.dense, full_precision_dense, relu),
        shortcut=_unless_kept(plan.keep, units.shortcut, full_precision_shortcut, identity),
    )


def _unless_kept(
    keep: tuple[str, ...],
    unit: Callable[..., Tensor],
    full_precision_unit: Callable[..., Tensor],
    activate: Callable[[Tensor], Tensor],
) -> Callable[..., Tensor]:
    """`unit`, but the full-precision one, with its activation, for the layers named in `keep`."""

    def build(x: Tensor, *args: Any, name: str, **options: Any) -> Tensor:
        if name in keep:
            return full_precision_unit(activate(x), *args, name=name, **options)
        return unit(x, *args, name=name, **options)

    return build


def is_binary(layer: tf.keras.layers.Layer) -> bool:
    """Returns whether `layer` stores 1-bit weights once converted: a Larq layer whose kernel quantizer gives 1 bit."""
    return getattr(getattr(layer, "kernel_quantizer", None), "precision", 32) == 1
