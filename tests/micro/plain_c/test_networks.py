"""Whole networks as plain C: every score is that of LCE's interpreter, on this computer and on emulated processors."""

import re
import shutil

import pytest

from hybrid_tf.compiler.metadata import read_metadata
from hybrid_tf.micro.plain_c.export import export_plain_c
from runtime.emulation import cortex_m, riscv
from tests.micro.plain_c.conftest import NETWORKS, TRAINED
from tests.support.plain_c import RUN, c_sources, compiled_objects, run_on_cortex_m, run_on_host

pytestmark = [pytest.mark.slow, pytest.mark.compiled]

CORES = [cortex_m.CORTEX_M0_PLUS, *cortex_m.CORES.values()]
EMULATED = ("half-width", "best", "plain-int8")
VECTORS = "packed"  # has layers that only the vectors of a Cortex-M55 compute otherwise
LARGEST_FLASH = 70_000  # bytes, of a network whose file has 59 kB
needs_arm = pytest.mark.skipif(bool(cortex_m.missing()), reason=cortex_m.missing())
needs_riscv = pytest.mark.skipif(bool(riscv.missing()), reason=riscv.missing())


@pytest.mark.parametrize("name", NETWORKS)
def test_scores_on_the_host_under_sanitizers(exported, name, tmp_path):
    assert run_on_host(exported(name), tmp_path) == 0


@needs_arm
@pytest.mark.emulated
@pytest.mark.parametrize("core", CORES, ids=[core.name for core in CORES])
def test_scores_on_cortex_m(exported, core, tmp_path):
    names = (*EMULATED, VECTORS) if "helium" in core.variants else EMULATED
    assert {name: run_on_cortex_m(exported(name), core, tmp_path / name) for name in names} == dict.fromkeys(names, 0)


@needs_riscv
@pytest.mark.emulated
def test_scores_on_risc_v(exported, tmp_path):
    found = {}
    for name in EMULATED:
        folder = exported(name)
        flags = ["-std=c99", "-O2", "-I", folder, "-I", folder / "network"]
        program = riscv.build(tmp_path / name, [RUN, *c_sources(folder)], flags)
        found[name] = riscv.emulate(program).returncode
    assert found == dict.fromkeys(EMULATED, 0)


@pytest.mark.parametrize(
    ("file", "text", "wrong"),
    [
        ("count.h", "+ 2u * nn_nibbles(twos)) + 4u", "+ 2u * nn_nibbles(twos)) + 3u"),
        ("layer.h", "value < prelu_zero", "value <= prelu_zero + 1"),
        ("nn.h", "(mask >> 1)", "(mask >> 2)"),
    ],
)
def test_a_broken_kernel_is_found(exported, file, text, wrong, tmp_path):
    folder = tmp_path / "exported"
    shutil.copytree(exported("best"), folder)
    kernel = folder / "network" / "kernels" / file
    assert text in kernel.read_text()
    kernel.write_text(kernel.read_text().replace(text, wrong))
    assert run_on_host(folder, tmp_path, ["-O2"]) > 0


@needs_arm
def test_flash_and_ram_on_a_cortex_m4(exported, tmp_path):
    core = cortex_m.CORES["cortex-m4"]
    rows = cortex_m.run(["arm-none-eabi-size", *compiled_objects(exported("best"), core, tmp_path)]).splitlines()[1:]
    text, data, bss = (sum(int(row.split()[column]) for row in rows) for column in range(3))
    header = (exported("best") / "network" / "network.h").read_text()
    assert text <= LARGEST_FLASH
    assert data == 0
    assert bss == int(re.search(r"NETWORK_ARENA_BYTES (\d+)", header)[1]) == 19_744


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_file_gives_the_same_bytes(exported, tmp_path):
    path = TRAINED / "resnet20-residual-taught" / "model.int8.tflite"
    export_plain_c(path, tmp_path / "again", read_metadata(path))
    assert contents(tmp_path / "again") == contents(exported("best") / "network")


def test_nothing_but_c99_is_included(exported):
    for name in EMULATED:
        folder = exported(name) / "network"
        for path in [*folder.glob("*.[ch]"), *folder.glob("kernels/*")]:
            found = set(re.findall(r"#include <(.+)>", path.read_text()))
            if path.name == "cmsis_nn.c":  # empty unless it is asked for
                found -= {"arm_nnfunctions.h"}
            assert found <= {"stdint.h", "string.h", "arm_acle.h", "arm_mve.h"}, path
