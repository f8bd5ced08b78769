"""Float `.tflite` files and SavedModels as a start: of any framework, and without Larq or Larq Compute Engine."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from hybrid_tf.compiler import Interpreter, read_metadata
from hybrid_tf.compiler.float_files import compile_float, noise, verify_float
from hybrid_tf.compiler.metadata import Metadata
from hybrid_tf.compiler.passes import binary_operator
from hybrid_tf.compiler.passes.transposes import remove_transpositions
from hybrid_tf.deploy.float_conversion import convert_float
from hybrid_tf.deploy.told import Told
from hybrid_tf.errors import HybridTFError
from hybrid_tf.tflite.load import load_model
from hybrid_tf.tflite.write import model_bytes
from hybrid_tf_runtime import Interpreter as Runtime
from tests.support.random_models import SelectedSign
from tests.support.shared import made_once
from tests.support.small_networks import PADDED, binary, layers, network, quant_conv, random_images, randomise

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


def body(x):
    """Signs of two kinds, a chain of bits, a pooling of bits."""
    x = layers.Add()([x, binary(x, 32)])
    x = layers.MaxPool2D()(binary(binary(x, 40), 40, pad_values=-1.0))
    x = layers.BatchNormalization()(quant_conv(24, strides=2, **PADDED)(x))
    return quant_conv(16, 3, input_quantizer=None)(SelectedSign()(x))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`float.tflite` and the SavedModel `saved` of one network, and `double.tflite` of one with two inputs."""

    def make(folder):
        model = network(body)
        (folder / "float.tflite").write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
        tf.saved_model.save(model, str(folder / "saved"))
        ends = [layers.Input((8, 8, 32)), layers.Input((8, 8, 32))]
        sums = layers.Add()([binary(end, 32) for end in ends])
        double = randomise(tf.keras.Model(ends, [sums, layers.Flatten()(ends[0])]))
        (folder / "double.tflite").write_bytes(tf.lite.TFLiteConverter.from_keras_model(double).convert())

    return made_once(tmp_path_factory, "float-files", make)


def test_a_float_file(folder, tmp_path):
    path = tmp_path / "out.tflite"
    conversion, verification = convert_float(folder / "float.tflite", path, samples=16)
    assert verification.passed and verification.max_rel_difference < 1e-5
    assert (conversion.binary_layers, conversion.float_layers) == (5, ())
    assert conversion.bytes < (folder / "float.tflite").stat().st_size / 4
    assert read_metadata(path).input_shape == (12, 12, 3)
    reference = tf.lite.Interpreter(str(folder / "float.tflite"))
    reference.allocate_tensors()
    images = random_images(8)
    scores = []
    for image in images:
        reference.set_tensor(reference.get_input_details()[0]["index"], image[np.newaxis])
        reference.invoke()
        scores.append(reference.get_tensor(reference.get_output_details()[0]["index"])[0])
    for engine in (Interpreter, Runtime):
        same = np.abs(engine(path).predict(images) - scores).max(axis=1) < 1e-4 * np.abs(scores).max()
        assert same.sum() >= 7  # next to zero either sign is right


def test_two_inputs_and_two_outputs(folder, tmp_path):
    conversion, verification = convert_float(folder / "double.tflite", tmp_path / "out.tflite", samples=4)
    assert verification.passed and conversion.binary_layers == 2
    with pytest.raises(HybridTFError, match="not a network from one float image"):
        convert_float(folder / "double.tflite", tmp_path / "other.tflite", told=Told(scores="logits"))


def test_a_broken_pass_is_caught(folder, tmp_path, monkeypatch):
    packed = binary_operator.packed

    def flipped(negative):
        words = np.array(packed(negative))
        words.flat[0] ^= 1
        return words

    monkeypatch.setattr(binary_operator, "packed", flipped)
    with pytest.raises(HybridTFError, match="was not written"):
        convert_float(folder / "float.tflite", tmp_path / "out.tflite", samples=4)
    assert not list(tmp_path.iterdir())


def test_a_lost_sign_is_caught(folder):
    """Signs are compared with the numbers in front of them, not only with what follows."""
    file = compile_float((folder / "float.tflite").read_bytes(), "float", Metadata())
    assert len(file.signs) == 4  # the fifth is padded before it is packed
    samples = noise(file, 2)
    assert verify_float(file, samples).passed
    other = compile_float(
        tf.lite.TFLiteConverter.from_keras_model(network(body, seed=1)).convert(), "other", Metadata()
    )
    wrong = type(file)(**{**vars(file), "stepped": other.stepped, "content": other.content})
    assert "wrong sign" in verify_float(wrong, samples).failure


def test_a_saved_model(folder, tmp_path):
    conversion, verification = convert_float(folder / "saved", tmp_path / "out.tflite", samples=4)
    assert verification.passed and conversion.binary_layers == 5
    convert_float(folder / "float.tflite", tmp_path / "other.tflite", samples=4)
    images = random_images(4)
    scores = [Runtime(tmp_path / name).predict(images) for name in ("out.tflite", "other.tflite")]
    np.testing.assert_allclose(scores[0], scores[1], rtol=0, atol=1e-4 * np.abs(scores[0]).max())


class Writing(tf.Module):
    """Writes a file, in inference or on loading."""

    def __init__(self, path, on_loading):
        super().__init__()
        self.path, self.on_loading = str(path), on_loading
        self.weight = tf.Variable(tf.ones((12, 5)))
        if on_loading:
            table = tf.lookup.KeyValueTensorInitializer(["a"], [1])
            self.table = tf.lookup.StaticHashTable(table, 0)

    @tf.function(input_signature=[tf.TensorSpec((1, 2, 2, 3), name="image")])
    def __call__(self, image):
        if not self.on_loading:
            tf.io.write_file(self.path, "seen")
        return tf.reshape(image, (1, 12)) @ self.weight


def test_a_saved_model_runs_nothing(tmp_path):
    for on_loading in (False, True):
        module = Writing(tmp_path / "seen", on_loading)
        tf.saved_model.save(module, str(tmp_path / "saved"), signatures=module.__call__)
        if on_loading:  # what nothing in the network reads is not looked at
            assert convert_float(tmp_path / "saved", samples=2)[1].passed
        else:
            with pytest.raises(HybridTFError, match="holds operation WriteFile"):
                convert_float(tmp_path / "saved", samples=2)
    assert not (tmp_path / "seen").exists()


def test_damaged_saved_models(folder, tmp_path):
    for content in (b"", b"\x00" * 40, (folder / "saved" / "saved_model.pb").read_bytes()):  # the last without weights
        (tmp_path / "saved").mkdir(exist_ok=True)
        (tmp_path / "saved" / "saved_model.pb").write_bytes(content)
        with pytest.raises(HybridTFError, match="saved"):
            convert_float(tmp_path / "saved")


def test_the_command_says_what_it_refuses(hybrid_tf, folder, tmp_path):
    path, out = folder / "float.tflite", tmp_path / "out.tflite"
    for arguments, message in (
        ((path,), "name another one to write, with -o"),
        ((path, "-o", path), "which would be lost"),
        ((path, "-o", out, "--converter", "lce"), "leave --converter out"),
        ((path, "-o", out, "--int8"), "--int8 rounds Keras models"),
    ):
        code, _, error = hybrid_tf("convert", *arguments)
        assert code == 1 and message in error, error
    code, output, error = hybrid_tf("convert", path, "-o", out, "--samples", 4, "--json")
    assert code == 0, error
    assert json.loads(output)["verification"]["reference"] == "the float file in LiteRT"
    code, _, error = hybrid_tf("convert", out, "-o", tmp_path / "again.tflite")
    assert code == 1 and "is converted already" in error


def without(packages, program, *arguments):
    """Runs a program in a process in which some packages cannot be imported."""
    hidden = "; ".join(f"sys.modules[{package!r}] = None" for package in packages)
    command = [sys.executable, "-c", f"import sys; {hidden}; {program}", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_float_files_without_larq(folder, tmp_path):
    text = without(
        ("larq", "larq_compute_engine"),
        "from hybrid_tf.cli import main; main()",
        *("convert", folder / "float.tflite", "-o", tmp_path / "out.tflite", "--samples", 4, "--json"),
    )
    assert json.loads(text)["conversion"]["binary_layers"] == 5


def test_keras_models_without_lce(tmp_path):
    network(lambda x: binary(binary(x, 32), 8)).save(tmp_path / "model.keras")
    convert = ("convert", tmp_path / "model.keras", "--samples", 4, "--json")
    found = json.loads(without(("larq_compute_engine",), "from hybrid_tf.cli import main; main()", *convert))
    assert found["conversion"]["binary_layers"] == 2 and found["verification"]["passed"]
    assert found["verification"]["engine"] == "hybrid-tf-runtime"
    program = (
        "from hybrid_tf.cli import main; sys.argv += ['--converter', 'lce']\n"
        "try: main()\nexcept SystemExit as stopped: print('code', stopped.code)"
    )
    assert "code 1" in without(("larq_compute_engine",), program, *convert)


def test_a_network_from_pytorch(tmp_path):
    """files/pytorch_digits.tflite is what docs/from-pytorch.md makes; the scores are PyTorch's own."""
    files, path = Path(__file__).parent / "files", tmp_path / "out.tflite"
    conversion, verification = convert_float(files / "pytorch_digits.tflite", path, samples=16)
    assert verification.passed
    assert (conversion.binary_layers, conversion.ops.get("TRANSPOSE", 0)) == (3, 0)
    assert conversion.bytes < 8000
    expected = np.load(files / "pytorch_digits.npz")
    assert np.abs(Runtime(path).predict(expected["images"]) - expected["scores"]).max() < 1e-4


@pytest.mark.parametrize(("back", "left"), [((0, 2, 3, 1), 0), ((0, 3, 2, 1), 2)])
def test_transpositions_that_undo_each_other(back, left):
    """What is computed between two transpositions, with constants by channel, in channels-last order if they allow."""
    rng = np.random.default_rng(0)
    slopes = tf.constant(rng.normal(size=(1, 5, 1, 1)), tf.float32)

    @tf.function(input_signature=[tf.TensorSpec((1, 4, 4, 5))])
    def compute(x):
        x = tf.nn.relu(tf.transpose(x, (0, 3, 1, 2)) + slopes)
        return tf.transpose(tf.pad(x, ((0, 0), (0, 1), (2, 3), (1, 0)), constant_values=-1.5), back) * 2

    content = tf.lite.TFLiteConverter.from_concrete_functions([compute.get_concrete_function()]).convert()
    model = load_model(content, "file")
    remove_transpositions(model)
    model.remove_unread()
    assert model.op_counts().get("TRANSPOSE", 0) == left
    interpreter = tf.lite.Interpreter(model_content=model_bytes(model))
    interpreter.allocate_tensors()
    x = rng.normal(size=(1, 4, 4, 5)).astype(np.float32)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    np.testing.assert_array_equal(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]), compute(x))
