"""What Larq Compute Engine's converter cannot turn into binary operators, found before it silently does not.

The rules are those of LCE 0.16's converter (`mlir/transforms/prepare_tf.cc`, `prepare_patterns_common.td`,
`padding.h`), each seen to matter by converting a model that breaks it.
"""

import larq
import numpy as np
import tensorflow as tf

from hybrid_tf.converters.binary_layers import layers_of, quantised_kernel, quantised_layers, quantizers_of
from hybrid_tf.errors import HybridTFError

# From IsBinaryFilter in prepare_tf.cc: a filter is binary when the first weight of each output channel is above the
# first bound and all others are within the second of it, relatively.
_SMALLEST_SCALE = np.finfo(np.float32).eps
_SCALE_TOLERANCE = 0.005
_BITS_PER_WORD = 32
_OTHER_FLOATS = ("float16", "bfloat16", "float64")


def check_layers(model: tf.keras.Model) -> None:
    """Checks each layer of a model that has its weights.

    Raises:
        HybridTFError: saying what is wrong with the first layer that would not convert as it is meant, and naming the
            others.
    """
    faults = []
    for layer in layers_of(model):
        if layer.compute_dtype in _OTHER_FLOATS:
            faults.append((layer, f"computes in {layer.compute_dtype}: build the model with the float32 policy"))
        elif layer.built and quantizers_of(layer):  # a layer that is not built is never called
            faults.append((layer, quantised_layer_fault(layer)))
    faults += [(layer, _SEPARATE) for layer in _separate_quantizers(model)]
    faults = [(layer.name, fault) for layer, fault in faults if fault]
    if faults:
        name, fault = faults[0]
        others = ", ".join(f"'{name}'" for name, _ in faults[1:])
        raise HybridTFError(f"layer '{name}' {fault}{f'; also at fault: {others}' if others else ''}")


_SEPARATE = "is a quantizer apart from a layer: give it to the next convolution as its input_quantizer"


def _separate_quantizers(model: tf.keras.Model) -> list[tf.keras.layers.Layer]:
    owned = {id(q) for layer in quantised_layers(model) for q in quantizers_of(layer).values()}
    return [
        layer
        for layer in layers_of(model)
        if (isinstance(layer, larq.quantizers.Quantizer) and id(layer) not in owned)
        or getattr(getattr(layer, "activation", None), "precision", None) is not None
    ]


def quantised_layer_fault(layer: tf.keras.layers.Layer) -> str | None:
    """Returns why a quantised layer would stay in float or convert wrongly, or None when no rule is broken."""
    kind = type(layer).__name__
    if isinstance(layer, larq.layers.QuantDense):
        return "is a QuantDense, which LCE stores as float32: use a QuantConv2D with padding='valid' over the whole map"
    if not isinstance(layer, larq.layers.QuantConv2D):
        return f"is a {kind}, and LCE has no binary operator for it: use QuantConv2D, or no quantizer"
    quantizers = quantizers_of(layer)
    if "kernel_quantizer" not in quantizers:
        return "has a binary input but full-precision weights: give it a kernel_quantizer, or no input_quantizer"
    if "input_quantizer" not in quantizers:
        return (
            "has binary weights but a full-precision input, so the weights would be stored as float32: give it an "
            "input_quantizer, or no kernel_quantizer"
        )
    if layer.data_format != "channels_last":
        return "has its channels first: LCE needs data_format='channels_last'"
    return _input_fault(layer) or _padding_fault(layer) or _group_fault(layer) or _kernel_fault(layer)


def _input_fault(layer: tf.keras.layers.Layer) -> str | None:
    probe = np.array([-2.0, -1e-3, 0.0, 1e-3, 2.0], np.float32).reshape(1, 1, 1, 5)
    if np.array_equal(np.ravel(layer.input_quantizer(tf.constant(probe))), [-1, -1, 1, 1, 1]):
        return None
    return (
        f"quantises its input with {_name(layer.input_quantizer)}, which is not -1 below zero and +1 from zero on: use "
        "ste_sign, approx_sign or swish_sign"
    )


def _padding_fault(layer: tf.keras.layers.Layer) -> str | None:
    value = float(tf.keras.backend.get_value(layer.pad_values))
    if layer.padding == "same" and value not in (0.0, 1.0):
        return f"pads with {value:g}, which LCE computes in float32: use pad_values=1.0"
    return None


def _group_fault(layer: tf.keras.layers.Layer) -> str | None:
    channels = layer.kernel.shape[2]
    if layer.groups > 1 and channels % _BITS_PER_WORD:
        return f"has {channels} input channels per group: LCE needs a multiple of {_BITS_PER_WORD}"
    return None


def _kernel_fault(layer: tf.keras.layers.Layer) -> str | None:
    kernel = np.abs(quantised_kernel(layer))
    if not np.all(np.isfinite(kernel)):
        return "has weights that are not finite"
    zero = np.flatnonzero(np.all(kernel <= _SMALLEST_SCALE, axis=(0, 1, 2)))
    if zero.size:
        return (
            f"has {zero.size} output channels (the first is {zero[0]}) whose weights {_name(layer.kernel_quantizer)} "
            "makes all zero, so LCE would keep the whole layer in float32: train it further, or use ste_sign"
        )
    scale = kernel[0, 0, 0]
    if np.any(scale <= _SMALLEST_SCALE) or np.any(np.abs(kernel / scale - 1) > _SCALE_TOLERANCE):
        return (
            f"quantises its kernel with {_name(layer.kernel_quantizer)}, which does not give one magnitude per output "
            "channel: use ste_sign, approx_sign, swish_sign or magnitude_aware_sign"
        )
    return None


def _name(quantizer: object) -> str:
    return getattr(quantizer, "__name__", type(quantizer).__name__)


def check_padding(graph: tf.Graph) -> None:
    """Checks that no explicit padding is one that the converter turns into another.

    It folds padding into the convolution behind as SAME padding where the sizes fit, without checking that SAME would
    pad by as much (`IsSamePadding1D` in LCE's padding.h). A symmetric ZeroPadding2D before a strided convolution then
    gives wrong numbers.

    Args:
        graph: the network's, every shape known.

    Raises:
        HybridTFError: naming the convolution.
    """
    for op in graph.get_operations():
        if op.type in ("Conv2D", "DepthwiseConv2dNative") and op.get_attr("padding") == b"VALID":
            pad = _producer(op.inputs[0])
            if pad.type in ("Pad", "PadV2") and _is_miscompiled(pad, op):
                name = op.name.split("/")[-2:][0]  # scopes, the layer's own, and the operation
                raise HybridTFError(
                    f"layer '{name}' is strided and has explicit padding before it, which the converter gets wrong: "
                    "use padding='same' instead of a padding layer"
                )


def _producer(tensor: tf.Tensor) -> tf.Operation:
    op = tensor.op
    while op.type in ("Identity", "IdentityN", "StopGradient") and op.inputs:
        op = op.inputs[0].op
    return op


def _is_miscompiled(pad: tf.Operation, conv: tf.Operation) -> bool:
    paddings = tf.get_static_value(pad.inputs[1])
    if paddings is None or np.shape(paddings) != (4, 2):
        return False
    wrong = False
    for axis, kernel_axis in ((1, 0), (2, 1)):
        before, after = (int(value) for value in paddings[axis])
        size, out = pad.inputs[0].shape[axis], conv.outputs[0].shape[axis]
        stride = conv.get_attr("strides")[axis]
        extent = (conv.inputs[1].shape[kernel_axis] - 1) * conv.get_attr("dilations")[axis] + 1
        total = before + after
        if out != -(-size // stride) or before != total // 2:
            return False  # not taken for SAME, so left as it is
        wrong |= total != max((out - 1) * stride + extent - size, 0)
    return wrong
