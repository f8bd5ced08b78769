"""The int8 plan: where a network rounds, found by tracing any kind of model that calls Keras layers.

The converter of Larq Compute Engine (LCE) turns an operator into int8 when all that it reads and writes is rounded to
int8 in the graph. It fuses batch norm and ReLU into the operator in front, so in between nothing may be rounded; and
binary convolutions hand each other bits only when nothing at all comes in between.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import tensorflow as tf

from hybrid_tf.compiler.binary_layers import Call, calls_through, layers_of, quantized_layers
from hybrid_tf.compiler.graph_rules import HAND_ON, POOLS, RELUS, RESHAPES
from hybrid_tf.compiler.tracing import IMAGE, TracedModel, trace_model
from hybrid_tf.errors import unknown

_VIEWS = (*HAND_ON, *RESHAPES)
_SUMS = ("Add", "AddV2", "Sub", "Mul")
# Operators of TensorFlow Lite whose int8 output has the scale of their input.
_SAME_SCALE = (
    *(*POOLS, "Max", "Pad", "PadV2", "MirrorPad", "ConcatV2"),
    *("ResizeNearestNeighbor", "ResizeBilinear", "Transpose"),
)
# Those whose int8 output has a scale of its own: tensorflow/compiler/mlir/lite/ir/tfl_ops.td, FixedOutputRange.
_FIXED_RANGES = {"Softmax": (0.0, 255 / 256), "Sigmoid": (0.0, 255 / 256), "Tanh": (-1.0, 127 / 128)}
_WEIGHT_LAYERS = (tf.keras.layers.Conv2D, tf.keras.layers.DepthwiseConv2D, tf.keras.layers.Dense)


@dataclass(frozen=True)
class Step:
    """One call of a layer.

    Attributes:
        layer: layer that is called.
        name: name of the layer, the same each time the network is built; with `#2`, `#3`, ... for a further call or a
            further layer of that name.
        op: type of the TensorFlow operation that makes the output.
        shape: shape of the output for one image, batch (1) first.
        inputs: numbers of the steps that make the inputs; -1 stands for the image.
        readers: numbers of the steps that read the output; -1 stands for the outputs of the model.
        fused: whether the output only exists inside an operator, which its one reader is part of, too.
        rounded: whether the output is rounded.
        before_activation: whether the layer's own activation is a separate operator, so that its input is rounded, too.
        same_scale: numbers of the steps whose outputs have the same scale as this output; -1 stands for the image.
        range: lowest and highest value of the output where the operator decides them, else None.
        takes: number of the step whose kernel a batch norm becomes part of; None for other steps.
        is_taken: whether a batch norm becomes part of the step's kernel.
        behind_binary: whether the step is a binary convolution, or what LCE fuses into one.
        is_float: whether the step stays float32.
    """

    layer: tf.keras.layers.Layer
    name: str
    op: str
    shape: tuple[int, ...]
    inputs: tuple[int, ...]
    readers: tuple[int, ...] = ()
    fused: bool = False
    rounded: bool = False
    before_activation: bool = False
    same_scale: tuple[int, ...] = ()
    range: tuple[float, float] | None = None
    takes: int | None = None
    is_taken: bool = False
    behind_binary: bool = False
    is_float: bool = False

    @property
    def points(self) -> list[str]:
        """Names of the places in it at which values are rounded, in order."""
        before = [f"{self.name}/before_activation"] if self.before_activation else []
        return [*before, *([self.name] if self.rounded else [])]


@dataclass(frozen=True)
class Int8Plan:
    """What becomes int8 in a model.

    Attributes:
        traced: the model without rounding, whose trace showed the steps.
        steps: the calls of layers, in order, without those that only change a shape.
        except_layers: names of the layers that stay float32.
        numbers: number of the step of each call, by the layer's `id` and the call's number from 0; views are absent.
    """

    traced: TracedModel
    steps: tuple[Step, ...]
    except_layers: tuple[str, ...] = ()
    numbers: dict[tuple[int, int], int] = field(default_factory=dict)

    @property
    def points(self) -> list[str]:
        """Names of the places at which values are rounded, in order: the image, then steps."""
        return [IMAGE, *(point for step in self.steps for point in step.points)]

    @property
    def averages(self) -> set[str]:
        """Names of the places at which means of integers are rounded."""
        return {step.name for step in self.steps if step.op == "AvgPool"}

    def end_of(self, number: int) -> Step:
        """Returns the last of the steps that become one operator with step `number`, from there on."""
        step = self.steps[number]
        return self.end_of(step.readers[0]) if step.fused else step

    def layers(self) -> list[tf.keras.layers.Layer]:
        """Returns the layers that are called, each once."""
        return list({id(step.layer): step.layer for step in self.steps}.values())


def plan_int8(model: tf.keras.Model, except_layers: Iterable[str] = ()) -> Int8Plan:
    """Returns what becomes int8 in `model`.

    Args:
        model: Keras model from images [N, H, W, C] to scores [N, classes].
        except_layers: names of layers that stay float32; binary ones then write float32. A full-precision operator that
            reads the output of one computes in float32, too.

    Raises:
        HybridTFError: when the model cannot be traced, or has no such layer.
    """
    except_layers = tuple(dict.fromkeys(except_layers))
    traced, steps, numbers = _traced_steps(model)
    binary = {id(layer) for layer in quantized_layers(model)}
    known = list(dict.fromkeys(step.layer.name for step in steps))
    for name in except_layers:
        if name not in known:
            raise unknown("layer for --int8-except", name, known)
    return Int8Plan(traced, tuple(_planned(steps, binary, except_layers)), except_layers, numbers)


def called_layers(model: tf.keras.Model) -> list[tf.keras.layers.Layer]:
    """Returns the layers that `model` and the models in it call themselves."""
    inside: set[int] = set()
    for layer in layers_of(model):
        if not isinstance(layer, tf.keras.Model):
            inside |= {id(module) for module in layer.submodules}
    kinds = (tf.keras.Model, tf.keras.layers.InputLayer)
    return [layer for layer in layers_of(model) if not isinstance(layer, kinds) and id(layer) not in inside]


def _lasting_name(layer: tf.keras.layers.Layer) -> str:
    """Returns the name of `layer`, without the number that Keras gives it when it was not named.

    Keras goes on counting, so that the number is another one each time the same network is built.
    """
    kind = re.sub(r"_\d+$", "", layer.name)
    return kind if kind.replace("_", "") == type(layer).__name__.lower() else layer.name


def _origin(tensor: tf.Tensor) -> tf.Tensor:
    """Returns the tensor that `tensor` is a copy of, maybe under another shape."""
    while tensor.op.type in _VIEWS and tensor.op.inputs:
        tensor = tensor.op.inputs[tensor.value_index if tensor.op.type in HAND_ON else 0]
    return tensor


def _traced_steps(model: tf.keras.Model) -> tuple[TracedModel, list[Step], dict[tuple[int, int], int]]:
    """Returns the traced model, its steps with what each reads, and their numbers by layer and call."""
    makers: dict[str, int] = {}
    steps: list[Step] = []
    numbers: dict[tuple[int, int], int] = {}
    calls: dict[int, int] = {}
    names: dict[str, int] = {}

    def tensors(*values: Any) -> list[tf.Tensor]:
        found = [value for value in tf.nest.flatten(values) if tf.is_tensor(value) and value.dtype == tf.float32]
        return list({tensor.name: tensor for tensor in map(_origin, found)}.values())

    def around(layer: tf.keras.layers.Layer, call: Call, *args: Any, **kwargs: Any) -> Any:
        result = call(*args, **kwargs)
        key = (id(layer), calls.get(id(layer), 0))
        calls[id(layer)] = key[1] + 1
        read, made = tensors(args, kwargs), tensors(result)
        if not read or len(made) != 1 or made[0].name in {tensor.name for tensor in read}:
            return result  # a view, or nothing that we know how to round
        name = _lasting_name(layer)
        names[name] = names.get(name, 0) + 1
        name = name if names[name] == 1 else f"{name}#{names[name]}"
        numbers[key] = len(steps)
        makers.setdefault(made[0].name, len(steps))
        op = made[0].op.type
        inputs = tuple(makers[tensor.name] for tensor in read if tensor.name in makers)
        steps.append(Step(layer, name, op, tuple(made[0].shape), inputs, range=_FIXED_RANGES.get(op)))
        return result

    def start() -> None:
        for record in (makers, steps, numbers, calls, names):
            record.clear()
        makers[f"{IMAGE}:0"] = -1

    with calls_through(called_layers(model), around):
        traced = trace_model(model, start)
    results = [makers.get(_origin(output).name, -1) for output in traced.function.outputs]
    readers: list[list[int]] = [[] for _ in steps]
    for number, step in enumerate(steps):
        for source in step.inputs:
            if source >= 0:
                readers[source].append(number)
    for number in results:
        if number >= 0:
            readers[number].append(-1)
    steps = [replace(step, readers=tuple(found)) for step, found in zip(steps, readers, strict=True)]
    return traced, steps, numbers


def is_batch_norm(layer: tf.keras.layers.Layer) -> bool:
    """Whether `layer` is a batch norm over its last axis."""
    return isinstance(layer, tf.keras.layers.BatchNormalization) and len(tf.nest.flatten(layer.axis)) == 1


def has_kernel(layer: tf.keras.layers.Layer) -> bool:
    """Whether `layer` is a convolution or dense layer that can be int8."""
    return isinstance(layer, _WEIGHT_LAYERS) and not isinstance(layer, tf.keras.layers.Conv2DTranspose)


def is_linear(layer: tf.keras.layers.Layer) -> bool:
    """Whether `layer` has no activation of its own."""
    return getattr(layer, "activation", None) in (None, tf.keras.activations.linear)


def _planned(steps: list[Step], binary: set[int], except_layers: tuple[str, ...]) -> list[Step]:
    """Fills in what becomes of each step."""

    def is_binary(number: int) -> bool:
        return number >= 0 and id(steps[number].layer) in binary

    def is_relu(number: int) -> bool:
        step = steps[number]
        return number >= 0 and step.op in RELUS and not (has_kernel(step.layer) or is_binary(number))

    def normalises(number: int) -> bool:
        return number >= 0 and is_batch_norm(steps[number].layer)

    def behind_binary(number: int) -> bool:
        """Whether the step is a binary convolution or what LCE fuses into it."""
        if is_binary(number):
            return True
        source = steps[number].inputs[0] if steps[number].inputs else -1
        fused = source >= 0 and len(steps[source].readers) == 1 and (normalises(number) or is_relu(number))
        return fused and behind_binary(source) and not (is_relu(number) and normalises(source))

    def only_bits(number: int) -> bool:
        """Whether LCE passes the output on as bits alone, those of the maximum over some pixels included."""
        return bool(steps[number].readers) and all(
            is_binary(reader) or (reader >= 0 and steps[reader].op == "MaxPool" and only_bits(reader))
            for reader in steps[number].readers
        )

    def is_bits(number: int) -> bool:
        return (behind_binary(number) or steps[number].op == "MaxPool") and only_bits(number)

    def takes(number: int) -> int | None:
        source = steps[number].inputs[0] if normalises(number) and steps[number].inputs else -1
        fits = source >= 0 and has_kernel(steps[source].layer) and not is_binary(source)
        return source if fits and is_linear(steps[source].layer) and steps[source].readers == (number,) else None

    def is_fused(number: int) -> bool:
        step = steps[number]
        if len(step.readers) != 1 or step.readers[0] < 0:
            return False
        [reader] = step.readers
        if takes(reader) == number:
            return True
        if behind_binary(number):
            return behind_binary(reader) and not is_binary(reader)
        fuses = step.op in (*_SUMS, *POOLS) or normalises(number) or (has_kernel(step.layer) and is_linear(step.layer))
        return fuses and is_relu(reader)

    def has_own_operator(step: Step) -> bool:
        return has_kernel(step.layer) and not is_linear(step.layer) and step.op not in RELUS

    planned: list[Step] = []
    taken = {takes(number) for number in range(len(steps))}
    for number, step in enumerate(steps):
        source = step.inputs[0] if step.inputs else -1
        joins = source >= 0 and planned[source].fused
        is_float = step.layer.name in except_layers or (joins and planned[source].is_float)
        fused = is_fused(number)
        rounded = not (fused or is_bits(number) or is_float)
        planned.append(
            replace(
                step,
                fused=fused,
                rounded=rounded,
                before_activation=has_own_operator(step) and not (is_float or is_binary(number)),
                same_scale=_same_scale(step, planned),
                takes=takes(number),
                is_taken=number in taken,
                behind_binary=behind_binary(number),
                is_float=is_float,
            )
        )
    return planned


def _same_scale(step: Step, planned: list[Step]) -> tuple[int, ...]:
    """Returns the steps whose scale that of a pooling's or a concatenation's output, or of its ReLU's, has to be."""
    source = step.inputs[0] if step.inputs else -1
    if source >= 0 and planned[source].fused:
        return planned[source].same_scale
    if step.op not in _SAME_SCALE:
        return ()
    return tuple(number for number in step.inputs if number < 0 or planned[number].rounded)
