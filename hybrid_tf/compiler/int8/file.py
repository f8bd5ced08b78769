"""The points at which a network rounds to int8, found in its converted file, and what stayed float32 there."""

import math

from hybrid_tf.compiler.int8.plan import IMAGE, Int8Plan
from hybrid_tf.compiler.int8.rounding import LEVELS
from hybrid_tf.compiler.metadata import Int8
from hybrid_tf.errors import HybridTFError
from hybrid_tf.tflite.flatbuffer import TFLiteFile

_SCALE_TOLERANCE = 1e-5  # relative; converter and calibration divide in different precision


def match_points(file: TFLiteFile, plan: Int8Plan, int8: Int8) -> dict[str, int]:
    """Returns the number of the int8 tensor of the file that stands at each point of `plan`.

    Tensors are known by their scale, which no two points of one size share unless one is the other's maximum or mean.

    Raises:
        HybridTFError: when a point has no tensor: the file was made otherwise, or the converter left it in float32.
    """
    left = [*file.inputs, *(tensor for op in file.operators for tensor in op.outputs)]
    left = [tensor for tensor in left if file.tensors[tensor].type == "INT8"]
    sizes = {IMAGE: math.prod(file.tensors[file.inputs[0]].shape)}
    sizes |= {point: math.prod(step.shape) for step in plan.steps for point in step.points}
    found: dict[str, int] = {}
    for point in plan.points:
        low, high = int8.ranges[point]
        scale = (high - low) / LEVELS
        tensor = next((t for t in left if _is_at(file, t, sizes[point], scale, low)), None)
        if tensor is None:
            raise HybridTFError(
                f"the output of layer '{point}' is not in the file as int8: the converter left it in float32, or the "
                f"file was made from another network; keep the layer in float32 with --int8-except"
            )
        found[point] = tensor
        left.remove(tensor)
    return found


def _is_at(file: TFLiteFile, number: int, size: int, scale: float, low: float) -> bool:
    tensor = file.tensors[number]
    if math.prod(tensor.shape) != size or len(tensor.scales) != 1:
        return False
    alike = math.isclose(tensor.scales[0], scale, rel_tol=_SCALE_TOLERANCE)
    return alike and abs(tensor.zero_points[0] - (-128 - low / scale)) < 1


def float_tensors(file: TFLiteFile) -> list[str]:
    """Returns the names of the float32 tensors that are computed inside the network, its input and output left out."""
    outside = {*file.inputs, *file.outputs}
    made = [tensor for op in file.operators for tensor in op.outputs if tensor not in outside]
    return [file.tensors[tensor].name for tensor in made if file.tensors[tensor].type == "FLOAT32"]


def check_no_float(file: TFLiteFile, plan: Int8Plan) -> None:
    """Checks that nothing is float32 inside the network unless a layer is meant to be.

    Raises:
        HybridTFError: naming what the converter left in float32.
    """
    left = [] if plan.except_layers else float_tensors(file)
    if left:
        raise HybridTFError(
            f"the converter left {len(left)} values in float32, the first is {left[0].partition(';')[0]}: it has no "
            "int8 operator for the layer that makes it or for the one that reads it; keep that layer in float32 with "
            "--int8-except"
        )
