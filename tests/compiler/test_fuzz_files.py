"""Damaged `.tflite` files through `inspect`, `lint`, `verify` and `convert`; `make fuzz-files` tries 50,000."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import flatbuffers
import pytest
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

from hybrid_tf.analysis.cost import file_cost
from hybrid_tf.analysis.energy_profiles import energy_profile
from hybrid_tf.analysis.inspection import inspect_file
from hybrid_tf.compiler import Interpreter, convert, verify
from hybrid_tf.compiler.rewrite import add_outputs
from hybrid_tf.errors import HybridTFError
from tests.support.small_networks import full_precision_network, random_images, residual_network

ROOT = Path(__file__).parents[2]
FILES = 150


@pytest.mark.slow
def test_damaged_files_are_read_or_refused(path, tmp_path):
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    shutil.copy(path, seeds / "residual.tflite")
    convert(full_precision_network(), seeds / "full_precision.tflite")
    float_file = tf.lite.TFLiteConverter.from_keras_model(residual_network()).convert()
    (seeds / "float.tflite").write_bytes(float_file)
    command = ["-m", "tests.support.fuzz_files", seeds, "--count", FILES, "--keep", tmp_path / "failed"]
    done = subprocess.run([sys.executable, *map(str, command)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    result = json.loads(done.stdout)
    for name in ("inspect", "lint"):
        assert result[f"{name} read"] + result[f"{name} refused"] == FILES
        assert result[f"{name} read"] > FILES / 10
    for name in ("verify", "convert"):
        counts = [result.get(f"{name} {outcome}", 0) for outcome in ("refused", "passed", "differs")]
        assert counts[0] and sum(counts) == FILES


def _changed(path, change):
    content = path.read_bytes()
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
    change(model)
    builder = flatbuffers.Builder(len(content) + 65536)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize(("first", "more"), [(2**31 - 1, 0), (-(2**31), 0), (-(2**31), 40)])
def test_absurd_shapes_take_no_memory(first, more, path, tmp_path):
    """Tensors of 2^31 elements and more, in a file of 30 kB; some do not fit a float."""

    def change(model):
        for tensor in model.subgraphs[0].tensors:
            rank = len(() if tensor.shape is None else tensor.shape)
            tensor.shape = [first, *[2**31 - 1] * (rank + more - 1)] if rank else []

    (tmp_path / "large.tflite").write_bytes(_changed(path, change))
    for read in (inspect_file, _cost, Interpreter):
        with pytest.raises(HybridTFError, match=r"large\.tflite"):
            read(tmp_path / "large.tflite")


def _cost(path):
    return file_cost(path, [energy_profile("horowitz-45nm")])


def test_a_batch_that_is_not_known_yet_counts_as_one(path, tmp_path):
    def change(model):
        for tensor in model.subgraphs[0].tensors:
            if model.buffers[tensor.buffer].data is None:
                tensor.shape = [-1, *tensor.shape[1:]]

    (tmp_path / "open.tflite").write_bytes(_changed(path, change))
    found, expected = inspect_file(tmp_path / "open.tflite"), inspect_file(path)
    assert found.inputs[0].shape[0] == -1
    assert [row.to_dict() for row in found.rows] == [row.to_dict() for row in expected.rows]


@pytest.mark.parametrize("field", ["inputs", "outputs"])
def test_operators_without_tensors_are_errors(field, path, tmp_path):
    """An operator that only brings a constant into another form; found by the fuzzer."""

    def change(model):
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
        model.operatorCodes.append(code)
        operator = model.subgraphs[0].operators[0]
        operator.opcodeIndex = len(model.operatorCodes) - 1
        setattr(operator, field, [])

    (tmp_path / "odd.tflite").write_bytes(_changed(path, change))
    with pytest.raises(HybridTFError, match=r"odd\.tflite is cut off or damaged \(an operator lacks an input\)"):
        inspect_file(tmp_path / "odd.tflite")


def test_binary_convolutions_without_inputs_are_errors(path, tmp_path):
    def change(model):
        for operator in model.subgraphs[0].operators:
            if operator.customOptions is not None:
                operator.inputs = []

    (tmp_path / "odd.tflite").write_bytes(_changed(path, change))
    for read in (inspect_file, _cost):
        with pytest.raises(HybridTFError, match=r"odd\.tflite is cut off or damaged \(an operator lacks an input\)"):
            read(tmp_path / "odd.tflite")


@pytest.mark.parametrize("shape", [[1, 3, 3, 2], [1, 12, 12], [0]])
def test_sizes_inside_that_are_not_the_model_s(shape, path, model, tmp_path):
    """The interpreter finds sizes out for itself, so what the file says of bits is not asked; found by the fuzzer."""

    def change(file):
        graph = file.subgraphs[0]
        for operator in graph.operators:
            tensor = graph.tensors[operator.outputs[0]]
            if tensor.type == schema.TensorType.INT32 and not len(file.buffers[tensor.buffer].data or ()):
                tensor.shape = shape

    content = _changed(path, change)
    try:
        assert verify(model, content, random_images(2)).passed
    except HybridTFError as error:
        assert str(error)


def test_further_outputs_are_refused(path, model):
    with pytest.raises(HybridTFError, match=r"has 2 outputs, and model '.*' has its scores alone"):
        verify(model, add_outputs(path.read_bytes(), [0]), random_images(2))


def _keep_dimensions(pooling, classifier):
    pooling.builtinOptions.keepDims = classifier.builtinOptions.keepNumDims = True


def _leave_out_pooling(pooling, classifier):
    classifier.inputs = [pooling.inputs[0], *classifier.inputs[1:]]


@pytest.mark.parametrize(("change", "given"), [(_keep_dimensions, "2, 1, 1, 5"), (_leave_out_pooling, "200, 5")])
def test_scores_of_another_shape_than_the_file_says_are_an_error(change, given, tmp_path):
    """The interpreter finds the sizes out; found by the fuzzer."""
    model, odd = full_precision_network(), tmp_path / "odd.tflite"
    convert(model, odd)
    odd.write_bytes(_changed(odd, lambda file: change(*file.subgraphs[0].operators[-2:])))
    message = rf"odd\.tflite gives float32 \({given}\) for 2 images, and says that it gives float32 \(2, 5\)"
    for read in (Interpreter(odd).predict, lambda images: verify(model, odd, images)):
        with pytest.raises(HybridTFError, match=message):
            read(random_images(2))


def test_vectors_that_overlap_are_an_error(path, tmp_path):
    """A few kB of tables that all name the same large vector would take hours to read."""
    builder = flatbuffers.Builder(1 << 20)
    builder.StartVector(4, 50_000, 4)
    for _ in range(50_000):
        builder.PrependInt32(1)
    vector = builder.EndVector()
    schema.TensorStart(builder)
    schema.TensorAddShape(builder, vector)
    tensor = schema.TensorEnd(builder)
    schema.SubGraphStartTensorsVector(builder, 50_000)
    for _ in range(50_000):
        builder.PrependUOffsetTRelative(tensor)
    tensors = builder.EndVector()
    schema.SubGraphStart(builder)
    schema.SubGraphAddTensors(builder, tensors)
    graph = schema.SubGraphEnd(builder)
    schema.ModelStartSubgraphsVector(builder, 1)
    builder.PrependUOffsetTRelative(graph)
    graphs = builder.EndVector()
    schema.ModelStart(builder)
    schema.ModelAddSubgraphs(builder, graphs)
    builder.Finish(schema.ModelEnd(builder), file_identifier=b"TFL3")
    (tmp_path / "overlap.tflite").write_bytes(bytes(builder.Output()))
    with pytest.raises(HybridTFError, match=r"is cut off or damaged \(its parts overlap\)"):
        inspect_file(tmp_path / "overlap.tflite")
