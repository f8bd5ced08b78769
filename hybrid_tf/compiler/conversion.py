"""The conversion: it refuses what would silently stay in float, and proves that nothing did."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import tensorflow as tf

from hybrid_tf.compiler.float_graph import float_graph
from hybrid_tf.compiler.graph_rules import check_padding, check_relus
from hybrid_tf.compiler.int8.file import check_no_float, float_tensors, match_points
from hybrid_tf.compiler.int8.plan import Int8Plan, plan_int8
from hybrid_tf.compiler.int8.rounding import int8_calls, rounded_to
from hybrid_tf.compiler.lce import convert_function
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
from hybrid_tf.graphs.file_graph import file_graph, layers_in
from hybrid_tf.graphs.order import least_memory_order
from hybrid_tf.system.files import write_bytes
from hybrid_tf.system.notices import warn
from hybrid_tf.tflite.flatbuffer import TFLiteFile, parse_tflite
from hybrid_tf.tflite.load import load_model
from hybrid_tf.tflite.write import model_bytes

OWN, LCE = CONVERTERS = ("own", "lce")


def convert(
    model: tf.keras.Model,
    path: str | Path,
    metadata: Metadata | None = None,
    io: str = "float32",
    converter: str = OWN,
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
        converter: `own`: TensorFlow's, and the passes of this package behind it, which leave in float what cannot be
            binary, with a warning; or `lce` for that of Larq Compute Engine, which refuses it.

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
    converter: str = OWN,
    *,
    strict: bool = False,
) -> tuple[Conversion, Verification]:
    """Converts as `convert` does, and writes the file only if it computes what the model does on `images`.

    Args:
        model: Keras model, see `convert`.
        path: path of the file.
        metadata: metadata to store in the file, see `convert`.
        images: images to compare on, see `verify`.
        labels: class numbers of the images [N].
        io: type of the file's input and output, see `convert`.
        converter: `own` or `lce`, see `convert`.
        strict: whether a quantized layer that would stay in full precision is an error.

    Raises:
        HybridTFError: as for `convert` and `verify`, and when the verification fails. No file is left behind, and an
            older one stays as it was.
    """
    content, conversion = _converted(model, Path(path), metadata, io, converter, strict)
    verification = verify(model, content, images, labels)
    if not verification.passed:
        raise HybridTFError(f"{path} was not written: {verification.failure}")
    write_bytes(path, content)
    return conversion, verification


def _converted(
    model: tf.keras.Model, path: Path, metadata: Metadata | None, io: str, converter: str, strict: bool = False
) -> tuple[bytes, Conversion]:
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
        return _compiled(model, traced, path, metadata, plan, io, strict)
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
    model: tf.keras.Model,
    traced: TracedModel,
    path: Path,
    metadata: Metadata,
    plan: Int8Plan | None,
    io: str,
    strict: bool,
) -> tuple[bytes, Conversion]:
    """Converts with our own passes; says which quantized layers stay float, and why."""
    network = load_model(float_graph(traced.function, int8=plan is not None, io=io), path)
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
    left = _left_in_float(model, float_layers, notes, file)
    if plan and not plan.except_layers and (values := float_tensors(file)):
        layer = next((layer for value in values for layer in layers_in(value)), values[0])
        left.append(f"{len(values)} values inside stay float32, the first at layer '{layer}'")
    if strict and left:
        raise HybridTFError(f"{path} was not written: {'; '.join(left)}")
    for text in left:
        warn(text)
    binary = sum(op is not None for op in found)
    return content, Conversion(path, len(content), binary, file.op_counts(), metadata, float_layers, tuple(notes))


def _left_in_float(
    model: tf.keras.Model, float_layers: tuple[str, ...], notes: list[Note], file: TFLiteFile
) -> list[str]:
    """Returns a line for each quantized layer that the file computes in float: why, what it takes, and the fix."""
    reasons = {note.layer: note.text for note in notes if not note.done}
    faults = {layer.name: fault for layer, fault in layer_faults(model) if fault.rule not in OWN_RULES}
    rows = file_graph(file).layers()
    macs = sum(row.macs for row in rows)
    lines = []
    for name in float_layers:
        fault = faults.get(name)
        why = reasons.get(name) or (fault and fault.message) or "its input or its weights are not signs"
        found = [row for row in rows if row.name == name]
        size, share = sum(row.weight_bytes for row in found), sum(row.macs for row in found) / max(macs, 1)
        costs = f" ({size:,} bytes, {share:.0%} of the MACs)" if found else ""
        lines.append(f"layer '{name}' stays in full precision{costs}: {why}{f'; {fault.fix}' if fault else ''}")
    return lines


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
