"""A model that computes as its int8 file does: batch norm in the kernels, kernels and values rounded to 8 bits.

TensorFlow Lite folds a batch norm into the kernel in front before it rounds, so what is rounded here is the folded
kernel: per output channel, symmetric, -127 to 127. Values are rounded to one scale a tensor, -128 to 127.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from hybrid_tf.compiler.binary_layers import Call, calls_through
from hybrid_tf.compiler.int8.plan import IMAGE, Int8Plan, Step, has_kernel, is_batch_norm
from hybrid_tf.models.layers import Shift

# Takes the name of a point and the values there, and returns those to go on with.
Rounding = Callable[[str, tf.Tensor], tf.Tensor]

LEVELS, KERNEL_LEVELS = 255, 127
# Least range of a kernel's channel, as a fraction of that of the largest channel. A channel of almost nothing would
# have a scale so small that its bias, an int32 in units of it, overflows.
_LEAST_CHANNEL = 1 / 1024


@contextlib.contextmanager
def int8_calls(model: tf.keras.Model, plan: Int8Plan, rounding: Rounding, *, trained: bool = False) -> Iterator[None]:
    """While this lasts, calls of `model` compute with rounded kernels and with values that went through `rounding`.

    It acts when the model is traced; see `calls_through`.

    Args:
        model: Keras model that the plan is of.
        plan: int8 plan of the model, see `plan_int8`.
        rounding: function from a point of the plan and the values there to the values to go on with.
        trained: whether gradients reach the weights; if not, rounded kernels are constants of the graph.
    """
    run = _Run(plan, rounding, trained)
    with calls_through([*plan.layers(), model], run.around):
        yield


def rounded_to(ranges: dict[str, tuple[float, float]]) -> Rounding:
    """Returns the rounding of values to 256 numbers from the lowest to the highest of the point's range."""
    return lambda point, values: tf.quantization.fake_quant_with_min_max_args(values, *ranges[point])


def rounded_as_in_file(plan: Int8Plan, ranges: dict[str, tuple[float, float]]) -> Rounding:
    """Returns the rounding of `rounded_to`, with halves as the file rounds them.

    It matters where means of 4 integers are rounded: a quarter of these are halves, the same one on all of a plain
    background, and where they lie next to zero they decide its signs. Gradients are those of `rounded_to`.
    """
    like_graph = rounded_to(ranges)

    def rounded(point: str, values: tf.Tensor) -> tf.Tensor:
        result = like_graph(point, values)
        if point not in plan.averages:
            return result
        low, high = ranges[point]
        scale = (high - low) / LEVELS
        zero_point = round(-low / scale) - 128
        stored = quantized(values, scale, zero_point, average=True)
        return result + tf.stop_gradient((stored - zero_point) * scale - result)

    return rounded


def quantized(values: tf.Tensor, scale: float, zero_point: float, *, average: bool) -> tf.Tensor:
    """Returns the int8 numbers, -128 to 127, that `values` are rounded to, as float32.

    Args:
        values: real numbers to round.
        scale: scale of the int8 tensor.
        zero_point: zero point of the int8 tensor.
        average: whether the values are means of int8 numbers: TensorFlow Lite rounds halves of these away from the
            number 0 (reference_integer_ops::AveragePool), which need not stand for the value 0; others upwards.
    """
    if average:
        steps = values / scale + zero_point
        # Means are multiples of one over the window's size, far more than this apart; halves may be off by rounding.
        steps = tf.sign(steps) * tf.floor(tf.abs(steps) + 0.5 + 1e-3)
    else:
        steps = tf.floor(values / scale + 0.5) + zero_point
    return tf.clip_by_value(steps, -128.0, 127.0)


class _Run:
    def __init__(self, plan: Int8Plan, rounding: Rounding, trained: bool) -> None:
        self._plan = plan
        self._rounding = rounding
        self._trained = trained
        self._layers = {id(layer) for layer in plan.layers()}
        self._calls: dict[int, int] = {}
        self._inputs: dict[int, tf.Tensor] = {}

    def around(self, layer: tf.keras.layers.Layer, call: Call, *args: Any, **kwargs: Any) -> Any:
        if id(layer) not in self._layers:  # the model itself
            self._calls.clear()
            image = tf.nest.flatten(args[0])[0]
            rounded = tf.nest.pack_sequence_as(args[0], [self._rounding(IMAGE, image)])
            return call(rounded, *args[1:], **kwargs)
        key = (id(layer), self._calls.get(id(layer), 0))
        self._calls[id(layer)] = key[1] + 1
        number = self._plan.numbers.get(key)
        if number is None:
            return call(*args, **kwargs)
        step = self._plan.steps[number]
        self._inputs[number] = args[0]
        result = self._computed(step, call, args, kwargs)
        return self._rounding(step.name, result) if step.rounded else result

    def _computed(self, step: Step, call: Call, args: tuple, kwargs: dict[str, Any]) -> Any:
        layer = step.layer
        if step.takes is not None:
            taken = self._plan.steps[step.takes].layer
            return self._convolved(taken, self._inputs[step.takes], layer, step.is_float)
        if has_kernel(layer) and not (step.is_taken or step.behind_binary):
            result = self._convolved(layer, args[0], None, step.is_float)
            return layer.activation(self._rounding(step.points[0], result) if step.before_activation else result)
        if is_batch_norm(layer) and not step.behind_binary:
            return self._scaled(layer, args[0], step.is_float)
        for kind, name in ((tf.keras.layers.PReLU, "alpha"), (Shift, "shift")):
            if isinstance(layer, kind) and not step.is_float:
                [value] = self._constant(lambda name=name: [_rounded_constant(getattr(layer, name), name)])
                with _attributes(layer, {name: value}):
                    return call(*args, **kwargs)
        return call(*args, **kwargs)

    def _convolved(
        self, layer: tf.keras.layers.Layer, inputs: tf.Tensor, norm: tf.keras.layers.Layer | None, is_float: bool
    ) -> tf.Tensor:
        """Returns what `layer` makes of `inputs`, without its activation, with batch norm `norm` behind it."""
        depthwise = isinstance(layer, tf.keras.layers.DepthwiseConv2D)

        def weights() -> tuple[tf.Tensor, tf.Tensor]:
            kernel = tf.convert_to_tensor(layer.depthwise_kernel if depthwise else layer.kernel)
            bias = tf.convert_to_tensor(layer.bias) if layer.use_bias else None
            if norm is not None:
                multiplier, shift = _multiplier_and_shift(norm)
                kernel *= tf.reshape(multiplier, kernel.shape[2:]) if depthwise else multiplier
                bias = shift if bias is None else bias * multiplier + shift
            return kernel, bias

        kernel, bias = self._rounded(weights, depthwise, is_float)
        if isinstance(layer, tf.keras.layers.Dense):
            result = _dense(inputs, kernel)
        elif depthwise:
            kernel = tf.reshape(kernel, layer.depthwise_kernel.shape)
            with _attributes(layer, {"depthwise_kernel": kernel, "use_bias": False, "activation": None}):
                result = type(layer).call(layer, inputs)
        else:
            result = layer.convolution_op(inputs, kernel)
        return result if bias is None else tf.nn.bias_add(result, bias)

    def _scaled(self, norm: tf.keras.layers.Layer, inputs: tf.Tensor, is_float: bool) -> tf.Tensor:
        """Returns a batch norm with nothing in front that it could become part of: a 1x1 depthwise convolution."""

        def weights() -> tuple[tf.Tensor, tf.Tensor]:
            multiplier, shift = _multiplier_and_shift(norm)
            return tf.reshape(multiplier, (1, 1, -1, 1)), shift

        kernel, shift = self._rounded(weights, True, is_float)
        kernel = tf.reshape(kernel, (1, 1, -1, 1))
        maps = inputs if inputs.shape.rank == 4 else tf.reshape(inputs, (-1, 1, 1, inputs.shape[-1]))
        result = tf.nn.bias_add(tf.nn.depthwise_conv2d(maps, kernel, (1, 1, 1, 1), "VALID"), shift)
        return result if inputs.shape.rank == 4 else tf.reshape(result, (-1, inputs.shape[-1]))

    def _rounded(
        self, weights: Callable[[], tuple[tf.Tensor, tf.Tensor]], depthwise: bool, is_float: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the kernel and the bias that `weights` makes, the kernel rounded by channel and at least 4-D.

        In a depthwise kernel every input is a channel.
        """

        def with_ranges() -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            kernel, bias = weights()
            shape = (*kernel.shape[:2], 1, -1) if depthwise else (1, 1, *kernel.shape)[-4:]
            kernel = tf.reshape(kernel, shape)
            return kernel, bias, tf.stop_gradient(channel_ranges(kernel))

        kernel, bias, largest = self._constant(with_ranges)
        if not is_float:
            kernel = tf.quantization.fake_quant_with_min_max_vars_per_channel(
                kernel, -largest, largest, narrow_range=True
            )
        return kernel, bias

    def _constant(self, make: Callable[[], Any]) -> Any:
        """Returns the tensors that `make` makes of variables, as constants of the graph unless they are trained."""
        if self._trained:
            return make()
        with tf.init_scope():
            made = [value if value is None else value.numpy() for value in make()]
        return [value if value is None else tf.constant(value) for value in made]


def channel_ranges(kernel: tf.Tensor) -> tf.Tensor:
    """Returns the largest magnitude [channels] that int8 stands for in each channel of a kernel [..., channels]."""
    largest = tf.reduce_max(tf.abs(kernel), axis=tuple(range(kernel.shape.rank - 1)))
    of_all = tf.reduce_max(largest)
    return tf.maximum(largest, tf.where(of_all > 0, of_all * _LEAST_CHANNEL, 1.0))


def _multiplier_and_shift(norm: tf.keras.layers.Layer) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns what batch norm multiplies each channel by, and what it adds then."""
    multiplier = tf.math.rsqrt(norm.moving_variance + norm.epsilon)
    if norm.scale:
        multiplier *= norm.gamma
    shift = -norm.moving_mean * multiplier
    return multiplier, shift + norm.beta if norm.center else shift


def _rounded_constant(variable: tf.Variable, name: str) -> tf.Tensor:
    """Returns a constant as the converter stores it: PReLU's slopes around zero, what is added with a zero point."""
    value = tf.convert_to_tensor(variable)
    if name == "alpha":
        largest = tf.maximum(tf.reduce_max(tf.abs(value)), 1e-6)
        return tf.quantization.fake_quant_with_min_max_vars(value, -largest, largest, narrow_range=True)
    low, high = tf.minimum(tf.reduce_min(value), 0.0), tf.maximum(tf.reduce_max(value), 0.0)
    return tf.quantization.fake_quant_with_min_max_vars(value, low, tf.maximum(high, low + 1e-6))


def _dense(inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """A dense layer as a 1x1 convolution: for these alone the converter takes a scale for each channel."""
    if inputs.shape.rank == 4:
        return tf.nn.conv2d(inputs, kernel, 1, "VALID")
    inner = [-1 if size is None else size for size in inputs.shape[1:-1]]
    maps = tf.reshape(inputs, (-1, *[*inner, 1, 1][:2], inputs.shape[-1]))
    return tf.reshape(tf.nn.conv2d(maps, kernel, 1, "VALID"), (-1, *inner, kernel.shape[-1]))


@contextlib.contextmanager
def _attributes(layer: tf.keras.layers.Layer, values: dict[str, Any]) -> Iterator[None]:
    """While this lasts, `layer` has other attributes, which Keras does not notice."""
    before = {name: vars(layer)[name] for name in values}
    vars(layer).update(values)
    try:
        yield
    finally:
        vars(layer).update(before)
