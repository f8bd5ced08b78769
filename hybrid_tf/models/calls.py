"""The calls of layers that a functional or sequential Keras model consists of, nested models opened."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import tensorflow as tf

from hybrid_tf.errors import HybridTFError


@dataclass(frozen=True)
class Call:
    """One call of a layer.

    Attributes:
        layer: the layer.
        inputs: numbers of the tensors that it reads.
        outputs: numbers of the tensors that it makes.
        shapes: shapes of the inputs, batch first.
        node: Keras's own record of the call.
    """

    layer: tf.keras.layers.Layer
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    shapes: tuple[tuple[int | None, ...], ...]
    node: Any

    def repeat(self, layer: tf.keras.layers.Layer, tensors: list[Any]) -> list[Any]:
        """Returns the outputs of `layer`, called like this one with other tensors in the place of the inputs."""
        args, kwargs = self.node.map_arguments(
            {key: [tensor] * len(tensors) for (key, _), tensor in zip(_places(self.node), tensors, strict=True)}
        )
        return tf.nest.flatten(layer(*args, **kwargs))


@dataclass(frozen=True)
class Calls:
    """The calls of a model in an order in which they can be made, and the numbers of its own tensors."""

    calls: tuple[Call, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def readers(self, tensor: int) -> list[Call]:
        """Returns the calls that read a tensor."""
        return self._readers.get(tensor, [])

    @cached_property
    def _readers(self) -> dict[int, list[Call]]:
        readers: dict[int, list[Call]] = {}
        for call in self.calls:
            for tensor in dict.fromkeys(call.inputs):
                readers.setdefault(tensor, []).append(call)
        return readers


def calls_of(model: tf.keras.Model) -> Calls:
    """Returns the calls of a model.

    Raises:
        HybridTFError: when it is neither functional nor sequential, or was not built.
    """
    if not isinstance(model, tf.keras.Model):
        raise HybridTFError(
            f"{type(model).__name__} is no tf.keras.Model of legacy Keras: import hybrid_tf before anything that uses "
            "tf.keras, and build the model with tf.keras"
        )
    if isinstance(model, tf.keras.Sequential) and not model.built:
        raise HybridTFError(f"'{model.name}' has no input shape yet: give it one, model.build((None, 32, 32, 3))")
    if not getattr(model, "_is_graph_network", False):
        raise HybridTFError(
            f"'{model.name}' is subclassed, so what its layers are connected to is not known: build it from "
            "tf.keras.Input with tf.keras.Model(inputs, outputs)"
        )
    numbers = {id(tensor): number for number, tensor in enumerate(model.inputs)}
    calls = tuple(_calls(model, numbers, [len(numbers)]))
    return Calls(calls, tuple(range(len(model.inputs))), tuple(numbers[id(tensor)] for tensor in model.outputs))


def _calls(model: tf.keras.Model, numbers: dict[int, int], count: list[int]) -> Iterator[Call]:
    """Yields the calls of a model whose inputs have `numbers`, and numbers its tensors from `count` on."""
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            if node.is_input:
                continue
            inputs, outputs = node.keras_inputs, tf.nest.flatten(node.outputs)
            if getattr(node.layer, "_is_graph_network", False):
                inner = {id(own): numbers[id(given)] for own, given in zip(node.layer.inputs, inputs, strict=True)}
                yield from _calls(node.layer, inner, count)
                numbers.update((id(out), inner[id(own)]) for out, own in zip(outputs, node.layer.outputs, strict=True))
                continue
            for output in outputs:
                numbers[id(output)] = count[0]
                count[0] += 1
            yield Call(
                node.layer,
                tuple(numbers[id(tensor)] for tensor in inputs),
                tuple(numbers[id(tensor)] for tensor in outputs),
                tuple(tuple(tensor.shape) for tensor in inputs),
                node,
            )


def _places(node: Any) -> list[tuple[str, int]]:
    return node._keras_inputs_ids_and_indices
