"""Rules on the layers of a model: what LCE's converter cannot make binary, found before it silently does not.

The rules are those of LCE 0.16's converter (`mlir/transforms/prepare_tf.cc`, `prepare_patterns_common.td`),
each seen to matter by converting a model that breaks it.
"""

import larq
import numpy as np
import tensorflow as tf

from hybrid_tf.compiler.binary_layers import layers_of, quantized_kernel, quantized_layers, quantizers_of
from hybrid_tf.compiler.int8.plan import Int8Plan
from hybrid_tf.compiler.lint.findings import Finding, finding
from hybrid_tf.errors import HybridTFError
from hybrid_tf.tflite.names import WORD_BITS

# From IsBinaryFilter in prepare_tf.cc: a filter is binary when the first weight of each output channel is above the
# first bound and all others are within the second of it, relatively.
_SMALLEST_SCALE = np.finfo(np.float32).eps
_SCALE_TOLERANCE = 0.005
# What no converter can make right; the other rules are about LCE's.
OWN_RULES = ("mixed-precision", "not-finite")
_OTHER_FLOATS = ("float16", "bfloat16", "float64")
_Fault = tuple[str, str, str]  # the rule, what is wrong, the fix


def check_layers(model: tf.keras.Model, rules: tuple[str, ...] | None = None) -> None:
    """Checks each layer of a model that has its weights.

    Args:
        model: Keras model.
        rules: names of the rules to check; None means all.

    Raises:
        HybridTFError: saying what is wrong with the first layer that would not convert as it is meant, and naming the
            others.
    """
    faults = [fault for _, fault in layer_faults(model) if rules is None or fault.rule in rules]
    if faults:
        others = ", ".join(f"'{fault.layer}'" for fault in faults[1:])
        raise HybridTFError(f"{faults[0]}{f'; also at fault: {others}' if others else ''}")


def layer_faults(model: tf.keras.Model) -> list[tuple[tf.keras.layers.Layer, Finding]]:
    """Returns the layers that would not convert as they are meant, each with the first rule it breaks."""
    faults = []
    for layer in layers_of(model):
        if layer.compute_dtype in _OTHER_FLOATS:
            message = f"computes in {layer.compute_dtype}"
            faults.append((layer, ("mixed-precision", message, "build the model with the float32 policy")))
        elif layer.built and quantizers_of(layer):  # a layer that is not built is never called
            faults.append((layer, _quantized_layer_fault(layer)))
    faults += [(layer, _SEPARATE) for layer in _separate_quantizers(model)]
    return [(layer, finding(fault[0], layer.name, *fault[1:])) for layer, fault in faults if fault]


_DENSE = (
    "quant-dense",
    "is a QuantDense, which LCE stores as float32",
    "use a QuantConv2D with padding='valid' over the whole map",
)
_SEPARATE = (
    "separate-sign",
    "is a quantizer apart from a layer",
    "give it to the next convolution as its input_quantizer",
)


def _separate_quantizers(model: tf.keras.Model) -> list[tf.keras.layers.Layer]:
    owned = {id(q) for layer in quantized_layers(model) for q in quantizers_of(layer).values()}
    return [
        layer
        for layer in layers_of(model)
        if (isinstance(layer, larq.quantizers.Quantizer) and id(layer) not in owned)
        or getattr(getattr(layer, "activation", None), "precision", None) is not None
    ]


def _quantized_layer_fault(layer: tf.keras.layers.Layer) -> _Fault | None:
    """Returns why a quantized layer would stay in float or convert wrongly, or None when no rule is broken."""
    kind, quantizers = type(layer).__name__, quantizers_of(layer)
    if not isinstance(layer, (larq.layers.QuantConv2D, larq.layers.QuantDense)):
        message = f"is a {kind}, and LCE has no binary operator for it"
        return "no-binary-operator", message, "use QuantConv2D, or no quantizer"
    if "kernel_quantizer" not in quantizers:
        message = "has a binary input but full-precision weights"
        return "input-only", message, "give it a kernel_quantizer, or no input_quantizer"
    if "input_quantizer" not in quantizers:
        message = "has binary weights but a full-precision input, so the weights would be stored as float32"
        return "weight-only", message, "give it an input_quantizer, or no kernel_quantizer"
    if isinstance(layer, larq.layers.QuantDense):
        return _input_fault(layer) or _kernel_fault(layer) or _DENSE
    if layer.data_format != "channels_last":
        return "channels-first", "has its channels first", "LCE needs data_format='channels_last'"
    return _input_fault(layer) or _group_fault(layer) or _kernel_fault(layer) or _padding_fault(layer)


def _input_fault(layer: tf.keras.layers.Layer) -> _Fault | None:
    probe = np.array([-2.0, -1e-3, 0.0, 1e-3, 2.0], np.float32).reshape(1, 1, 1, 5)
    if np.array_equal(np.ravel(layer.input_quantizer(tf.constant(probe))), [-1, -1, 1, 1, 1]):
        return None
    quantizer = _name(layer.input_quantizer)
    message = f"quantizes its input with {quantizer}, which is not -1 below zero and +1 from zero on"
    return "input-quantizer", message, "use ste_sign, approx_sign or swish_sign"


def _padding_fault(layer: tf.keras.layers.Layer) -> _Fault | None:
    value = pad_value(layer)
    if layer.padding == "same" and value not in (0.0, 1.0):
        return "pad-value", f"pads with {value:g}, which LCE computes in float32", "use pad_values=1.0"
    return None


def check_int8_padding(plan: Int8Plan) -> None:
    """Checks that no binary layer that writes int8 pads with zeros: LCE converts it, and its interpreter then fails.

    Raises:
        HybridTFError: naming the layer.
    """
    for number, step in enumerate(plan.steps):
        layer = step.layer
        pads = "kernel_quantizer" in quantizers_of(layer) and layer.padding == "same" and pad_value(layer) == 0
        if pads and plan.end_of(number).rounded:
            raise HybridTFError(
                f"layer '{layer.name}' pads with zeros, and LCE cannot run it with an int8 output: use "
                f"pad_values=1.0, or let it write float32 with --int8-except {layer.name}"
            )


def pad_value(layer: tf.keras.layers.Layer) -> float:
    """Returns the value that a Larq convolution pads its quantized input with."""
    return float(tf.keras.backend.get_value(layer.pad_values))


def _group_fault(layer: tf.keras.layers.Layer) -> _Fault | None:
    channels = layer.kernel.shape[2]
    if layer.groups > 1 and channels % WORD_BITS:
        message = f"has {channels} input channels per group"
        return "group-channels", message, f"LCE needs a multiple of {WORD_BITS}"
    return None


def _kernel_fault(layer: tf.keras.layers.Layer) -> _Fault | None:
    kernel = np.abs(quantized_kernel(layer))
    if not np.all(np.isfinite(kernel)):
        return "not-finite", "has weights that are not finite", "go back to an earlier checkpoint"
    kernel = kernel.reshape(-1, kernel.shape[-1])
    zero = np.flatnonzero(np.all(kernel <= _SMALLEST_SCALE, axis=0))
    quantizer = _name(layer.kernel_quantizer)
    if zero.size:
        message = (
            f"has {zero.size} output channels (the first is {zero[0]}) whose weights {quantizer} makes all zero, so "
            "LCE would keep the whole layer in float32"
        )
        return "zero-weights", message, "train it further, or use ste_sign"
    scale = kernel[0]
    if np.any(scale <= _SMALLEST_SCALE) or np.any(np.abs(kernel / scale - 1) > _SCALE_TOLERANCE):
        message = f"quantizes its kernel with {quantizer}, which does not give one magnitude per output channel"
        return "kernel-quantizer", message, "use ste_sign, approx_sign, swish_sign or magnitude_aware_sign"
    return None


def _name(quantizer: object) -> str:
    return getattr(quantizer, "__name__", type(quantizer).__name__)
