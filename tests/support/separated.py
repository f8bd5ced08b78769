"""Takes a network apart: one file in which every operator has inputs of its own, so that no error travels on."""

import copy
from dataclasses import dataclass

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from hybrid_tf.tflite.build_entry import BUILD_ENTRY
from tests.support.packing import pack_model


@dataclass(frozen=True)
class Separated:
    """The operators of a network.

    Attributes:
        whole: the network as it was, with what every operator computes as its outputs.
        content: a file of the same operators and outputs, whose inputs are those of every operator.
        sources: for each input, the index of the output of `whole` that belongs there; -1 for the network's input.
        operators: the name or number of each operator.
    """

    whole: bytes
    content: bytes
    sources: tuple[int, ...]
    operators: tuple[str, ...]


def separated(content):
    """Returns the operators of a file with one input."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    [graph] = model.subgraphs
    outputs = [int(operator.outputs[0]) for operator in graph.operators]
    graph.outputs = np.int32(outputs)
    whole = pack_model(model)
    inputs, sources = [], []
    for operator in graph.operators:
        operator.inputs = operator.inputs.copy()  # of the file's bytes
        for position, tensor in enumerate(operator.inputs):
            if tensor in outputs or tensor in graph.inputs:
                sources.append(outputs.index(tensor) if tensor in outputs else -1)
                inputs.append(len(graph.tensors))
                operator.inputs[position] = len(graph.tensors)
                graph.tensors.append(copy.copy(graph.tensors[tensor]))
    graph.inputs = np.int32(inputs)
    model.metadata = [entry for entry in model.metadata or () if entry.name.decode() != BUILD_ENTRY]  # names of tensors
    codes = [model.operatorCodes[operator.opcodeIndex] for operator in graph.operators]
    names = [(code.customCode or b"").decode() or str(code.builtinCode) for code in codes]
    return Separated(whole, pack_model(model), tuple(sources), tuple(names))
