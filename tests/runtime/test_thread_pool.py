"""Threads: the pool under ThreadSanitizer, and how steps are divided."""

import subprocess
from pathlib import Path

import pytest

from runtime.compile_library import SOURCES, find_compiler

pytestmark = pytest.mark.compiled

HERE = Path(__file__).parent
FLAGS = ["-std=c++17", "-O1", "-g", "-pthread", "-Wall", "-Wextra", "-Werror", "-I", SOURCES]


def build(name, folder, *flags):
    """Returns the program of a test and of the file it tests, and what the compiler said."""
    program = folder / name
    sources = [HERE / f"{name}_test.cc", SOURCES / "execution" / f"{name}.cc"]
    command = [*find_compiler(), *FLAGS, *flags, *sources, "-o", program]
    return program, subprocess.run(command, capture_output=True, text=True)


def test_thread_pool(tmp_path):
    program, built = build("thread_pool", tmp_path, "-fsanitize=thread")
    if "tsan" in built.stderr and built.returncode:
        pytest.skip("needs: sudo apt-get install g++ (with ThreadSanitizer)")
    assert built.returncode == 0, built.stderr
    # Some kernels spread addresses wider than the sanitizer expects; -R has them the same each time.
    done = subprocess.run(["setarch", "-R", program], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr[-3000:]


def test_steps_are_divided_by_what_they_take(tmp_path):
    program, built = build("division", tmp_path)
    assert built.returncode == 0, built.stderr
    done = subprocess.run([program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr
