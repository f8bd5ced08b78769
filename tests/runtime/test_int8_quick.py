"""int8 results by products of 32 bits: they equal the exact ones for all operands."""

import subprocess
from pathlib import Path

import pytest

from runtime.compile_library import SOURCES, find_compiler

pytestmark = [pytest.mark.compiled, pytest.mark.slow]

SOURCE = Path(__file__).with_name("int8_quick_test.cc")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    program = tmp_path_factory.mktemp("int8-quick") / "int8_quick_test"
    sources = [SOURCE, *(SOURCES / "execution" / name for name in ("int8_quick.cc", "fixed_point.cc"))]
    flags = ["-std=c++17", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-I", SOURCES]
    subprocess.run([*find_compiler(), *flags, *sources, "-o", program], check=True)
    return program


def test_all_operands_give_the_exact_results(program):
    done = subprocess.run([program], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_a_planted_rounding_error_is_found(program):
    done = subprocess.run([program, "planted"], capture_output=True, text=True)
    assert done.returncode == 1
    assert " is " in done.stdout
