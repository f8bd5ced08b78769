"""The library's own engine: LiteRT's results without LiteRT, operator by operator and in whole networks."""

import ctypes
import threading
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from hybrid_tf import pretrained
from hybrid_tf_runtime import HybridTFRuntimeError, Interpreter, metadata
from hybrid_tf_runtime.library import library
from hybrid_tf_runtime.standalone import StandaloneEngine
from tests.support.graph_builder import Graph, build_file
from tests.support.packing import pack_model
from tests.support.stock_operators import CASES

# What no hybrid of ours has, nor any network in the manner of QuickNet, MeliusNet, DenseNet or squeeze-and-excite.
REFUSED = {"ADD_N", "BATCH_MATMUL", "L2_NORMALIZATION", "RESIZE_BILINEAR", "TRANSPOSE_CONV"}
FOLDER = Path(pretrained.__file__).parent
PRETRAINED = [(name, suffix) for name in pretrained.pretrained_names() for suffix in ("", ".int8")]


def lce(content):
    """Returns LCE's interpreter, which takes TensorFlow's seconds to import."""
    from larq_compute_engine.tflite.python.interpreter import Interpreter

    return Interpreter(content, use_indirect_bgemm=True)


def run(content, arrays, **options):
    """Returns the outputs of a file, in the engine itself: shapes need not have images first."""
    engine = Interpreter(content, engine="standalone", **options).interpreter
    for tensor, array in zip(engine.get_input_details(), arrays, strict=True):
        engine.set_tensor(tensor["index"], array)
    engine.invoke()
    return [engine.get_tensor(tensor["index"]) for tensor in engine.get_output_details()]


@pytest.mark.parametrize("name", sorted(set(CASES) - REFUSED))
def test_an_operator_computes_what_numpy_says(name):
    case = CASES[name]
    for expected, output in zip(case.outputs, run(pack_model(case.model(name)), case.given()), strict=True):
        assert (output.dtype, output.shape) == (expected.dtype, expected.shape)
        np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_it_lacks_it_names_with_its_layer(name):
    model = CASES[name].model(name)
    model.subgraphs[0].tensors[model.subgraphs[0].operators[0].outputs[0]].name = b"stage7_layer"
    with pytest.raises(HybridTFRuntimeError, match=rf'{name}.*"stage7_layer", is not among the operators'):
        Interpreter(pack_model(model), engine="standalone")


def test_an_operator_that_no_check_knows_is_named_too():
    graph = Graph()
    graph.output(
        graph.operator("TOPK_V2", [graph.input(np.ones((1, 4), np.float32))], [np.ones((1, 4), np.float32)])[0]
    )
    with pytest.raises(HybridTFRuntimeError, match="TOPK_V2, which makes"):
        Interpreter(build_file([graph]), engine="standalone")


@pytest.mark.parametrize(("name", "suffix"), PRETRAINED, ids=map("".join, PRETRAINED))
def test_shipped_networks_have_the_scores_of_litert(name, suffix):
    path = FOLDER / name / f"model{suffix}.tflite"
    standalone, litert = Interpreter(path, engine="standalone"), Interpreter(path, engine="litert")
    for what in ("types", "shapes", "scales", "zero_points"):
        for side in ("input", "output"):
            assert getattr(standalone, f"{side}_{what}") == getattr(litert, f"{side}_{what}")
    images = np.random.default_rng(0).normal(size=(2, *standalone.input_shapes[0][1:])).astype(np.float32)
    scores = standalone.predict_float(images)
    if "full_precision" not in name:
        np.testing.assert_array_equal(scores, litert.predict_float(images))
    elif suffix:  # the delegate leaves it to XNNPACK, which rounds otherwise than LCE's interpreter
        np.testing.assert_array_equal(scores, lce(path.read_bytes()).predict(images))
    else:  # XNNPACK adds up in another order
        np.testing.assert_allclose(scores, litert.predict_float(images), rtol=0, atol=1e-5 * np.abs(scores).max())
    assert not np.array_equal(scores[0], scores[1])


@pytest.mark.parametrize("kind", ["zeros", "random", "saturated"])
def test_softmax_of_int8_is_that_of_lce(kind):
    random = np.random.default_rng(1)
    values = {
        "zeros": np.zeros((1, 10), np.int8),
        "random": random.integers(-128, 128, (1, 1000)).astype(np.int8),
        "saturated": np.int8([[127, -128, -128, 127]]),
    }[kind]
    graph = Graph()
    x = graph.input(values, None, 0.0625, 3)
    options = schema.SoftmaxOptionsT()
    options.beta = 1.0
    [y] = graph.operator("SOFTMAX", [x], [values], schema.BuiltinOptions.SoftmaxOptions, options)
    quantization = graph.tensors[y.tensor][0].quantization = schema.QuantizationParametersT()
    quantization.scale, quantization.zeroPoint = np.float32([1 / 256]), np.int64([-128])
    graph.output(y)
    content = build_file([graph])
    [expected] = lce(content).interpreter.predict([values])
    np.testing.assert_array_equal(run(content, [values])[0], expected)


def test_a_choice_of_engine(model_file):
    assert Interpreter(model_file).engine == "litert"  # installed here
    assert isinstance(Interpreter(model_file, engine="standalone").interpreter, StandaloneEngine)
    with pytest.raises(HybridTFRuntimeError, match="did you mean 'standalone'"):
        Interpreter(model_file, engine="standalon")


def test_options(model_file, images):
    plain = Interpreter(model_file, engine="standalone")
    unfused = Interpreter(model_file, 2, engine="standalone", kernels="portable", fusion=False, profile=True)
    plain.predict(images)
    unfused.predict(images)
    assert len(unfused.profile()) > 10
    assert sum(step["calls"] for step in unfused.profile()) == 0
    np.testing.assert_allclose(plain.predict(images), unfused.predict(images), rtol=1e-4, atol=1e-4)
    with pytest.raises(HybridTFRuntimeError, match="unknown kernels 'fast'"):
        Interpreter(model_file, engine="standalone", kernels="fast")


def test_two_engines_in_two_threads(model_file, images):
    expected, results = Interpreter(model_file, engine="standalone").predict(images), {}

    def work(number):
        engine = Interpreter(model_file, 2, engine="standalone")
        results[number] = [engine.predict(images) for _ in range(20)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for scores in results[0] + results[1]:
        np.testing.assert_array_equal(scores, expected)


def test_metadata_in_c_is_that_of_python():
    path = FOLDER / "resnet20-xnor" / "model.tflite"
    functions, content, found = library(), path.read_bytes(), metadata(path)
    engine = ctypes.c_void_p(functions.hybrid_tf_open(content, len(content), None, None, 0))
    functions.hybrid_tf_class_name.restype = functions.hybrid_tf_metadata.restype = ctypes.c_char_p
    names = [functions.hybrid_tf_class_name(engine, i).decode() for i in range(len(found.class_names))]
    assert names == list(found.class_names)
    assert functions.hybrid_tf_class_name(engine, len(names)) is None
    for channel, numbers in enumerate(zip(found.mean, found.std, strict=True)):
        mean, std = ctypes.c_float(), ctypes.c_float()
        assert functions.hybrid_tf_normalisation(engine, channel, ctypes.byref(mean), ctypes.byref(std)) == 0
        np.testing.assert_array_equal(np.float32([mean.value, std.value]), np.float32(numbers))
    assert functions.hybrid_tf_normalisation(engine, len(found.mean), ctypes.byref(mean), ctypes.byref(std)) == 1
    functions.hybrid_tf_close(engine)
