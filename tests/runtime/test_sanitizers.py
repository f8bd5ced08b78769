"""The runtime under AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer."""

import json
import shutil
from pathlib import Path

import pytest

from tests.support import check_folder, two_interpreters
from tests.support.extent import NARROW_CASES, SWEEP_CASES, count
from tests.support.sanitized_build import FLAGS, SECONDS, SanitizedPackage, build_package, run
from tests.support.shared import made_once

HERE = Path(__file__).parent
MODELS = count(600, 2000)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.compiled,
    pytest.mark.sweep,
    pytest.mark.skipif(not shutil.which("g++"), reason="needs: sudo apt-get install g++"),
]

# Mistakes that the sanitizers must find, or the other tests here prove nothing.
BEYOND_THE_END = """
#include <cstdlib>
__attribute__((noinline)) static int at(const int* values, int n) { return values[n]; }
extern "C" int mistake(int n) { return at((int*)calloc(2, sizeof(int)), n); }
"""
OVERFLOW = 'extern "C" int mistake(int n) { return n + 0x7fffffff; }'
RACE = """
#include <pthread.h>
static int count = 0;
static void* add(void*) { for (int i = 0; i < 1000; ++i) ++count; return nullptr; }
extern "C" int mistake(int) {
  pthread_t threads[2];
  for (pthread_t& thread : threads) pthread_create(&thread, nullptr, add, nullptr);
  for (pthread_t& thread : threads) pthread_join(thread, nullptr);
  return count;
}
"""


def sanitized(tmp_path_factory, kind):
    folder = made_once(tmp_path_factory, f"sanitized-{kind}", lambda folder: build_package(folder, kind))
    return SanitizedPackage(folder, kind)


@pytest.fixture(scope="module")
def memory_checked(tmp_path_factory):
    return sanitized(tmp_path_factory, "memory")


@pytest.fixture(scope="module")
def thread_checked(tmp_path_factory):
    return sanitized(tmp_path_factory, "threads")


def python(package, *arguments):
    return package.python(*arguments, capture_output=True, timeout=SECONDS)


def succeeded(package, *arguments):
    done = python(package, *arguments)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
    return done.stdout


@pytest.mark.parametrize(
    ("fixture", "source", "report"),
    [
        ("memory_checked", BEYOND_THE_END, "heap-buffer-overflow"),
        ("memory_checked", OVERFLOW, "signed integer overflow"),
        ("thread_checked", RACE, "data race"),
    ],
)
def test_a_mistake_is_found(fixture, source, report, request, tmp_path):
    package = request.getfixturevalue(fixture)
    (tmp_path / "mistake.cc").write_text(source)
    library = tmp_path / "mistake.so"
    package.compile_library(tmp_path / "mistake.cc", library)
    done = python(package, "-c", f"import ctypes; ctypes.CDLL('{library}').mistake(2)")
    assert done.returncode != 0
    assert report in done.stderr


@pytest.mark.parametrize(("folder", "cases"), [("sweep_folder", SWEEP_CASES), ("narrow_folder", NARROW_CASES)])
def test_operators_touch_their_own_memory_only(memory_checked, folder, cases, request):
    said = succeeded(memory_checked, check_folder.__file__, request.getfixturevalue(folder))
    assert json.loads(said.splitlines()[0])["cases"] == cases


def test_damaged_models_touch_their_own_memory_only(memory_checked, fuzz_seeds):
    arguments = ("-m", "tests.support.fuzz_models", fuzz_seeds, "--first", 10**6, "--count", MODELS)
    result = json.loads(succeeded(memory_checked, *arguments))
    assert result["ran"] + result["refused"] == MODELS
    assert result["ran"] > MODELS / 20


def test_kernels_touch_their_own_memory_only(memory_checked, tmp_path):
    program = tmp_path / "kernels_test"
    checked = f"-fsanitize={memory_checked.sanitizers}"
    run(["g++", *FLAGS, checked, HERE / "kernels_test.cc", *memory_checked.kernels, "-o", program])
    run([program, str(count(15, 30))])


def test_interpreters_in_threads(thread_checked, fuzz_seeds):
    said = succeeded(thread_checked, two_interpreters.__file__, fuzz_seeds)
    assert said.count("agrees") == len(list(fuzz_seeds.glob("*.tflite"))) - 1  # the single operators take no samples


def test_threads_of_one_interpreter(thread_checked, sweep_folder):
    arguments = (check_folder.__file__, sweep_folder, "--threads", 2, 3, "--fusion", 1)
    assert json.loads(succeeded(thread_checked, *arguments).splitlines()[0])["cases"] == SWEEP_CASES
