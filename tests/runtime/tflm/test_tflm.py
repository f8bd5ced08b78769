"""The operators in real TensorFlow Lite Micro: generated configurations, and whole networks, against LCE."""

from itertools import count, islice

import numpy as np
import pytest
from larq_compute_engine.tflite.python.interpreter import Interpreter

from hybrid_tf.compiler import convert
from hybrid_tf.errors import HybridTFError
from hybrid_tf.micro.kernels import build_host_library, kernel_files
from hybrid_tf.micro.tflm import TFLM, VERSION, check_wheel
from hybrid_tf.models.registry import build_model
from tests.support import sweep_files
from tests.support.check_folder import difference
from tests.support.graph_builder import Graph, build_file
from tests.support.int8_reference import Quantization
from tests.support.small_networks import randomise
from tests.support.sweep_models import Output, kind_of

pytestmark = [pytest.mark.slow, pytest.mark.compiled]

COUNT = 600  # of the configurations that test_oracle_sweep.py has LCE confirm
IMAGES = 12
TOLERANCE = 1e-5  # of the largest score


def shifts():
    """A file of int8 maps, large and small, that each get a number for each channel added, which is exact in TFLM."""
    rng, graphs, outputs = np.random.default_rng(3), [], []
    for shape in ((1, 20, 20, 7), (1, 5, 6, 33), (2, 3, 3, 16), (1, 18, 18, 1)) * 2:
        graph = Graph()
        of, added, to = (Quantization(float(np.exp(rng.normal(-3, 1))), int(rng.integers(-128, 128))) for _ in range(3))
        x = graph.input(rng.integers(-128, 128, shape).astype(np.int8), None, *of)
        numbers = rng.integers(-128, 128, shape[-1:]).astype(np.int8)
        to = to._replace(scale=max(to.scale, of.scale / 2))
        if shape[0] == 1:
            numbers = numbers.reshape(1, 1, 1, -1)
        y = graph.int8_add(x, graph.constant(numbers, *added), to)
        graph.output(y)
        graphs.append(graph)
        outputs.append(Output("shift", y.array, True))
    inputs = tuple(graph.inputs[0].array for graph in graphs)
    return sweep_files.SweepFile(None, build_file(graphs), inputs, tuple(outputs), len(graphs))


@pytest.fixture(scope="module")
def files():
    # TensorFlow Lite Micro's own int8 operators lack some options, and round differently: test_int8_networks.py.
    ours = (index for index in count() if not kind_of(0, index).startswith("int8"))
    return [shifts(), *sweep_files.sweep_files(list(islice(ours, COUNT)))]


def failures(tflm, files, folder):
    """Returns how many configurations were run, and a line for each output that differs."""
    found, cases = [], 0
    for number, file in enumerate(files):
        path = folder / f"{number}.tflite"
        path.write_bytes(file.content)
        outputs = tflm.run(path, [array[None] for array in file.inputs])
        for [got], output in zip(outputs, file.outputs, strict=True):
            if text := difference(got, output.array, output.exact):
                found.append(f"{output.name}: {text}")
        cases += file.cases
    return cases, found


def test_every_option_computes_what_lce_does(tflm, files, tmp_path):
    cases, found = failures(tflm, files, tmp_path)
    assert cases == COUNT + len(files[0].outputs)
    assert not found, "\n".join(found[:20])
    kinds = {output.array.dtype for file in files for output in file.outputs}
    assert kinds == {np.dtype(kind) for kind in (np.float32, np.int8, np.int32, bool)}


BREAKS = {
    "a threshold that is reached is exceeded": ("bconv2d.cc", "counts[i] > thresholds", "counts[i] >= thresholds"),
    "a bit is lost": ("counting.h", "(two << 1)", "two"),
    "numbers are rounded down": ("bconv2d.cc", "rest >= 0.5f", "rest >= 1.0f"),
    "taps outside are -1": ("bconv2d_common.cc", "window[w] = 0;", "window[w] = ~0u;"),
    "another number is added": ("add_op.cc", "number = data.number.times(", "number = -data.number.times("),
    "the zero point is -1": ("bits.cc", "value < zero_point", "value <= zero_point"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_kernel_is_found(name, files, tmp_path):
    module, right, wrong = BREAKS[name]
    sources = tmp_path / "sources"
    sources.mkdir()
    for path in kernel_files():
        text = path.read_text()
        if path.name == module:
            assert text.count(right) == 1
            text = text.replace(right, wrong)
        (sources / path.name).write_text(text)
    library = tmp_path / "kernels.so"
    build_host_library(library, sorted(sources.iterdir()))
    _, found = failures(TFLM(library), files[:3], tmp_path)
    assert found


@pytest.mark.parametrize("plan", ["residual", "xnor"])
def test_networks_compute_what_lce_does(plan, tflm, tmp_path):
    path = tmp_path / "model.tflite"
    convert(randomise(build_model("resnet20", plan, input_shape=(28, 28, 1), classes=10, width=0.5)), path)
    images = np.random.default_rng(2).normal(size=(IMAGES, 28, 28, 1)).astype(np.float32)
    right = Interpreter(path.read_bytes(), use_reference_bconv=True).predict(images)
    [scores] = tflm.run(path, [images[:, None]])
    assert np.abs(scores[:, 0] - right).max() <= TOLERANCE * np.abs(right).max()
    assert right.std(axis=0).mean() > 100 * TOLERANCE * np.abs(right).max()


def test_a_wrong_model_is_refused_with_what_is_wrong(tflm, tmp_path):
    graph = Graph()
    x = graph.input(np.zeros((1, 4, 4, 1), np.int32), 32)
    graph.output(graph.bconv(x, np.ones((8, 3, 3, 32), np.int8), np.ones(8, np.float32), np.zeros(8, np.float32)))
    graph.tensors[0][0].shape = np.int32([1, 4, 4, 2])
    path = tmp_path / "model.tflite"
    path.write_bytes(build_file([graph]))
    with pytest.raises(HybridTFError, match="LceBconv2d: wrong channels"):
        tflm.arena_bytes(path)


def test_another_version_of_the_wheel_is_refused(monkeypatch):
    check_wheel()
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.dev1")
    with pytest.raises(HybridTFError, match=f"tflite-micro {VERSION}, and version 0.dev1 of it is installed: pip"):
        check_wheel()
