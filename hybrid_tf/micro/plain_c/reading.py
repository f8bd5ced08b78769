"""From a file to the steps of a network in plain C, one for each operator; what cannot be one is refused by name."""

from pathlib import Path

from hybrid_tf.errors import HybridTFError
from hybrid_tf.graphs.file_graph import layer_name
from hybrid_tf.micro.plain_c.network import Network, Step
from hybrid_tf.micro.plain_c.operators import STEPS
from hybrid_tf.micro.plain_c.tensors import FLOAT_FIX, Refused, Tensors
from hybrid_tf.tflite import names
from hybrid_tf.tflite.flatbuffer import Operator, TFLiteFile


def read_network(file: TFLiteFile, path: Path) -> Network:
    """Returns the steps of a file.

    Raises:
        HybridTFError: for an operator that plain C lacks; the message names it and a layer that has it.
    """
    return _Reader(file, path).network()


class _Reader:
    def __init__(self, file: TFLiteFile, path: Path) -> None:
        self._file = file
        self._path = path
        self._tensors = Tensors(file)
        self._image, self._scores = file.inputs[0], file.outputs[0]

    def network(self) -> Network:
        steps: list[Step] = []
        for operator in self._file.operators:
            layer = layer_name(self._file, operator) or operator.name
            try:
                steps += self._steps(operator, layer)
            except Refused as error:
                raise HybridTFError(f"{self._path}: {operator.name}, of layer '{layer}', {error}") from error
        image, scores = self._tensors.root(self._image), self._tensors.root(self._scores)
        return Network(self._tensors.values, tuple(steps), image, scores)

    def _steps(self, operator: Operator, layer: str) -> list[Step]:
        if operator.name in (names.QUANTIZE, names.DEQUANTIZE) and self._is_edge(operator):
            return []
        if operator.name in names.VIEWS:
            self._tensors.add_view(operator)
            return []
        if operator.name not in STEPS:
            raise Refused(
                "is not among the operators that plain C has: `hybrid-tf lint` on the model says how to do without it, "
                "and `hybrid-tf export-micro` makes a folder for TensorFlow Lite Micro"
            )
        return [STEPS[operator.name](self._tensors, operator, layer)]

    def _is_edge(self, operator: Operator) -> bool:
        """Whether it turns float32 images or scores into int8 ones, which the user of plain C gives and gets."""
        source, result = operator.inputs[0], operator.outputs[0]
        if operator.name == names.QUANTIZE and self._file.tensors[source].type == "FLOAT32":
            if source != self._image:
                raise Refused(f"rounds a float32 map: {FLOAT_FIX}")
            self._image = result
            self._tensors.value(result)
            return True
        if operator.name == names.DEQUANTIZE:
            if result != self._scores:
                raise Refused(f"makes a float32 map: {FLOAT_FIX}")
            self._scores = source
            return True
        return False
