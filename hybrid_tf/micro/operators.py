"""The operators that TFLM has, and how an op resolver gets them."""

import math
from pathlib import Path

from hybrid_tf.errors import HybridTFError
from hybrid_tf.graphs.file_graph import layer_name
from hybrid_tf.tflite import names
from hybrid_tf.tflite.flatbuffer import TFLiteFile

# From the schema's name to the method of tflite::MicroMutableOpResolver; tensorflow/lite/micro/
# micro_mutable_op_resolver.h of August 2026. Operators with subgraphs or states are left out.
_WORDS = {
    "2D": "2D", "ND": "Nd", "V2": "V2", "PADV2": "PadV2", "MATMUL": "MatMul", "CUMSUM": "CumSum", "L2": "L2",
}  # fmt: skip
_BUILTINS = """
    ABS ADD ADD_N ARG_MAX ARG_MIN AVERAGE_POOL_2D BATCH_MATMUL BATCH_TO_SPACE_ND BROADCAST_ARGS BROADCAST_TO CAST CEIL
    CONCATENATION CONV_2D COS CUMSUM DEPTH_TO_SPACE DEPTHWISE_CONV_2D DEQUANTIZE DIV DYNAMIC_UPDATE_SLICE
    EMBEDDING_LOOKUP ELU EQUAL EXP EXPAND_DIMS FILL FLOOR FLOOR_DIV FLOOR_MOD FULLY_CONNECTED GATHER GATHER_ND GREATER
    GREATER_EQUAL HARD_SWISH L2_NORMALIZATION L2_POOL_2D LEAKY_RELU LESS LESS_EQUAL LOG LOGICAL_AND LOGICAL_NOT
    LOGICAL_OR LOGISTIC LOG_SOFTMAX MAXIMUM MAX_POOL_2D MIRROR_PAD MEAN MINIMUM MUL NEG NOT_EQUAL PACK PAD PADV2 PRELU
    QUANTIZE REDUCE_ALL REDUCE_MAX REDUCE_MIN RELU RELU6 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR REVERSE_V2
    ROUND RSQRT SELECT_V2 SHAPE SIN SLICE SOFTMAX SPACE_TO_BATCH_ND SPACE_TO_DEPTH SPLIT SPLIT_V SQUEEZE SQRT SQUARE
    SQUARED_DIFFERENCE STRIDED_SLICE SUB SUM SVDF TANH TRANSPOSE TRANSPOSE_CONV UNPACK ZEROS_LIKE
""".split()  # noqa: SIM905
# The registrations of runtime/micro/lce_ops.h.
_LCE = {
    names.BINARY_CONV_2D: "Register_LCE_BCONV2D",
    names.BINARY_QUANTIZE: "Register_LCE_QUANTIZE",
    names.BINARY_DEQUANTIZE: "Register_LCE_DEQUANTIZE",
    names.BINARY_MAX_POOL_2D: "Register_LCE_BMAXPOOL2D",
}


def resolver_calls(file: TFLiteFile, path: Path) -> dict[str, str]:
    """Returns the operators of a file, each with the C++ call that adds it to an op resolver.

    Raises:
        HybridTFError: for an operator that TFLM lacks; the message names it and a layer that has it.
    """
    calls = {}
    for number, operator in enumerate(file.operators):
        if operator.name in _LCE and operator.is_custom:
            calls[operator.name] = f'AddCustom("{operator.name}", {_LCE[operator.name]}())'
        elif operator.name in _BUILTINS and not operator.is_custom:
            calls[operator.name] = f"{_method(operator.name)}()"
        else:
            layer = layer_name(file, operator) or f"operator {number}"
            raise HybridTFError(
                f"{path}: TensorFlow Lite Micro has no operator {operator.name}, which layer '{layer}' needs: "
                "`hybrid-tf lint` on the model says how to avoid operators beside the usual ones"
            )
    return calls


def adds_by_channel(file: TFLiteFile) -> bool:
    """Returns whether a file adds a number for each channel to an int8 map, as a shift does."""
    for operator in file.operators:
        if operator.name == names.ADD and not operator.is_custom:
            shape = file.tensors[operator.outputs[0]].shape
            one, two = (file.tensors[number] for number in operator.inputs)
            if one.type == "INT8" and one.shape == shape != two.shape and math.prod(two.shape) == shape[-1]:
                return True
    return False


def _method(operator: str) -> str:
    return "Add" + "".join(_WORDS.get(word, word.capitalize()) for word in operator.split("_"))
