"""Converts a model as LCE does, without any of our checks: what the converter does to a fault is seen in the file."""

from hybrid_tf.compiler import lint_file
from hybrid_tf.compiler.lce import convert_function
from hybrid_tf.compiler.tracing import trace_model
from hybrid_tf.tflite.flatbuffer import parse_tflite


def converted(model, path):
    path.write_bytes(convert_function(trace_model(model).function, model.variables))
    return parse_tflite(path.read_bytes(), path), lint_file(path)


def names(file):
    return [op.name for op in file.operators]
