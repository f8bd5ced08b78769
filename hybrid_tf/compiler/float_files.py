"""A float `.tflite` file of any framework as a file for LCE, verified against the float file in LiteRT.

It needs neither Larq nor Larq Compute Engine. What a sign is, which weights are binary and what pads is read off the
operators, see `passes`. The comparison is that of `verification`, with the float network in the place of Keras:

1. LiteRT runs the float network with every sign replaced by the bits that our runtime has in the converted file. Where
   these differ from the sign of the number in front, that number must be zero but for rounding.
2. Then both have computed the same step, and their outputs are compared.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hybrid_tf.compiler.interpreter import RUNTIME, runtime_interpreter
from hybrid_tf.compiler.isolation import isolated
from hybrid_tf.compiler.metadata import Metadata
from hybrid_tf.compiler.outcome import Conversion, Verification, summary
from hybrid_tf.compiler.passes import Note, binary_convolutions, binary_dense, leftovers, run_passes
from hybrid_tf.compiler.passes.signs import recognise_signs
from hybrid_tf.compiler.scores import known_scores
from hybrid_tf.errors import HybridTFError
from hybrid_tf.graphs.file_graph import file_graph
from hybrid_tf.system.files import write_bytes
from hybrid_tf.system.notices import warn
from hybrid_tf.system.progress import with_progress
from hybrid_tf.system.quiet import silenced
from hybrid_tf.tflite import names
from hybrid_tf.tflite.bits import unpacked
from hybrid_tf.tflite.flatbuffer import parse_tflite
from hybrid_tf.tflite.load import load_model
from hybrid_tf.tflite.model import NUMPY_TYPES, Model, Tensor
from hybrid_tf.tflite.write import model_bytes

REFERENCE = "the float file in LiteRT"
_WEIGHTS = (binary_convolutions.REWRITE, binary_dense.REWRITE)  # passes whose refusal leaves weights in float
Values = list[np.ndarray]
_MOST_VALUES = 1 << 26  # of an input: an image of 4,700 x 4,700 pixels


@dataclass(frozen=True)
class FloatFile:
    """A float network, and what the passes made of it.

    Attributes:
        name: name of the float file, for an error.
        reference: file of the float network whose signs are further inputs, behind its own, and that gives the numbers
            in front of the signs behind its own outputs.
        own: number of the network's own outputs.
        stepped: converted file that gives the bits of these signs behind its own outputs.
        content: converted file.
        float_content: float file.
        signs: signs that `reference` is given, in order.
        notes: what the passes did, and why they did not.
    """

    name: str
    reference: bytes
    own: int
    stepped: bytes
    content: bytes
    float_content: bytes
    signs: tuple["_Sign", ...]
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class _Sign:
    """A sign: the shape of the float tensor, channels of a pixel in its bits, and what the number in front is.

    Attributes:
        shape: shape of the signs in the float network.
        channels: channels of a pixel in the bits of the converted file.
        output: number of the output of `reference` that is the number in front; None where it is an input.
        input: number of the network's input that is the number in front; None where it is computed.
        scale, zero_point: of an int8 number in front; 1 and 0 of a float.
    """

    shape: tuple[int, ...]
    channels: int
    output: int | None
    input: int | None
    scale: float = 1.0
    zero_point: int = 0
    is_int8: bool = False


def compile_float(content: bytes, name: str, metadata: Metadata) -> FloatFile:
    """Compiles a float file.

    Args:
        content: content of the float file.
        name: name of it, for an error.
        metadata: metadata for the converted file; what its scores are, and which layers stay float, is filled in.

    Raises:
        HybridTFError: when it is no TensorFlow Lite file that can be read, is damaged, or is converted already.
    """
    network, untouched = load_model(content, name), load_model(content, name)
    if any(op.name in names.LCE_OPS for op in network.operators):
        raise HybridTFError(f"{name} is converted already: give the float file that it was made from")
    _check_order(network, name)
    numbers = {tensor: number for number, tensor in enumerate(network.tensors())}
    try:
        notes = recognise_signs(network)
        found = [
            (numbers[network.maker(op.inputs[0]).inputs[0]], numbers[op.outputs[0]], op.inputs[0])
            for op in network.operators
            if op.name == names.BINARY_DEQUANTIZE and op.outputs[0].type == "FLOAT32"
        ]
        notes += run_passes(network)
        stays = tuple(dict.fromkeys(note.layer for note in notes if not note.done and note.rewrite in _WEIGHTS))
        scores = known_scores(parse_tflite(model_bytes(network), name), metadata.scores)
        network.metadata |= replace(metadata, float_layers=stays, scores=scores).packed()
        converted = model_bytes(network)
        signs = _Stepped(network, untouched, converted, found)
        return FloatFile(
            name,
            model_bytes(untouched),
            signs.own,
            model_bytes(network),
            converted,
            content,
            tuple(signs.signs),
            tuple(notes),
        )
    except HybridTFError:
        raise
    except Exception as error:  # an operator without what its kind has: the schema's code checks nothing
        what = f"is damaged, or has operators that do not fit ({type(error).__name__})"
        raise HybridTFError(f"{name} {what}: export it again") from error


def _check_order(network: Model, name: str) -> None:
    """Checks that each operator reads what is there when it runs: passes walk along operators, and must come to an end.

    Raises:
        HybridTFError: when one does not.
    """
    there = set(network.inputs)
    for op in network.operators:
        read = [tensor for tensor in op.inputs if tensor is not None and tensor.data is None]
        if not there.issuperset(read) or there.intersection(op.outputs):
            raise HybridTFError(f"{name} is damaged: its {op.name} reads what nothing has computed, or writes it again")
        there.update(op.outputs)
    if not there.issuperset(network.outputs):
        raise HybridTFError(f"{name} is damaged: it gives what nothing has computed")


class _Stepped:
    """Makes a float network take signs, and its converted form give them as bits."""

    def __init__(
        self, network: Model, untouched: Model, converted: bytes, found: list[tuple[int, int, Tensor]]
    ) -> None:
        file = parse_tflite(converted, "the converted file")
        graph, tensors = file_graph(file), untouched.tensors()
        place = {tensor: number for number, tensor in enumerate(network.tensors())}
        self.own, self.signs = len(untouched.outputs), []
        bits_given: list[Tensor] = []
        for source_number, signs_number, first_bits in found:
            source, live, bits = tensors[source_number], tensors[signs_number], network.present(first_bits)
            channels = graph.tensors[place[bits]].channels if bits in place else 0
            if not channels or math.prod(bits.shape[:-1]) * channels != math.prod(live.shape):
                continue  # padded before it is packed: the reference takes this sign itself
            given = Tensor("", live.shape)
            untouched.replace(live, given)
            untouched.inputs.append(given)
            bits_given.append(bits)
            self.signs.append(self._sign(untouched, source, live.shape, channels))
        network.outputs = [*network.outputs, *bits_given]
        untouched.remove_unread()

    def _sign(self, untouched: Model, source: Tensor, shape: tuple[int, ...], channels: int) -> _Sign:
        output = number = None
        if source in untouched.inputs:
            number = untouched.inputs.index(source)
        else:
            if source not in untouched.outputs[self.own :]:
                untouched.outputs.append(source)
            output = untouched.outputs.index(source, self.own)
        stored = source.quantization
        if source.type == "INT8" and stored is not None:
            return _Sign(shape, channels, output, number, stored.scales[0], stored.zero_points[0], True)
        return _Sign(shape, channels, output, number)


def verify_float(file: FloatFile, samples: list[Values], labels: np.ndarray | None = None) -> Verification:
    """Compares a converted file with the float file; see the module.

    Args:
        file: what `compile_float` made.
        samples: samples, each a list of the network's inputs [1, ...].
        labels: class numbers of the samples.

    Raises:
        HybridTFError: when a file cannot be run, or has other sizes inside than it says.
    """
    try:
        return _verified(file, samples, labels)
    except (ValueError, TypeError, IndexError) as error:
        raise HybridTFError(f"{file.name} has other sizes inside than it says ({error}): export it again") from error


def _verified(file: FloatFile, samples: list[Values], labels: np.ndarray | None) -> Verification:
    steps = isolated(lambda: _outputs(_runtime(file.stepped, file.name), samples, "verifying"), file.name)
    bits = steps[file.own :]
    given = [
        [*values, *(_signs(sign, packed[number]) for sign, packed in zip(file.signs, bits, strict=True))]
        for number, values in enumerate(samples)
    ]
    same = isolated(lambda: _outputs(_litert(file.reference), given, ""), file.name)
    plain = isolated(lambda: _outputs(_litert(file.float_content), samples, ""), file.name)
    scores = isolated(lambda: _outputs(_runtime(file.content, file.name), samples, ""), file.name)
    others, largest = _other_signs(file, given, same)
    count = len(samples)

    def rows(outputs: list[np.ndarray]) -> np.ndarray:
        return np.concatenate([output.reshape(count, -1).astype(np.float32) for output in outputs[: file.own]], axis=1)

    none = np.zeros(count, np.float32)
    found = summary(rows(steps), rows(plain), rows(same), others, largest, none, none, labels)
    classes, reference = (outputs[0].reshape(count, -1).argmax(axis=1) for outputs in (scores, plain))
    return replace(
        found,
        top1_agreement=float(np.mean(classes == reference)),
        file_accuracy=None if labels is None else float(np.mean(classes == labels)),
        reference=REFERENCE,
        engine=RUNTIME,
    )


def _signs(sign: _Sign, packed: np.ndarray) -> np.ndarray:
    return np.where(unpacked(packed, sign.channels).reshape(sign.shape), np.float32(-1), np.float32(1))


def _other_signs(file: FloatFile, given: list[Values], same: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Returns, per sample, the largest fraction of a layer's signs that differ, and the largest number of these.

    The number is that in front of the sign, over the root mean square of all of the layer.
    """
    inputs = len(given[0]) - len(file.signs)
    others, largest = np.zeros(len(given), np.float32), np.zeros(len(given), np.float32)
    for number, values in enumerate(given):
        for sign, signs in zip(file.signs, values[inputs:], strict=True):
            stored = values[sign.input] if sign.output is None else same[sign.output][number]
            before = (stored.reshape(sign.shape).astype(np.float32) - sign.zero_point) * np.float32(sign.scale)
            changed = (before < 0) != (signs < 0)
            if not changed.any():
                continue
            # An int8 number may be one step off, see `verification`.
            size = np.abs(before[changed]) - (sign.scale if sign.is_int8 else 0)
            rms = float(np.sqrt(np.mean(np.square(before))))
            others[number] = max(others[number], np.mean(changed))
            largest[number] = max(largest[number], max(float(size.max()), 0.0) / rms if rms else 0.0)
    return others, largest


def _outputs(run: Callable[[Values], Values], samples: list[Values], progress: str) -> list[np.ndarray]:
    """Returns the outputs [N, 1, ...] for all samples."""
    rows = [run(values) for values in with_progress(samples, progress)]
    return [np.stack(column) for column in zip(*rows, strict=True)]


def _runtime(content: bytes, name: str) -> Callable[[Values], Values]:
    return _run(runtime_interpreter(content, name).interpreter)


def _litert(content: bytes) -> Callable[[Values], Values]:
    """Returns what runs a file by LiteRT's own kernels, those without other rounding."""
    from ai_edge_litert import interpreter as litert  # comes with hybrid-tf-runtime

    with silenced():
        plain = litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        interpreter = litert.Interpreter(model_content=content, experimental_op_resolver_type=plain)
        interpreter.allocate_tensors()
    return _run(interpreter)


def _run(interpreter: Any) -> Callable[[Values], Values]:
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()

    def run(values: Values) -> Values:
        for tensor, value in zip(inputs, values, strict=True):
            interpreter.set_tensor(tensor["index"], value)
        interpreter.invoke()
        return [interpreter.get_tensor(tensor["index"]) for tensor in outputs]

    return run


def noise(file: FloatFile, samples: int) -> list[Values]:
    """Returns samples of noise for each input of a float network: normal, or whole numbers where it takes integers.

    Raises:
        HybridTFError: when an input is not of numbers, or of no size that a network has.
    """
    random = np.random.default_rng(0)
    parsed = parse_tflite(file.float_content, file.name)

    def values(number: int) -> np.ndarray:
        tensor = parsed.tensors[number]
        if tensor.type not in NUMPY_TYPES or min(tensor.shape, default=1) < 1 or math.prod(tensor.shape) > _MOST_VALUES:
            raise HybridTFError(f"{file.name} takes {tensor.type} {tensor.shape}: only numbers of fixed size will do")
        kind = np.dtype(NUMPY_TYPES[tensor.type])
        if kind.kind == "f":
            return random.standard_normal(tensor.shape).astype(kind)
        low, high = (-128, 128) if kind == np.int8 else (0, 128)
        return random.integers(low, high, tensor.shape).astype(kind)

    return [[values(number) for number in parsed.inputs] for _ in range(samples)]


def write_float(file: FloatFile, path: Path) -> Conversion:
    """Writes a converted file; says which operators stay in float, and why."""
    parsed = parse_tflite(file.content, path)
    metadata = Metadata.of(parsed)
    for note in dict.fromkeys(note for note in file.notes if not note.done):
        if note.rewrite in (*_WEIGHTS, leftovers.REWRITE):
            warn(f"'{note.layer}' stays in full precision: {note.text}")
    write_bytes(path, file.content)
    counts = parsed.op_counts()
    binary = counts.get(names.BINARY_CONV_2D, 0)
    return Conversion(path, len(file.content), binary, counts, metadata, metadata.float_layers, file.notes)


def run_float(file: FloatFile, images: np.ndarray) -> np.ndarray:
    """Returns the scores [N, classes] that the float network of a classifier gives for inputs [N, H, W, C]."""
    samples = [[image[np.newaxis]] for image in images]
    return isolated(lambda: _outputs(_litert(file.float_content), samples, ""), file.name)[0][:, 0]
