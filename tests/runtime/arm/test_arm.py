"""The aarch64 wheel on emulated 64-bit ARM, next to the real ai-edge-litert: the same numbers as on x86-64."""

import json
import os
import subprocess
import zipfile

import numpy as np
import pytest

from hybrid_tf.compiler import convert
from hybrid_tf.models.registry import build_model
from hybrid_tf_runtime import Interpreter
from runtime.emulation import arm
from tests.support import check_folder
from tests.support.extent import NARROW_CASES, SWEEP_CASES
from tests.support.int8_networks import write_int8_network
from tests.support.shared import made_once
from tests.support.small_networks import randomise

pytestmark = [
    pytest.mark.slow,
    pytest.mark.emulated,
    pytest.mark.network,
    pytest.mark.sweep,
    pytest.mark.skipif(bool(arm.missing()), reason=arm.missing()),
]

CASES = {"sweep_folder": SWEEP_CASES, "narrow_folder": NARROW_CASES}
KERNELS = {"cortex-a72": ["neon", "portable"], "cortex-a76": ["neondot", "neon", "portable"]}
NETWORKS = {"resnet20-residual": {}, "vgg11-xnor": {"width": 0.25}}
INT8_NETWORKS = ("resnet20", "vgg11")


@pytest.fixture(scope="module")
def python(wheels, tmp_path_factory):
    """Returns a function that runs a Python script on an emulated processor, with the wheel: its standard output."""
    folder = arm.prepare()

    def unpack(folder):
        zipfile.ZipFile(wheels["aarch64"]).extractall(folder)

    unpacked = made_once(tmp_path_factory, "aarch64-wheel", unpack)

    def run(processor, *arguments):
        done = subprocess.run(
            [folder / f"python-{processor}", *map(str, arguments)],
            env={**os.environ, "ARM_PYTHONPATH": str(unpacked)},
            capture_output=True,
            text=True,
        )
        assert done.stdout, done.stderr[-2000:]
        return done.stdout

    return run


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Whole networks with what the runtime computes of them on this machine."""
    return made_once(tmp_path_factory, "networks-for-ARM", write_networks)


def write_networks(folder):
    for name, options in NETWORKS.items():
        network, plan = name.split("-")
        path = folder / f"{name}.tflite"
        convert(randomise(build_model(network, plan, **options)), path)
        image = np.random.default_rng(0).normal(size=(1, 32, 32, 3)).astype(np.float32)
        facts = {"cases": 1, "names": ["scores"], "exact": [False]}
        scores = Interpreter(path).predict(image)
        np.savez(path.with_suffix(".npz"), facts=json.dumps(facts), input0=image, output0=scores)
    for name in INT8_NETWORKS:  # every tensor is LCE's on this machine
        write_int8_network(folder, name, "float32", 1, width=0.5)


@pytest.mark.parametrize("processor", KERNELS)
def test_the_kernels_that_a_processor_has(processor, python):
    program = "import hybrid_tf_runtime, json; print(json.dumps(hybrid_tf_runtime.kernels()))"
    assert json.loads(python(processor, "-c", program)) == KERNELS[processor]


@pytest.mark.parametrize("processor", KERNELS)
@pytest.mark.parametrize("what", ["sweep_folder", "narrow_folder", "networks"])
def test_the_wheel_computes_what_x86_does(what, processor, python, request):
    folder = request.getfixturevalue(what)
    counts, _, failures = python(
        processor, check_folder.__file__, folder, "--kernels", KERNELS[processor][0]
    ).partition("\n")
    counts = json.loads(counts)
    assert not counts["failures"], failures
    assert counts["cases"] == CASES.get(what, len(NETWORKS) + 2 * len(INT8_NETWORKS))
    assert counts["runs"] == 4 * counts["cases"]  # with and without fusion, on one and two threads
