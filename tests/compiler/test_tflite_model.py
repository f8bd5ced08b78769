"""Files in memory: what is read is what is written, nothing twice, and damage is an error."""

import numpy as np
import pytest

from hybrid_tf.compiler import Interpreter, convert
from hybrid_tf.errors import HybridTFError
from hybrid_tf.tflite.flatbuffer import parse_tflite
from hybrid_tf.tflite.load import load_model
from hybrid_tf.tflite.model import Model, Operator, Tensor, constant
from hybrid_tf.tflite.write import model_bytes
from hybrid_tf_runtime import Interpreter as Runtime
from tests.support.small_networks import random_images


def test_a_file_that_is_read_and_written_computes_the_same(path, model, tmp_path):
    own = path.read_bytes()
    assert len(model_bytes(load_model(own, path))) == len(own)
    convert(model, tmp_path / "lce.tflite", converter="lce")
    content = (tmp_path / "lce.tflite").read_bytes()
    written = model_bytes(load_model(content, path))
    before, after = parse_tflite(content, path), parse_tflite(written, path)
    assert [(op.name, op.options()) for op in after.operators] == [(op.name, op.options()) for op in before.operators]
    assert len(written) < len(content) - 900
    assert model_bytes(load_model(written, path)) == written
    images = random_images()
    np.testing.assert_array_equal(Interpreter(written).predict(images), Interpreter(content).predict(images))
    lce = Interpreter(content).predict(images)
    np.testing.assert_allclose(Runtime(written).predict(images), lce, rtol=0, atol=1e-5 * np.abs(lce).max())


def test_every_stored_byte_is_aligned_and_stored_once(path):
    content = model_bytes(load_model(path.read_bytes(), path))
    buffers = [bytes(buffer) for buffer in parse_tflite(content, path).buffers]
    assert len(set(buffers)) == len(buffers)
    assert not buffers[0]
    whole = np.frombuffer(content, np.uint8).ctypes.data
    for buffer in parse_tflite(content, path).buffers[1:]:
        assert (np.frombuffer(buffer, np.uint8).ctypes.data - whole) % 16 == 0


def test_damaged_files_are_refused(path):
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(content)
        for place in rng.integers(8, len(content), 40):
            damaged[place] = rng.integers(256)
        try:
            model_bytes(load_model(bytes(damaged), "damaged"))
        except HybridTFError:
            refused += 1
    assert refused > 100


def chain():
    """A model of three operators; the second one's result is nobody's but the third's."""
    tensors = [Tensor(name, (1, 2)) for name in "abcd"]
    operators = [Operator("ADD", [tensors[n], constant(np.float32([1, n]))], [tensors[n + 1]], None) for n in range(3)]
    return Model(operators, tensors[:1], tensors[3:]), tensors


def test_a_graph_is_edited_by_its_tensors():
    model, (a, b, c, d) = chain()
    first, second, third = model.operators
    assert (model.maker(b), model.readers(b), model.only_reader(d)) == (first, [second], None)
    model.replace(c, b)
    model.remove_unread()
    assert model.operators == [first, third]
    model.replace(d, a)
    model.remove_unread()
    assert model.operators == []
    assert model.outputs == [a]


def test_a_tensor_read_twice_has_no_only_reader():
    model, (_, b, _, _) = chain()
    model.operators[1].inputs[1] = b
    assert model.readers(b) == [model.operators[1]]
    assert model.only_reader(b) is None


@pytest.mark.parametrize("cut", [0, 10, 200])
def test_what_is_no_file(path, cut):
    with pytest.raises(HybridTFError):
        load_model(path.read_bytes()[:cut], "cut")
