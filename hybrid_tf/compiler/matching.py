"""The match between the binary layers of a model and a converted file: their kernels, bit for bit."""

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


def match_layers(file: TFLiteFile, calls: list[tf.keras.layers.Layer]) -> list[Operator]:
    """Returns the binary convolution of the file that computes each call of a binary layer.

    A kernel must be equal in every bit. Where a binary convolution writes bits, LCE turns a channel with a negative
    multiplier (batch norm's gamma) into one with a positive multiplier and the negated filter, so there the filter of
    any output channel may be negated. Calls of layers with equal kernels are matched in order.

    Args:
        file: the converted file.
        calls: the binary layers, one for each call, in the order of the calls.

    Raises:
        HybridTFError: naming a layer that is not in the file, or when the file has binary convolutions of no layer.
    """
    left = [op for op in file.operators if op.name == names.BINARY_CONV_2D]
    kernels = {id(layer): packed_kernel(layer) for layer in calls}
    found, missing = [], []
    for layer in calls:
        op = next((op for op in left if _holds(file, op, *kernels[id(layer)])), None)
        if op is None:
            missing.append(layer.name)
        else:
            found.append(op)
            left.remove(op)
    if missing:
        raise HybridTFError(
            f"layer '{missing[0]}' is not in the file as a binary convolution with its weights ({len(missing)} of "
            f"{len(calls)} are not): the converter left it in float32, or the file was made from other weights"
        )
    if left:
        raise HybridTFError(f"the file holds {len(left)} binary convolutions that are no layer of the model")
    return found


def _holds(file: TFLiteFile, op: Operator, kernel: np.ndarray, negated: np.ndarray) -> bool:
    stored = file.constant(op.inputs[1], np.dtype("<i4"))
    if np.array_equal(stored, kernel):
        return True
    if stored.shape != kernel.shape or file.tensors[op.outputs[0]].type != "INT32":
        return False
    inner = (1, 2, 3)
    return bool(np.all(np.all(stored == kernel, inner) | np.all(stored == negated, inner)))
