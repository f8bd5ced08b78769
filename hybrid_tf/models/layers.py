"""The binary and the full-precision layers that networks are built from.

They follow the fusion rules of Larq Compute Engine (LCE):

- A convolution is followed by batch norm at once, so that LCE folds the batch norm into it. Activations come *before*
  a convolution: sign for a binary one, ReLU for a full-precision one. What a layer gives is therefore always signed, as
  a binary layer needs it, and a ReLU lands behind an addition or a pooling, where TFLite fuses it.
- Binary convolutions pad with +1: bits can then be passed on packed, and every LCE kernel supports it.
- Binary dense layers are valid convolutions: LCE leaves `QuantDense` in float.
- No explicit padding: the converter gets it wrong for strided convolutions.
- A learned shift in front of a sign that follows batch norm is batch norm's own, so a layer adds none; see
  `add_prelu_shift`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import larq
import tensorflow as tf

from hybrid_tf.config import GRADIENTS
from hybrid_tf.models.quantizers import ApproxSign, QuantConv2D, SteSign
from hybrid_tf.models.spec import BinarizationConfig, NetworkSpec

if not tf.keras.layers.Layer.__module__.startswith("tf_keras."):
    raise ImportError("Larq needs legacy Keras: import hybrid_tf before anything that uses tf.keras")

Tensor = Any  # a symbolic Keras tensor; tf-keras has no public type for it

WEIGHT_LAYERS = (tf.keras.layers.Conv2D, tf.keras.layers.Dense)

_PLAIN = BinarizationConfig()
# What stands for the derivative of sign; "swish" is smooth and reaches beyond 1 (arXiv 1812.11800).
_QUANTIZERS = dict(zip(GRADIENTS, (SteSign, ApproxSign, larq.quantizers.SwishSign), strict=True))


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


def binary_conv2d(
    x: Tensor, filters: int, kernel: int | tuple[int, int], name: str, binarization: BinarizationConfig, **options: Any
) -> Tensor:
    """sign(x) convolved with sign(w); the batch norm behind it takes the place of XNOR-Net's scale per filter."""
    return QuantConv2D(
        filters,
        kernel,
        use_bias=False,
        input_quantizer=_QUANTIZERS[binarization.gradient](),
        kernel_quantizer=SteSign() if binarization.binary_kernels else None,
        kernel_constraint="weight_clip",
        name=name,
        **options,
    )(x)


def binary_conv(
    x: Tensor,
    filters: int,
    kernel: int,
    strides: int = 1,
    *,
    name: str,
    scale: bool = True,
    beta: float = 0.0,
    binarization: BinarizationConfig = _PLAIN,
) -> Tensor:
    """Binary convolution and batch norm. Shapes as `full_precision_conv`."""
    x = binary_conv2d(x, filters, kernel, name, binarization, strides=strides, padding="same", pad_values=1.0)
    return batch_norm(x, name, scale, beta)


def full_precision_dense(x: Tensor, units: int, *, name: str) -> Tensor:
    """Dense layer and batch norm. `x` of any shape is flattened; gives [N, units]."""
    x = tf.keras.layers.Dense(units, use_bias=False, kernel_initializer="he_normal", name=name)(flatten(x))
    return batch_norm(x, name, scale=False)


def classifier(x: Tensor, classes: int) -> Tensor:
    """The last layer, in full precision and, in mixed precision too, in the type of its weights.

    `x` [N, features] gives [N, classes].
    """
    dtype = tf.keras.mixed_precision.global_policy().variable_dtype
    return tf.keras.layers.Dense(classes, dtype=dtype, name="classifier")(x)


def binary_dense(x: Tensor, units: int, *, name: str, binarization: BinarizationConfig = _PLAIN) -> Tensor:
    """Binary dense layer and batch norm: a valid convolution over the whole map. Gives [N, 1, 1, units]."""
    if len(x.shape) == 2:
        x = tf.keras.layers.Reshape((1, 1, x.shape[-1]))(x)
    x = binary_conv2d(x, units, (x.shape[1], x.shape[2]), name, binarization, padding="valid")
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


def binary_shortcut(
    x: Tensor, filters: int, strides: int = 1, *, name: str, binarization: BinarizationConfig = _PLAIN
) -> Tensor:
    """Identity where the shape stays, else a strided binary 1x1 convolution with batch norm."""
    return _shortcut(x, filters, strides, partial(binary_conv, binarization=binarization), name)


def pooled_shortcut(x: Tensor, filters: int, strides: int = 1, *, name: str) -> Tensor:
    """Identity where the shape stays, else average pooling and a full-precision 1x1 convolution with batch norm.

    Pooling first lets every input count; a strided 1x1 convolution would drop three in four (Bi-Real Net, 1808.00278).
    """
    if strides > 1:
        x = average_pool(x, name=f"{name}_pool")
    return _shortcut(x, filters, 1, full_precision_conv, name)


def add(x: Tensor, shortcut: Tensor, *, name: str) -> Tensor:
    """The end of a block: the sum of its last convolution, called `name`, and its shortcut, of equal shapes."""
    return tf.keras.layers.Add(name=f"{name}_add")([x, shortcut])


def add_prelu_shift(x: Tensor, shortcut: Tensor, *, name: str) -> Tensor:
    """`add`, then a PReLU and a shift with a number for each channel: what is left of ReActNet's activations.

    ReActNet (arXiv 2003.03488) shifts, applies a PReLU and shifts again behind each addition, and shifts once more in
    front of each sign. The first shift is beta of the batch norm in front of the addition. The second moves the sign
    and the shortcut; the shortcut is shifted back by the next beta, so it can do for the third too. Together they
    compute the same functions as the four of ReActNet, in two operators of the file instead of four.
    """
    x = add(x, shortcut, name=name)
    x = tf.keras.layers.PReLU(
        shared_axes=(1, 2), alpha_initializer=tf.keras.initializers.Constant(0.25), name=f"{name}_prelu"
    )(x)
    return Shift(name=f"{name}_shift")(x)


@tf.keras.utils.register_keras_serializable("hybrid_tf")
class Shift(tf.keras.layers.Layer):
    """Adds a learned number to each channel; gives the shape of its input [N, ..., C]."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the numbers, zeros at first."""
        self.shift = self.add_weight(name="shift", shape=(input_shape[-1],), initializer="zeros")
        super().build(input_shape)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Returns the inputs, shifted."""
        return tf.nn.bias_add(inputs, self.shift)


@dataclass(frozen=True)
class StageLayers:
    """The layers that a stage is built from.

    Attributes:
        activate: function that is applied to the input of a convolution, dense layer or block of the stage.
        conv: convolution and batch norm, `conv(x, filters, kernel, strides, name=, scale=, beta=)`.
        dense: dense layer and batch norm, `dense(x, units, name=)`.
        shortcut: shortcut of a block, `shortcut(x, filters, strides, name=)`.
        add: end of a block, `add(x, shortcut, name=)`.
        pool_beta: initial shift of the batch norm in front of a max pooling that leads to the stage.
        convs_per_shortcut: number of convolutions of a ResNet block that one shortcut goes around: 2, or 1 where every
            convolution has its own; then a VGG stage gets shortcuts too.
    """

    activate: Callable[[Tensor], Tensor]
    conv: Callable[..., Tensor]
    dense: Callable[..., Tensor]
    shortcut: Callable[..., Tensor]
    convs_per_shortcut: int
    add: Callable[..., Tensor] = add
    pool_beta: float = 0.0


_FULL_PRECISION = StageLayers(relu, full_precision_conv, full_precision_dense, full_precision_shortcut, 2)
# The maximum of four standard normal values is positive 15 times in 16: behind a max pooling, sign gives +1 almost
# everywhere and a deep network does not train. A shift of -1 puts the median of the maximum at zero, at no cost on the
# device.
POOL_BETA = -1.0
_XNOR = StageLayers(identity, binary_conv, binary_dense, binary_shortcut, 2, pool_beta=POOL_BETA)
_RESIDUAL = StageLayers(identity, binary_conv, binary_dense, pooled_shortcut, 1, pool_beta=POOL_BETA)


def stage_layers(spec: NetworkSpec, stage: str) -> StageLayers:
    """Returns what `stage` of a network is built from under the plan of `spec`."""
    plan, binarization = spec.plan, spec.binarization
    if not plan.is_binary_stage(stage):
        return _FULL_PRECISION
    make = _RESIDUAL if plan.residual else _XNOR
    shortcut = make.shortcut if plan.residual else partial(make.shortcut, binarization=binarization)
    return replace(
        make,
        conv=_unless_kept(plan.keep, partial(make.conv, binarization=binarization), full_precision_conv, relu),
        dense=_unless_kept(plan.keep, partial(make.dense, binarization=binarization), full_precision_dense, relu),
        shortcut=_unless_kept(plan.keep, shortcut, full_precision_shortcut, identity),
        add=add_prelu_shift if binarization.shifts else add,
    )


def _unless_kept(
    keep: tuple[str, ...],
    layer: Callable[..., Tensor],
    full_precision_layer: Callable[..., Tensor],
    activate: Callable[[Tensor], Tensor],
) -> Callable[..., Tensor]:
    """Returns `layer`, but the full-precision one, with its activation, for the layers named in `keep`."""

    def build(x: Tensor, *args: Any, name: str, **options: Any) -> Tensor:
        if name in keep:
            return full_precision_layer(activate(x), *args, name=name, **options)
        return layer(x, *args, name=name, **options)

    return build


def weight_layers(model: tf.keras.Model) -> list[tf.keras.layers.Layer]:
    """Returns the convolutions and dense layers of a Keras or Larq model, those of nested models included."""
    return [layer for layer in model._flatten_layers(include_self=False) if isinstance(layer, WEIGHT_LAYERS)]


def is_binary(layer: tf.keras.layers.Layer) -> bool:
    """Returns whether `layer` stores 1-bit weights once converted: a Larq layer whose kernel quantizer gives 1 bit."""
    return getattr(getattr(layer, "kernel_quantizer", None), "precision", 32) == 1
