"""The kernels for 64-bit ARM, emulated: compared with plain loops, and how many instructions they take."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "runtime"))
from compile_library import SOURCES, kernel_sources, object_name  # noqa: E402

FLAGS = [
    "-std=c++17",
    "-O2",
    "-ffp-contract=off",
    "-fno-exceptions",
    "-fno-rtti",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-static",
]

_spec = importlib.util.spec_from_file_location("arm_setup", Path(__file__).parent / "setup.py")
arm = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(arm)

pytestmark = pytest.mark.skipif(bool(arm.missing()), reason=arm.missing())


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kernels")
    outputs = {source: folder / object_name(source) for source in kernel_sources("aarch64")}
    for source, output in outputs.items():
        subprocess.run(["aarch64-linux-gnu-g++", *FLAGS, "-I", SOURCES, "-c", source, "-o", output], check=True)
    return list(outputs.values())


@pytest.mark.parametrize("source", ["kernels_test.cc", "arm/long_windows_test.cc"])
def test_results_are_those_of_plain_loops(objects, tmp_path, source):
    program = tmp_path / "program"
    source = ROOT / "tests" / "runtime" / source
    subprocess.run(["aarch64-linux-gnu-g++", *FLAGS, "-I", SOURCES, source, *objects, "-o", program], check=True)
    for processor, kernels in {"cortex-a72": ["neon"], "cortex-a76": ["neon", "neondot"]}.items():
        done = subprocess.run(["qemu-aarch64", "-cpu", processor, program, "150"], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        lines = [line for line in done.stdout.splitlines() if "not supported" not in line]
        assert {line.partition(":")[0] for line in lines} == {*kernels, "portable"}


def test_a_binary_product_takes_few_instructions(tmp_path):
    pytest.importorskip("ziglang")
    counts = tmp_path / "counts.json"
    command = [sys.executable, ROOT / "benchmarks" / "arm_instructions.py", "--json", counts]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(counts.read_text())
    assert found["macs"] == 415_236_096
    # Four instructions for 256 products are 0.0156, before anything is loaded. A fifth of the products lie outside the
    # image, and most of these are not computed.
    assert found["instructions_per_mac"]["cortex-a72"] < 0.0190
    assert found["instructions_per_mac"]["cortex-a76"] < 0.0184
