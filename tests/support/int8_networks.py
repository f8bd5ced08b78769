"""int8 hybrids as files for check_folder.py, with what LCE's interpreter computes."""

import json

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from larq_compute_engine.tflite.python.interpreter import Interpreter

from hybrid_tf.compiler import Metadata, calibrate_int8, convert
from hybrid_tf.models.registry import build_model
from hybrid_tf.tflite.flatbuffer import parse_tflite
from tests.support.small_networks import random_images, randomise

_KERNELS = {"use_indirect_bgemm": True}  # of LCE's, the fastest


def with_every_output(content):
    """Returns a file whose outputs are all tensors that its operators make, and their names."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
    graph = model.subgraphs[0]
    graph.outputs = np.int32([output for operator in graph.operators for output in operator.outputs])
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    named = parse_tflite(content, "the file").tensors  # the file has few names, its metadata the layers'
    return bytes(builder.Output()), [named[output].name for output in graph.outputs]


def write_int8_network(folder, network, io, image_count=2, **options):
    """Writes an int8 hybrid for each of some images; and for the first one also with every tensor as an output.

    Without the second, errors within might not show in the scores; without the first, nothing would be fused away.
    """
    model = randomise(build_model(network, "residual", **options))
    path = folder / f"{network}-{io}.tflite"
    size = model.input_shape[1]
    convert(model, path, Metadata(int8=calibrate_int8(model, random_images(16, size))), io=io)
    content = path.read_bytes()
    path.unlink()
    whole, names = with_every_output(content)
    for number, image in enumerate(random_images(image_count, size, seed=2)):
        if io == "int8":
            image = np.clip(np.round(image * 40), -128, 127).astype(np.int8)
        for kind, file, outputs in (("scores", content, ["scores"]), ("tensors", whole, names)):
            if kind == "tensors" and number > 0:
                continue
            expected = Interpreter(file, **_KERNELS).interpreter.predict([image[None]])
            stem = folder / f"{network}-{io}-{kind}-{number}"
            stem.with_suffix(".tflite").write_bytes(file)
            facts = {"cases": 1, "names": outputs, "exact": [True] * len(outputs)}
            arrays = {f"output{i}": array for i, array in enumerate(expected)}
            np.savez(stem.with_suffix(".npz"), facts=json.dumps(facts), input0=image[None], **arrays)
