import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

from hybrid_tf.compiler import Interpreter, Metadata, read_metadata
from hybrid_tf.compiler.metadata import METADATA_NAME
from hybrid_tf.compiler.rewrite import add_metadata, add_outputs
from hybrid_tf.errors import HybridTFError
from hybrid_tf.tflite.build_entry import BUILD_ENTRY
from hybrid_tf.tflite.flatbuffer import _TENSOR_TYPES, parse_tflite
from hybrid_tf.tflite.names import builtin_op_name


def names(enum):
    return {value: name for name, value in vars(enum).items() if isinstance(value, int)}


def test_names_are_those_of_the_schema():
    for code, name in names(schema.BuiltinOperator).items():
        assert builtin_op_name(code) in (name, f"BUILTIN_{code}")
    assert builtin_op_name(schema.BuiltinOperator.RIGHT_SHIFT) == "RIGHT_SHIFT"
    for code, name in enumerate(_TENSOR_TYPES):
        assert names(schema.TensorType)[code] == name


def data_positions(content):
    """Returns the position of the content of every buffer that is not empty."""
    model = schema.Model.GetRootAsModel(content, 0)
    buffers = [model.Buffers(number) for number in range(model.BuffersLength())]
    return [buffer._tab.Vector(buffer._tab.Offset(4)) for buffer in buffers if buffer.DataLength()]


def fields(value):
    """Returns the object tree of a file as comparable values."""
    if isinstance(value, list):
        return [fields(item) for item in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    return {name: fields(item) for name, item in vars(value).items()} if hasattr(value, "__dict__") else value


def unpacked(content):
    return fields(schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0)))


@pytest.fixture(scope="module")
def plain(model):
    """What LCE's converter itself writes."""
    from hybrid_tf.compiler.lce import convert_function
    from hybrid_tf.compiler.tracing import trace_model

    return convert_function(trace_model(model).function, model.variables)


def test_adding_metadata_aligns_all_buffers_and_changes_nothing_else(plain):
    assert any(position % 16 for position in data_positions(plain)), "LCE aligns by itself now: simplify rewrite.py"
    text = b"x" * 1001
    content = add_metadata(plain, METADATA_NAME, text)
    positions = data_positions(content)
    assert len(positions) == len(data_positions(plain)) + 1
    assert not any(position % 16 for position in positions)
    assert len(content) - len(plain) < len(text) + 16 * len(positions) + 200
    before, after = unpacked(plain), unpacked(content)
    assert bytes(after["buffers"].pop()["data"]) == text
    assert after["metadata"].pop()["name"] == METADATA_NAME.encode()
    assert [entry["name"] for entry in after["metadata"]] == [b"min_runtime_version"]
    assert after == before


def test_large_files_are_rewritten_without_much_overhead(plain):
    large = add_metadata(plain, "weights", bytes(100_000_000))
    content = add_metadata(large, METADATA_NAME, b"{}")
    assert len(content) - len(large) < 300
    assert parse_tflite(content, "large").metadata[METADATA_NAME] == b"{}"


def test_outputs_are_added_after_the_file_s_own(path):
    content = path.read_bytes()
    file = parse_tflite(content, path)
    inner = [op.outputs[0] for op in file.operators][:2]
    assert parse_tflite(add_outputs(content, inner), path).outputs == (*file.outputs, *inner)


def test_the_reader_agrees_with_the_schema(path):
    content = path.read_bytes()
    file, model = parse_tflite(content, path), schema.Model.GetRootAsModel(content, 0)
    graph = model.Subgraphs(0)
    for number, tensor in enumerate(file.tensors):
        expected = graph.Tensors(number)
        assert expected.Name() is None or tensor.name == expected.Name().decode()  # else it is in the metadata
        assert list(tensor.shape) == list(expected.ShapeAsNumpy())
        assert tensor.type == names(schema.TensorType)[expected.Type()]
        assert tensor.buffer == expected.Buffer()
    for number, op in enumerate(file.operators):
        assert list(op.inputs) == list(graph.Operators(number).InputsAsNumpy())
        assert list(op.outputs) == list(graph.Operators(number).OutputsAsNumpy())
    for number, buffer in enumerate(file.buffers):
        assert len(buffer) == model.Buffers(number).DataLength()


def test_metadata_round_trip(metadata, path):
    assert read_metadata(path) == replace(metadata, scores="logits", float_layers=()), "which is seen in the network"
    assert Metadata.from_json(metadata.to_json()) == metadata
    assert {"hybrid-tf", "tensorflow", "larq", "larq-compute-engine"} <= set(metadata.versions)
    assert metadata.versions["tensorflow"] == tf.__version__
    assert set(parse_tflite(path.read_bytes(), path).metadata) == {METADATA_NAME, BUILD_ENTRY}


def test_metadata_of_a_foreign_model_is_what_the_model_says(tmp_path):
    from hybrid_tf.compiler import convert
    from tests.support.small_networks import full_precision_network

    convert(full_precision_network(), tmp_path / "model.tflite")
    found = read_metadata(tmp_path / "model.tflite")
    assert found == Metadata(input_shape=(12, 12, 3), scores="logits", float_layers=())


def test_metadata_of_other_versions():
    later = Metadata.from_json('{"class_names": ["a", "b"], "mean": [1], "new": {"x": 1}}')
    assert later == Metadata(class_names=("a", "b"), mean=(1.0,), versions={})
    for text in (b"\xff", "[]", "{", '{"mean": ["x"]}', '{"versions": 3}', '{"class_names": 3}'):
        with pytest.raises(HybridTFError, match="metadata of the file cannot be read"):
            Metadata.from_json(text)


def test_metadata_is_read_without_tensorflow(path):
    code = (
        "import sys; from hybrid_tf.compiler import read_metadata\n"
        "import json; print(json.dumps([read_metadata(sys.argv[1]).class_names, 'tensorflow' in sys.modules]))"
    )
    output = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True).stdout
    assert json.loads(output) == [["aéroplane", "bird", "cat", "deer", "dog"], False]


def test_a_file_without_metadata_is_an_error(plain, tmp_path):
    (tmp_path / "plain.tflite").write_bytes(plain)
    with pytest.raises(HybridTFError, match=r"plain.tflite holds no hybrid-tf metadata"):
        read_metadata(tmp_path / "plain.tflite")


def test_a_file_that_is_cut_off_anywhere_is_an_error(path, tmp_path):
    content = path.read_bytes()
    cuts = {0, 3, 4, 7, 8, 9, 16, 40, 100, 300, 1000, len(content) - 4, len(content) - 1}
    cuts |= set(np.linspace(0, len(content) - 1, 60).astype(int).tolist())
    cut_off = tmp_path / "cut.tflite"
    for cut in sorted(cuts):
        cut_off.write_bytes(content[:cut])
        with pytest.raises(HybridTFError, match=r"cut\.tflite"):
            Interpreter(cut_off)
        with pytest.raises(HybridTFError, match=r"cut\.tflite|a\.tflite"):
            _ = read_metadata(cut_off), Interpreter(cut_off)


def test_a_file_with_damage_is_an_error_or_runs(path):
    """The reader, too, has to survive whatever the bytes say."""
    content, rng = path.read_bytes(), np.random.default_rng(0)
    structure = min(data_positions(content)) + 600
    for _ in range(300):
        damaged = bytearray(content)
        for position in rng.integers(0, structure, 3):
            damaged[position] = rng.integers(256)
        try:
            parse_tflite(bytes(damaged), "damaged")
        except HybridTFError as error:
            assert str(error).startswith("damaged")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04" + bytes(100), "is not a TensorFlow Lite file"),
        (np.random.default_rng(0).bytes(5000), "is not a TensorFlow Lite file"),
        (b"\x1c\0\0\0TFL3" + np.random.default_rng(0).bytes(5000), "is cut off or damaged"),
        (b"\xff\xff\xff\xffTFL3", "is cut off or damaged"),
    ],
)
def test_other_files_are_errors(content, message, tmp_path):
    (tmp_path / "file").write_bytes(content)
    for read in (read_metadata, Interpreter):
        with pytest.raises(HybridTFError, match=f"file {message}"):
            read(tmp_path / "file")


def test_a_missing_file_is_an_error(tmp_path):
    for read in (read_metadata, Interpreter):
        with pytest.raises(HybridTFError, match=r"cannot read .*none: No such file"):
            read(tmp_path / "none")
