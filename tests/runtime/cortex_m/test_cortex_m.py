"""The operators on emulated Cortex-M processors: what LCE computed, to the last bit; size, instructions."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hybrid_tf.micro.report import KERNEL_BYTES
from runtime.emulation.cortex_m import (
    CORES,
    RUNTIME,
    compile_objects,
    emulate,
    kernel_sources,
    link,
    missing,
    run,
    variant_flags,
)
from tests.support.golden_cases import golden_source

HERE = Path(__file__).parent

pytestmark = [pytest.mark.emulated, pytest.mark.compiled, pytest.mark.skipif(bool(missing()), reason=missing())]

CASES = 80
PAIRS = [(core, variant) for core in CORES.values() for variant in core.variants]


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    path = tmp_path_factory.mktemp("golden") / "golden_cases.cc"
    path.write_text(golden_source(CASES, seed=4))
    return path


def build(folder, core, variant, golden, kernels=None):
    flags = ["-O2", *variant_flags(variant), "-I", HERE]
    sources = [*(kernels or kernel_sources(variant)), HERE / "golden.cc", golden]
    return link(compile_objects(folder, core, sources, flags), core, folder / "golden.elf")


@pytest.mark.parametrize(("core", "variant"), PAIRS, ids=[f"{core.name}-{variant}" for core, variant in PAIRS])
def test_golden_vectors_match_exactly(core, variant, golden, tmp_path):
    done = emulate(build(tmp_path, core, variant, golden), core)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith(f"{CASES} of {CASES} cases identical\n")


def test_a_broken_kernel_is_found(golden, tmp_path):
    broken = tmp_path / "bconv2d.cc"
    text = (RUNTIME / "micro" / "bconv2d.cc").read_text()
    assert text.count("rest >= 0.5f") == 1
    broken.write_text(text.replace("rest >= 0.5f", "rest >= 1.0f"))
    kernels = [broken if source.name == "bconv2d.cc" else source for source in kernel_sources("portable")]
    core = CORES["cortex-m3"]
    done = emulate(build(tmp_path / "program", core, "portable", golden, kernels), core)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "differs: " in done.stdout


def test_all_operators_are_small(tmp_path):
    objects = compile_objects(tmp_path, CORES["cortex-m4"], kernel_sources("dsp"), ["-Os"])
    rows = run(["arm-none-eabi-size", *objects]).splitlines()[1:]
    text = [int(row.split()[0]) for row in rows]
    assert len(text) == len(objects) >= 9
    assert sum(text) <= KERNEL_BYTES, rows


def test_a_binary_product_takes_few_instructions(tmp_path):
    counts = tmp_path / "counts.json"
    command = [sys.executable, "-m", "benchmarks.counting.micro_instructions", "--json", counts]
    done = subprocess.run(command, capture_output=True, text=True, cwd=RUNTIME.parent)
    assert done.returncode == 0, done.stderr
    found = json.loads(counts.read_text())
    index = next(i for i, layer in enumerate(found["layers"]) if (layer["inputs"], layer["kernel"]) == (64, 3))
    macs = found["layers"][index]["macs"]
    limits = {("cortex-m3", "portable"): 0.45, ("cortex-m4", "dsp"): 0.43, ("cortex-m55", "helium"): 0.20}
    for (core, variant), limit in limits.items():
        assert found[core][variant]["packed"][index] / macs < limit
