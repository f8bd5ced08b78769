"""The thread pool under ThreadSanitizer."""

import subprocess
from pathlib import Path

import pytest

from runtime.compile_library import SOURCES, find_compiler

pytestmark = pytest.mark.compiled

HERE = Path(__file__).parent
POOL = SOURCES / "execution" / "thread_pool.cc"


def test_thread_pool(tmp_path):
    program = tmp_path / "thread_pool_test"
    sources = [HERE / "thread_pool_test.cc", POOL]
    flags = ["-std=c++17", "-O1", "-g", "-fsanitize=thread", "-pthread", "-Wall", "-Wextra", "-Werror", "-I", SOURCES]
    built = subprocess.run([*find_compiler(), *flags, *sources, "-o", program], capture_output=True, text=True)
    if "tsan" in built.stderr and built.returncode:
        pytest.skip("needs: sudo apt-get install g++ (with ThreadSanitizer)")
    assert built.returncode == 0, built.stderr
    # Some kernels spread addresses wider than the sanitizer expects; -R has them the same each time.
    done = subprocess.run(["setarch", "-R", program], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr[-3000:]
