"""The tensors of a file as values of plain C."""

import numpy as np

from hybrid_tf.micro.plain_c.arithmetic import Rounding
from hybrid_tf.micro.plain_c.network import Value, Window
from hybrid_tf.tflite.flatbuffer import Operator, TFLiteFile

FLOAT_FIX = "convert it with `hybrid-tf convert --int8`"
_SAME = 0  # enum Padding of the schema


class Refused(Exception):
    """Why an operator cannot be exported, and what to do."""


class Tensors:
    """The tensors of a file, and the values that are made of them.

    Attributes:
        file: the file.
        values: every value, by its number.
    """

    def __init__(self, file: TFLiteFile) -> None:
        self.file = file
        self.values: dict[int, Value] = {}
        self._same: dict[int, int] = {}  # a view, and the tensor that it shows

    def add_view(self, operator: Operator) -> None:
        """Notes that an operator's result is its input under another shape."""
        source, result = operator.inputs[0], operator.outputs[0]
        one, two = self.file.tensors[source], self.file.tensors[result]
        if (one.type, one.scales, one.zero_points) != (two.type, two.scales, two.zero_points) or one.type != "INT8":
            raise Refused("changes more than the shape")
        self._same[result] = self.root(source)

    def root(self, number: int) -> int:
        """Returns the tensor that a view shows, or the tensor itself."""
        return self._same.get(number, number)

    def is_constant(self, number: int) -> bool:
        """Whether a tensor's content is in the file."""
        return number >= 0 and len(self.file.buffers[self.file.tensors[number].buffer]) > 0

    def rounding(self, number: int) -> Rounding:
        """Returns the steps of an int8 tensor."""
        tensor = self.file.tensors[number]
        if tensor.type == "FLOAT32":
            raise Refused(f"computes in float32: {FLOAT_FIX}")
        if tensor.type != "INT8" or len(tensor.scales) != 1 or len(tensor.zero_points) != 1:
            raise Refused(f"has a tensor of type {tensor.type} that is not int8 with one scale: {FLOAT_FIX}")
        return Rounding(tensor.scales[0], tensor.zero_points[0])

    def value(self, number: int) -> int:
        """Returns the number of the int8 value in a tensor, which may be a view of another shape."""
        root = self.root(number)
        if root not in self.values:
            self.values[root] = Value(root, self.map_shape(root), self.rounding(root))
        return root

    def map(self, number: int) -> int:
        """Returns the number of the int8 map in a tensor, of the same shape."""
        root = self.value(number)
        if self.values[root].shape != self.map_shape(number):
            raise Refused("reads a map under another shape")
        return root

    def map_shape(self, number: int) -> tuple[int, int, int]:
        """Returns height, width and channels of a tensor of one image."""
        shape = self.file.tensors[number].shape
        if not shape or shape[0] != 1 or len(shape) not in (2, 4) or min(shape) < 1:
            raise Refused(f"has a tensor of shape {'x'.join(map(str, shape))}, not one image or one row")
        return (shape[1], shape[2], shape[3]) if len(shape) == 4 else (1, 1, shape[1])

    def signs(self, number: int, channels: int) -> int:
        """Returns the number of the signs in a tensor."""
        height, width, _ = self.map_shape(number)
        self.values.setdefault(number, Value(number, (height, width, channels), None))
        return number

    def given_signs(self, number: int) -> Value:
        """Returns the signs that an operator reads."""
        if number not in self.values or self.values[number].rounding is not None:
            raise Refused("reads signs that no operator before it has made")
        return self.values[number]

    def window(self, size: tuple[int, int], options: dict[str, int], given: tuple[int, int]) -> Window:
        """Returns the window that the options describe."""
        stride = options["stride_height"], options["stride_width"]
        dilation = options.get("dilation_height_factor", 1), options.get("dilation_width_factor", 1)
        if min(*size, *stride, *dilation) < 1:
            raise Refused("has a window or a stride below 1: copy the file again")
        extent = [(n - 1) * d + 1 for n, d in zip(size, dilation, strict=True)]
        if options["padding"] == _SAME:
            made = [-(-n // s) for n, s in zip(given, stride, strict=True)]
            missing = [max(0, (m - 1) * s + e - n) for m, s, e, n in zip(made, stride, extent, given, strict=True)]
        else:
            made = [(n - e) // s + 1 for n, e, s in zip(given, extent, stride, strict=True)]
            missing = [0, 0]
        if min(made) < 1:
            raise Refused("has a window that is larger than its map")
        return Window(size, stride, dilation, (missing[0] // 2, missing[1] // 2), given, (made[0], made[1]))

    def constant(self, number: int, dtype: type) -> np.ndarray:
        """Returns the content of a constant input."""
        if not self.is_constant(number):
            raise Refused("has weights that are computed")
        return self.file.constant(number, dtype)
