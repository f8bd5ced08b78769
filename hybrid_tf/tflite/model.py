"""A `.tflite` network in memory, to be read, edited and written: operators that hold the tensors they read and make."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# The numpy types of the elements that passes compute with.
NUMPY_TYPES = {
    "FLOAT32": np.float32, "FLOAT16": np.float16, "INT32": np.int32, "INT64": np.int64, "INT8": np.int8,
    "UINT8": np.uint8, "INT16": np.int16, "BOOL": np.bool_,
}  # fmt: skip


@dataclass(frozen=True)
class Quantization:
    """How stored integers stand for real numbers: real = scale * (stored - zero point).

    Attributes:
        scales: one scale, or one for each slice along `axis`.
        zero_points: as many zero points.
        axis: axis of the scales, when there are several.
    """

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int = 0


@dataclass(eq=False)
class Tensor:
    """A value of the network; two tensors are the same only if they are one object.

    Attributes:
        name: name for people; may be empty.
        shape: sizes of the axes, batch (1) first.
        type: element type as the schema spells it, e.g. `FLOAT32`.
        data: content of a constant in its shape, or as bytes where numpy lacks the type; None when it is computed.
        quantization: scales of integers that stand for real numbers.
        point: where values were rounded to int8, see `Int8`; empty where they were not.
    """

    name: str
    shape: tuple[int, ...]
    type: str = "FLOAT32"
    data: np.ndarray | None = None
    quantization: Quantization | None = None
    point: str = ""


@dataclass(eq=False)
class Operator:
    """One operator.

    Attributes:
        name: name in the schema, e.g. `CONV_2D`, or that of a custom operator.
        inputs: tensors it reads; None stands for an input that is absent.
        outputs: tensors it makes.
        options: options of a builtin operator, as an object of the schema's, e.g. `Conv2DOptionsT`; those of a custom
            one as a dictionary of integers; None where it has none.
        version: version of the operator in the schema.
        is_custom: whether the operator is none of TensorFlow Lite's.
    """

    name: str
    inputs: list[Tensor | None]
    outputs: list[Tensor]
    options: Any = None
    version: int = 1
    is_custom: bool = False

    def input(self, number: int) -> Tensor | None:
        """Returns an input, None when it is absent."""
        return self.inputs[number] if number < len(self.inputs) else None

    def constant(self, number: int) -> np.ndarray | None:
        """Returns the content of an input; None when it is absent or computed."""
        tensor = self.input(number)
        return None if tensor is None else tensor.data


@dataclass(eq=False)
class Model:
    """A network: its operators in the order in which they run.

    Attributes:
        operators: operators in the order in which they run.
        inputs, outputs: tensors that the network is given, and gives.
        metadata: content of each metadata entry, by name.
        replaced: what was put in the place of a tensor that holds the same numbers, by the tensor; see `present`.
    """

    operators: list[Operator]
    inputs: list[Tensor]
    outputs: list[Tensor]
    metadata: dict[str, bytes] = field(default_factory=dict)
    replaced: dict[Tensor, Tensor] = field(default_factory=dict)

    def tensors(self) -> list[Tensor]:
        """Returns every tensor that the network has, inputs first, then in the order of the operators."""
        found = dict.fromkeys(self.inputs)
        for op in self.operators:
            found |= dict.fromkeys(tensor for tensor in (*op.inputs, *op.outputs) if tensor is not None)
        return list(found | dict.fromkeys(self.outputs))

    def maker(self, tensor: Tensor | None) -> Operator | None:
        """Returns the operator that makes a tensor; None for constants and for what the network is given."""
        return next((op for op in self.operators if tensor in op.outputs), None) if tensor is not None else None

    def readers(self, tensor: Tensor) -> list[Operator]:
        """Returns the operators that read a tensor, each once."""
        return [op for op in self.operators if tensor in op.inputs]

    def only_reader(self, tensor: Tensor) -> Operator | None:
        """Returns the operator that alone reads a tensor; None when there are more or none, or it leaves the network.

        An operator that reads it as two of its inputs does not count.
        """
        readers = self.readers(tensor)
        alone = len(readers) == 1 and readers[0].inputs.count(tensor) == 1 and tensor not in self.outputs
        return readers[0] if alone else None

    def replace(self, old: Tensor, new: Tensor) -> None:
        """Lets all that reads `old` read `new`, which holds the same; the outputs of the network included."""
        self.replaced[old] = new
        for op in self.operators:
            op.inputs = [new if tensor is old else tensor for tensor in op.inputs]
        self.outputs = [new if tensor is old else tensor for tensor in self.outputs]

    def present(self, tensor: Tensor) -> Tensor:
        """Returns the tensor that holds what `tensor` held before passes replaced it, maybe under another shape."""
        while self.maker(tensor) is None and tensor in self.replaced:
            tensor = self.replaced[tensor]
        return tensor

    def insert(self, before: Operator, *operators: Operator) -> None:
        """Puts operators in front of another."""
        place = self.operators.index(before)
        self.operators[place:place] = operators

    def put_in_place(self, old: Operator, *operators: Operator) -> None:
        """Puts operators in the place of one, the last of which makes its tensors."""
        place = self.operators.index(old)
        self.operators[place : place + 1] = operators

    def remove_unread(self) -> None:
        """Removes the operators whose results nobody reads."""
        needed = set(self.outputs)
        kept = []
        for op in reversed(self.operators):
            if needed.intersection(op.outputs):
                kept.append(op)
                needed.update(tensor for tensor in op.inputs if tensor is not None)
        self.operators = kept[::-1]

    def op_counts(self) -> dict[str, int]:
        """Returns how often each operator occurs, the most frequent first."""
        return dict(Counter(op.name for op in self.operators).most_common())


def constant(array: np.ndarray, name: str = "") -> Tensor:
    """Returns a constant tensor of an array. Raises KeyError for a numpy type that no pass computes with."""
    types = {np.dtype(kind): name for name, kind in NUMPY_TYPES.items()}
    return Tensor(name, tuple(array.shape), types[array.dtype], np.ascontiguousarray(array))


def names_of(operators: Iterable[Operator]) -> set[str]:
    """Returns the names of operators."""
    return {op.name for op in operators}
