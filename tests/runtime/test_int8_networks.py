"""Registered networks with int8 full-precision sections: packed, int8 and float tensors are those of LCE."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from hybrid_tf.models.spec import BinarizationConfig
from hybrid_tf_runtime import kernels, load_delegate
from hybrid_tf_runtime.library import profile
from tests.support.check_folder import check_folder, run_standalone
from tests.support.extent import networks
from tests.support.int8_networks import write_int8_network
from tests.support.shared import made_once

pytestmark = [pytest.mark.slow, pytest.mark.sweep]

IMAGES = 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    def write(folder):
        for number, name in enumerate(networks()):
            write_int8_network(folder, name, ("float32", "int8")[number % 2], IMAGES, width=0.25, classes=10)

    return made_once(tmp_path_factory, "int8-networks", write)


@pytest.fixture(scope="module")
def shifted(tmp_path_factory):
    """A network with a PReLU and a shift behind its sums."""

    def write(folder):
        options = {"width": 0.5, "classes": 10, "binarization": BinarizationConfig("approx", shifts=True)}
        write_int8_network(folder, "resnet20", "int8", IMAGES, **options)

    return made_once(tmp_path_factory, "shifted-network", write)


@pytest.mark.parametrize("name", kernels())
def test_shifted_signs_are_those_of_lce(name, shifted):
    counts, failures = check_folder(shifted, [name])
    assert not failures, "\n".join(failures[:20])
    assert counts["runs"] == 4 * (IMAGES + 1)


@pytest.mark.parametrize("name", kernels())
def test_every_tensor_is_that_of_lce(name, folder):
    counts, failures = check_folder(folder, [name])
    assert not failures, "\n".join(failures[:20])
    assert counts["cases"] == (IMAGES + 1) * len(networks())
    assert counts["runs"] == 4 * counts["cases"]  # with and without fusion, on one and two threads
    assert counts["outputs"] > 20 * counts["cases"]


def test_every_tensor_of_the_standalone_engine_is_that_of_lce(folder):
    counts, failures = check_folder(folder, [kernels()[0]], fusions=[True], thread_counts=[1], run=run_standalone)
    assert not failures, "\n".join(failures[:20])
    assert counts["runs"] == (IMAGES + 1) * len(networks())


def test_scores_depend_on_the_images(folder):
    for path in folder.glob("*-scores-0.npz"):
        first, second = (np.load(str(path).replace("-0.npz", f"-{number}.npz"))["output0"] for number in (0, 1))
        assert not np.array_equal(first, second), path.name


def test_sections_are_fused(folder):
    """A whole network is one part, and neither sums nor signs are steps of their own."""
    for path in folder.glob("*-scores-0.tflite"):
        delegate = load_delegate(profile=True)
        interpreter = Interpreter(str(path), experimental_delegates=[delegate])
        interpreter.allocate_tensors()
        names = [step["name"] for step in profile(delegate)]
        assert "LceBconv2d+ADD+LceQuantize" in names, path.name
        assert not [name for name in names if name.startswith(("ADD", "LceQuantize"))], path.name
