"""The kernels for 64-bit ARM, emulated: compared with plain loops, and how many instructions they take."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.compile_library import SOURCES, kernel_sources, object_name
from runtime.emulation import arm
from tests.support.extent import count
from tests.support.shared import made_once

ROOT = Path(__file__).parents[3]
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

pytestmark = [
    pytest.mark.slow,
    pytest.mark.emulated,
    pytest.mark.compiled,
    pytest.mark.sweep,
    pytest.mark.skipif(bool(arm.missing()), reason=arm.missing()),
]


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    sources = kernel_sources("aarch64")

    def compile_all(folder):
        for source in sources:
            output = folder / object_name(source)
            command = ["aarch64-linux-gnu-g++", *FLAGS, "-I", SOURCES, "-c", source, "-o", output]
            subprocess.run(command, check=True)

    folder = made_once(tmp_path_factory, "ARM-kernels", compile_all)
    return [folder / object_name(source) for source in sources]


@pytest.mark.parametrize("source", ["kernels_test.cc", "arm/long_windows_test.cc"])
def test_results_are_those_of_plain_loops(objects, tmp_path, source):
    program = tmp_path / "program"
    source = ROOT / "tests" / "runtime" / source
    subprocess.run(["aarch64-linux-gnu-g++", *FLAGS, "-I", SOURCES, source, *objects, "-o", program], check=True)
    for processor, kernels in {"cortex-a72": ["neon"], "cortex-a76": ["neon", "neondot"]}.items():
        done = subprocess.run(
            ["qemu-aarch64", "-cpu", processor, program, str(count(75, 150))], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        lines = [line for line in done.stdout.splitlines() if "not supported" not in line]
        assert {line.partition(":")[0] for line in lines} == {*kernels, "portable"}


def test_a_binary_product_takes_few_instructions(tmp_path):
    pytest.importorskip("ziglang")
    counts = tmp_path / "counts.json"
    command = [sys.executable, "-m", "benchmarks.counting.arm_instructions", "--json", counts]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    found = json.loads(counts.read_text())
    assert found["macs"] == 415_236_096
    # Four instructions for 256 products are 0.0156, before anything is loaded. A fifth of the products lie outside the
    # image, and most of these are not computed.
    assert found["instructions_per_mac"]["cortex-a72"] < 0.0190
    assert found["instructions_per_mac"]["cortex-a76"] < 0.0184
