"""The conversion: it refuses what would silently stay in float, and proves that nothing did."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import tensorflow as tf

from hybrid_tf.compiler.float_graph import float_graph
from hybrid_tf.compiler.graph_rules import check_padding, check_relus
from hybrid_tf.compiler.int8.file import check_no_float, match_points
from hybrid_tf.compiler.int8.plan import Int8Plan, plan_int8
from hybrid_tf.compiler.int8.rounding import int8_calls, rounded_to
from hybrid_tf.compiler.lce import convert_function, is_installed
from hybrid_tf.compiler.matching import check_ops, float_layers_of, match_layers
from hybrid_tf.compiler.metadata import METADATA_NAME, Metadata
from hybrid_tf.compiler.outcome import Conversion, Verification
from hybrid_tf.compiler.passes import Note, run_passes
from hybrid_tf.compiler.rewrite import add_metadata, reorder
from hybrid_tf.compiler.rules import OWN_RULES, check_int8_padding, check_layers, layer_faults
from hybrid_tf.compiler.scores import known_scores
from hybrid_tf.compiler.tracing import IMAGE, SCORES, TracedModel, image_shape, trace_model
from hybrid_tf.compiler.verification import verify
from hybrid_tf.errors import HybridTFError, unknown
from hybrid_tf.graphs.file_graph import file_graph
from hybrid_tf.graphs.order import least_memory_order
from hybrid_tf.system.files import write_bytes
from hybrid_tf.system.notices import warn
from hybrid_tf.tflite.flatbuffer import parse_tflite
from hybrid_tf.tflite.load import load_model
from hybrid_tf.tflite.write import model_bytes

LCE, OWN = CONVERTERS = ("lce", "own")


def convert(
    model: tf.keras.Model,
    path: str | Path,
    metadata: Metadata | None = None,
    io: str = "float32",
    converter: str | None = None,
) -> Conversion:
    """Converts a Keras model into a Larq Compute Engine file, replacing an older one at `path`.

    Every layer with binary weights and a binary input is in the file as a binary convolution, with every bit as in the
    model, or there is no file. The numbers are not compared: that is what `convert_and_verify` adds.

    Args:
        model: Keras model, functional, sequential or subclassed, from images [N, H, W, C] to scores [N, classes].
        path: path of the file.
        metadata: metadata to store in the file. Without it, or where its input shape is empty, the model's input shape
            is stored. Its `int8`, see `calibrate_int8`, decides whether the full-precision sections become int8. What
            its scores are is stored, too: as the metadata says, or as the last operator shows.
        io: type of the file's input and output, `float32` or, of an int8 file, `int8`.
        converter: `lce` for that of Larq Compute Engine, or `own`: TensorFlow's, and the passes of this package behind
            it. `own` also makes binary dense layers binary, and leaves in float what it must, with a warning. None
            means `lce` where it is installed.

    Raises:
        HybridTFError: when a layer cannot be binary in the file, the converter fails, or the file cannot be written.
    """
    content, conversion = _converted(model, Path(path), metadata, io, converter)
    write_bytes(path, content)
    return conversion


def convert_and_verify(
    model: tf.keras.Model,
    path: str | Path,
    metadata: Metadata | None,
    images: np.ndarray,
    labels: np.ndarray | None = None,
    io: str = "float32",
    converter: str | None = None,
) -> tuple[Conversion, Verification]:
    """Converts as `convert` does, and writes the file only if it computes what the model does on `images`.

    Args:
        model: Keras model, see `convert`.
        path: path of the file.
        metadata: metadata to store in the file, see `convert`.
        images: images to compare on, see `verify`.
        labels: class numbers of the images [N].
        io: type of the file's input and output, see `convert`.
        converter: `lce` or `own`, see `convert`.

    Raises:
        HybridTFError: as for `convert` and `verify`, and when the verification fails. No file is left behind, and an
            older one stays as it was.
    """
    content, conversion = _converted(model, Path(path), metadata, io, converter)
    verification = verify(model, content, images, labels)
    if not verification.passed:
        raise HybridTFError(f"{path} was not written: {verification.failure}")
    write_bytes(path, content)
    return conversion, verification


def _converted(
    model: tf.keras.Model, path: Path, metadata: Metadata | None, io: str, converter: str | None
) -> tuple[bytes, Conversion]:
    converter = converter or (LCE if is_installed() else OWN)
    if converter not in CONVERTERS:
        raise unknown("converter", converter, CONVERTERS)
    shape = image_shape(model)
    metadata = metadata or Metadata()
    _check_metadata(metadata, shape)
    metadata = replace(metadata, input_shape=shape)
    check_layers(model, OWN_RULES if converter == OWN else None)
    plan = plan_int8(model, metadata.int8.except_layers) if metadata.int8 else None
    traced = plan.traced if plan else trace_model(model)
    scores = traced.function.structured_outputs["scores"].shape[1]
    if len(metadata.class_names) not in (0, scores):
        raise HybridTFError(
            f"the metadata names {len(metadata.class_names)} classes, but the model has {scores} scores"
        )
    if converter == LCE:
        check_padding(traced.function.graph)
        check_relus(traced.calls, traced.inputs)
    if plan:
        if converter == LCE:
            check_int8_padding(plan)
        with int8_calls(model, plan, rounded_to(metadata.int8.ranges)):
            traced = replace(traced, function=trace_model(model).function)
    elif io != "float32":
        raise HybridTFError(f"input and output can only be {io} where the file is: add --int8")
    if converter == OWN:
        return _compiled(model, traced, path, metadata, plan, io)
    content = convert_function(traced.function, model.variables, io)
    file = parse_tflite(content, path)
    content = reorder(content, least_memory_order(file_graph(file)))
    metadata = replace(metadata, scores=known_scores(file, metadata.scores))
    content = add_metadata(content, METADATA_NAME, metadata.to_json().encode())
    file = parse_tflite(content, path)
    match_layers(file, traced.calls)
    check_ops(file, bool(traced.calls))
    if plan:
        match_points(file, plan, metadata.int8)
        check_no_float(file, plan)
    return content, Conversion(path, len(content), len(traced.calls), file.op_counts(), metadata)


def _compiled(
    model: tf.keras.Model, traced: TracedModel, path: Path, metadata: Metadata, plan: Int8Plan | None, io: str
) -> tuple[bytes, Conversion]:
    """Converts with our own passes; says which quantized layers stay float, and why."""
    network = load_model(float_graph(traced.function, model, int8=plan is not None, io=io), path)
    notes = run_passes(network)
    [network.inputs[0].name, network.outputs[0].name] = (IMAGE, SCORES)
    file = parse_tflite(model_bytes(network), path)
    float_layers = float_layers_of(file, traced.calls)
    metadata = replace(metadata, float_layers=float_layers, scores=known_scores(file, metadata.scores))
    if plan:
        tensors = network.tensors()
        for point, number in match_points(file, plan, metadata.int8).items():
            tensors[number].point = point
    network.metadata |= metadata.packed()
    content = model_bytes(network)
    file = parse_tflite(content, path)
    found = match_layers(file, traced.calls, float_layers)
    _warn_of_float_layers(model, float_layers, notes)
    binary = sum(op is not None for op in found)
    return content, Conversion(path, len(content), binary, file.op_counts(), metadata, float_layers, tuple(notes))


def _warn_of_float_layers(model: tf.keras.Model, float_layers: tuple[str, ...], notes: list[Note]) -> None:
    reasons = {note.layer: f"{note.text}" for note in notes if not note.done}
    faults = {layer.name: fault for layer, fault in layer_faults(model) if fault.rule not in OWN_RULES}
    for name in float_layers:
        why = reasons.get(name) or faults.get(name) or "its input or its weights are not signs"
        warn(f"layer '{name}' stays in full precision: {why}")


def _check_metadata(metadata: Metadata, shape: tuple[int, int, int]) -> None:
    if metadata.input_shape and tuple(metadata.input_shape) != shape:
        raise HybridTFError(f"the metadata gives images of {metadata.input_shape}, but the model takes {shape}")
    counts = {len(metadata.mean), len(metadata.std)}
    if counts - {0} and counts != {shape[2]}:
        raise HybridTFError(
            f"the metadata has {len(metadata.mean)} means and {len(metadata.std)} standard deviations, but the model's "
            f"images have {shape[2]} channels: give one of each for a channel"
        )
    if len(metadata.std) and not min(metadata.std) > 0:
        raise HybridTFError("a standard deviation in the metadata is not above 0: give 1.0 for pixels as they are")
