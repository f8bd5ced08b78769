import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from larq_compute_engine.tflite.python.interpreter import Interpreter as LCE

import hybrid_tf_runtime
from hybrid_tf_runtime import HybridTFRuntimeError, Interpreter

PROPERTIES = [f"{side}_{what}" for side in ("input", "output") for what in ("types", "shapes", "scales", "zero_points")]


@pytest.fixture(scope="module")
def lce(model_file):
    return LCE(model_file.read_bytes(), use_indirect_bgemm=True)


@pytest.fixture(scope="module")
def ours(model_file):
    return Interpreter(model_file)


def assert_same(ours, lce):
    assert ours.shape == lce.shape
    assert ours.dtype == lce.dtype
    np.testing.assert_array_equal(ours.argmax(axis=1), lce.argmax(axis=1))
    np.testing.assert_allclose(ours, lce, rtol=0, atol=1e-4 * np.abs(lce).max())


def test_it_has_all_that_the_interpreter_of_lce_has(ours, lce):
    names = {name for name in dir(lce) if not name.startswith("_")}
    assert names <= set(dir(ours))
    for name in PROPERTIES:
        assert getattr(ours, name) == getattr(lce, name), name


@pytest.mark.parametrize("give", [lambda x: x, lambda x: [x], iter, lambda x: ([image] for image in x)])
def test_samples_come_in_every_form_that_lce_takes(ours, lce, images, give):
    assert_same(ours.predict(give(images)), lce.predict(give(images)))


def test_bytes_and_paths_are_the_same_network(model_file, ours, images):
    expected = ours.predict(images)
    for model in (model_file.read_bytes(), str(model_file), bytearray(model_file.read_bytes())):
        np.testing.assert_array_equal(Interpreter(model).predict(images), expected)


def test_arguments_of_lce_are_taken(model_file, ours, images):
    moved = Interpreter(flatbuffer_model=model_file.read_bytes(), num_threads=2, use_reference_bconv=True)
    np.testing.assert_array_equal(moved.predict(images), ours.predict(images))


@pytest.mark.parametrize("kernels", hybrid_tf_runtime.kernels())
@pytest.mark.parametrize("fusion", [True, False])
def test_every_kernel_gives_what_lce_gives(model_file, lce, images, kernels, fusion):
    assert_same(Interpreter(model_file, 2, kernels=kernels, fusion=fusion).predict(images), lce.predict(images))


def test_a_progress_bar_is_shown_when_asked_for(ours, images, capfd):
    ours.predict(images[:2])
    assert capfd.readouterr().err == ""
    ours.predict(images[:2], verbose=1)
    assert "2/2" in capfd.readouterr().err


def test_two_interpreters_run_in_two_threads(model_file, ours, images):
    expected = ours.predict(images)
    interpreters = [Interpreter(model_file, threads) for threads in (1, 2)]
    results = [[], []]

    def run(number):
        for _ in range(50):
            results[number].append(interpreters[number].predict(images))

    threads = [threading.Thread(target=run, args=[number]) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(found) for found in results] == [50, 50]
    for found in (*results[0], *results[1]):
        np.testing.assert_array_equal(found, expected)


def test_the_garbage_collector_may_take_the_delegate_first(model_file):
    """An interpreter in a reference cycle, which a traceback is enough for, is destroyed in any order."""
    code = """
import gc, sys
from hybrid_tf_runtime import Interpreter

for _ in range(20):
    interpreter = Interpreter(sys.argv[1])
    interpreter.cycle = interpreter
    del interpreter
    gc.collect()
"""
    done = subprocess.run([sys.executable, "-c", code, model_file], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_steps_are_timed_when_asked_for(model_file, images):
    interpreter = Interpreter(model_file, profile=True)
    interpreter.predict(images)
    steps = interpreter.profile()
    assert sum(step["binary_macs"] for step in steps) > 1e6
    assert all(step["calls"] == len(images) and step["nanoseconds"] > 0 for step in steps)
    assert not any(step["calls"] for step in interpreter.profile())


def test_the_delegate_works_in_an_interpreter_of_ones_own(model_file, ours, images):
    from ai_edge_litert.interpreter import Interpreter as LiteRT
    from ai_edge_litert.interpreter import load_delegate

    delegates = (hybrid_tf_runtime.load_delegate(), load_delegate(hybrid_tf_runtime.delegate_path(), {"fusion": "0"}))
    for delegate in delegates:
        stock = LiteRT(str(model_file), experimental_delegates=[delegate])
        stock.allocate_tensors()
        stock.set_tensor(stock.get_input_details()[0]["index"], images[:1])
        stock.invoke()
        found = stock.get_tensor(stock.get_output_details()[0]["index"])
        assert_same(found, ours.predict(images[:1]))


def test_metadata_is_what_the_converter_stored(model_file):
    from hybrid_tf.compiler import read_metadata

    found, stored = hybrid_tf_runtime.metadata(model_file), vars(read_metadata(model_file))
    for name in ("int8", "weights", "float_layers", "versions"):  # what the converter needs, and no device
        del stored[name]
    assert vars(found) == stored


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Path("missing.tflite"), "cannot read missing.tflite: No such file"),
        (Path(__file__).parent, "Is a directory"),
        (Path(__file__), "is not a TensorFlow Lite file: make one with `hybrid-tf convert`"),
        (b"", "the model is empty"),
        (b"\x1c\0\0\0TFL3", "the model cannot be run: "),
        (None, "a model is the path of a .tflite file or its bytes, not NoneType"),
    ],
)
def test_what_is_no_model_is_refused(model, message):
    with pytest.raises(HybridTFRuntimeError, match=message):
        Interpreter(model)


def test_a_truncated_file_is_refused(model_file, tmp_path):
    content = model_file.read_bytes()
    cut = tmp_path / "cut.tflite"
    cut.write_bytes(content[: len(content) // 2])
    with pytest.raises(HybridTFRuntimeError, match=r"cut\.tflite cannot be run: "):
        Interpreter(cut)


def test_unknown_options_name_the_nearest(model_file, monkeypatch):
    with pytest.raises(HybridTFRuntimeError, match="unknown kernels 'portabel': did you mean 'portable'"):
        Interpreter(model_file, kernels="portabel")
    with pytest.raises(HybridTFRuntimeError, match="num_threads is a whole number from 1, not 0"):
        Interpreter(model_file, num_threads=0)
    monkeypatch.setenv("HYBRID_TF_KERNELS", "portabel")
    with pytest.raises(HybridTFRuntimeError, match=r"the delegate cannot be made: .*portabel"):
        Interpreter(model_file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x.astype(np.float64), "the samples are float64, but .* takes float32"),
        (lambda x: x[:, :-1], r"a sample has shape \(11, 12, 3\), but .* takes \(12, 12, 3\)"),
        (lambda x: x[0], r"a sample has shape \(12, 3\)"),
        (lambda x: x[:0], "there are no samples"),
        (lambda x: np.array(1, np.float32), r"each with the same number of samples; given: \(\)"),
        (lambda x: [x, x], "the network has 1 inputs"),
        (lambda x: iter([[x[0], x[0]]]), "a sample has 2 arrays, but .* takes 1"),
        (lambda x: "cat.jpg", "samples are an array, a list of arrays or an iterator over them, not str"),
    ],
)
def test_samples_that_do_not_fit_are_refused(ours, images, change, message):
    with pytest.raises(HybridTFRuntimeError, match=message):
        ours.predict(change(images))
