"""The match between the binary layers of a model and a converted file: their kernels, bit for bit."""

import larq
import numpy as np
import tensorflow as tf

from hybrid_tf.compiler.binary_layers import packed_kernel
from hybrid_tf.errors import HybridTFError
from hybrid_tf.tflite import names
from hybrid_tf.tflite.flatbuffer import Operator, TFLiteFile

# What is left of a sign that was not recognised. A network without binary layers may well use these.
_FLOAT_SIGNS = names.SIGNS
# What is left of a sign whose result a float32 operator reads.
_UNUSED_SIGN = names.BINARY_DEQUANTIZE


def check_ops(file: TFLiteFile, has_binary_layers: bool) -> None:
    """Checks that a file holds only operators that LCE can run, and no sign computed in float.

    Raises:
        HybridTFError: naming the operators.
    """
    foreign = sorted({op.name for op in file.operators if op.is_custom} - set(names.LCE_OPS))
    if foreign:
        raise HybridTFError(f"the converter has no TensorFlow Lite operator for {', '.join(foreign)}: replace it")
    refused = {_UNUSED_SIGN, *(_FLOAT_SIGNS if has_binary_layers else ())}
    signs = sorted({op.name for op in file.operators} & refused)
    if signs:
        raise HybridTFError(
            f"the converter left a sign in float32 ({', '.join(signs)}): every sign must be the input_quantizer or the "
            "kernel_quantizer of a Larq layer"
        )


def match_layers(
    file: TFLiteFile, calls: list[tf.keras.layers.Layer], float_layers: tuple[str, ...] | None = None
) -> list[Operator | None]:
    """Returns the binary convolution of the file that computes each call of a binary layer.

    A kernel must be equal in every bit. Where a binary convolution writes bits, LCE turns a channel with a negative
    multiplier (batch norm's gamma) into one with a positive multiplier and the negated filter, so there the filter of
    any output channel may be negated. Calls of layers with equal kernels are matched in order.

    Args:
        file: the converted file.
        calls: the binary layers, one for each call, in the order of the calls.
        float_layers: names of the layers that a file of our own passes computes in float; None for a file of LCE's
            converter. Ours makes every multiplier positive, and what multiplies by zero is not stored at all; it also
            finds signs that belong to no Larq layer.

    Raises:
        HybridTFError: naming a layer that is not in the file, or when the file of LCE's converter has binary
            convolutions of no layer.
    """
    found, left = _found(file, calls, own=float_layers is not None)
    missing = [
        layer.name
        for layer, op in zip(calls, found, strict=True)
        if op is None and layer.name not in (float_layers or ())
    ]
    if missing:
        raise HybridTFError(
            f"layer '{missing[0]}' is not in the file as a binary convolution with its weights ({len(missing)} of "
            f"{len(calls)} are not): the converter left it in float32, or the file was made from other weights"
        )
    if left and float_layers is None:
        raise HybridTFError(f"the file holds {len(left)} binary convolutions that are no layer of the model")
    return found


def float_layers_of(file: TFLiteFile, calls: list[tf.keras.layers.Layer]) -> tuple[str, ...]:
    """Returns the names of the quantized layers that a file of our own passes computes in float, at least once.

    Raises:
        HybridTFError: when one of them has a binary convolution of its size in the file, with other weights.
    """
    found, left = _found(file, calls, own=True)
    missing = {layer.name: layer for layer, op in zip(calls, found, strict=True) if op is None}
    sizes = {file.tensors[op.inputs[1]].shape[:3] for op in left}
    for name, layer in missing.items():
        kernel = getattr(layer, "kernel", None)
        if kernel is not None and len(kernel.shape) == 4 and (kernel.shape[3], *kernel.shape[:2]) in sizes:
            raise HybridTFError(f"layer '{name}' is not in the file with its own weights: a fault of the converter")
    return tuple(missing)


def _found(
    file: TFLiteFile, calls: list[tf.keras.layers.Layer], *, own: bool
) -> tuple[list[Operator | None], list[Operator]]:
    """Returns the binary convolution of each call, None where there is none, and those of no call."""
    left = [op for op in file.operators if op.name == names.BINARY_CONV_2D]
    kernels: dict[tuple, tuple[np.ndarray, np.ndarray]] = {}
    found: list[Operator | None] = []
    for layer in calls:
        op = next((op for op in left if _holds(file, op, layer, kernels, own=own)), None)
        found.append(op)
        if op is not None:
            left.remove(op)
    return found, left


def _holds(file: TFLiteFile, op: Operator, layer: tf.keras.layers.Layer, kernels: dict, *, own: bool) -> bool:
    """Whether a binary convolution has the kernel of a layer; `kernels` remembers those that were packed."""
    if not isinstance(layer, (larq.layers.QuantConv2D, larq.layers.QuantDense)):
        return False
    stored = file.constant(op.inputs[1], np.dtype("<i4"))
    key = (id(layer), stored.shape[1:3])
    if key not in kernels:
        try:
            kernels[key] = packed_kernel(layer, stored.shape[1:3])
        except ValueError:  # a dense layer over a map of another size
            return False
    kernel, negated = kernels[key]
    if np.array_equal(stored, kernel):
        return True
    writes_bits = file.tensors[op.outputs[0]].type == "INT32"
    if stored.shape != kernel.shape or not (own or writes_bits):
        return False
    inner = (1, 2, 3)
    right = np.all(stored == kernel, inner) | np.all(stored == negated, inner)
    if own and not writes_bits:
        right |= file.constant(op.inputs[2], np.dtype("<f4")) == 0
    return bool(np.all(right))
