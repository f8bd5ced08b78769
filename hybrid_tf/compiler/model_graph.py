"""The graph of what a device would run of a model: that of the file which the compiler makes of it."""

import contextlib
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from hybrid_tf.compiler.float_graph import float_graph
from hybrid_tf.compiler.int8.plan import plan_int8
from hybrid_tf.compiler.int8.rounding import int8_calls, rounded_to
from hybrid_tf.compiler.passes import run_passes
from hybrid_tf.compiler.tracing import trace_model
from hybrid_tf.graphs.file_graph import file_graph
from hybrid_tf.graphs.graph import Graph
from hybrid_tf.tflite.flatbuffer import parse_tflite
from hybrid_tf.tflite.load import load_model
from hybrid_tf.tflite.write import model_bytes

_ANY_RANGE = (-1.0, 1.0)


def model_graph(model: tf.keras.Model, *, int8: bool = False) -> Graph:
    """Returns the graph of the file that a model would become once it is trained, for one image.

    With `int8` its full-precision sections are int8; what they compute with depends on no range.

    Raises:
        HybridTFError: as `convert` does, when the model is none from an image to scores or cannot be converted.
    """
    with varied_weights(model):
        if int8:
            plan = plan_int8(model)
            with int8_calls(model, plan, rounded_to(dict.fromkeys(plan.points, _ANY_RANGE))):
                function = trace_model(model).function
        else:
            function = trace_model(model).function
        network = load_model(float_graph(function, int8=int8), model.name)
    run_passes(network)
    return file_graph(parse_tflite(model_bytes(network), model.name))


@contextlib.contextmanager
def varied_weights(model: tf.keras.Model) -> Iterator[None]:
    """While this lasts, the biases, statistics and slopes of a model are random numbers, as if it were trained.

    Fresh ones are alike: the converter leaves out an addition of zeros, and stores equal numbers once.
    """
    random = np.random.default_rng(0)
    varied = [weight for weight in model.weights if weight.shape.rank not in (2, 4)]
    before = [tf.keras.backend.get_value(weight) for weight in varied]
    try:
        for weight in varied:
            weight.assign(random.uniform(0.5, 1.5, weight.shape).astype(np.float32))
        yield
    finally:
        for weight, value in zip(varied, before, strict=True):
            weight.assign(value)
