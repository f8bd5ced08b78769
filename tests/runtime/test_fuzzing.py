"""Damaged models through the Python interpreter, and fuzzers of the parts that read what a file says.

Here a part of them; `make fuzz` runs more of both.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from hybrid_tf_runtime import HybridTFRuntimeError, Interpreter, delegate_path
from runtime.compile_library import find_compiler
from tests.support import fuzzers
from tests.support.graph_builder import Graph, build_file
from tests.support.shared import made_once

ROOT = Path(__file__).parents[2]
RELU = 1
MODELS = 4000
RUNS = {"options": 100000, "check_model": 20000, "delegate": 3000, "engine": 1500}  # inputs of each fuzzer


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    if not fuzzers.can_fuzz():
        pytest.skip(fuzzers.ENABLE)
    return made_once(tmp_path_factory, "fuzzers", fuzzers.build_fuzzers)


@pytest.mark.slow
@pytest.mark.compiled
@pytest.mark.parametrize("name", fuzzers.FUZZERS)
def test_no_input_is_too_odd(name, programs, fuzz_seeds, tmp_path):
    fuzzers.write_corpora(fuzz_seeds, tmp_path)
    done = fuzzers.fuzz(programs / name, tmp_path / name, tmp_path / "failed", f"-runs={RUNS[name]}", "-seed=1")
    assert done.returncode == 0, done.stderr[-6000:]
    assert f"Done {RUNS[name]} runs" in done.stderr


@pytest.mark.slow
@pytest.mark.compiled
def test_tensors_that_are_not_there(tmp_path):
    program = tmp_path / "odd_tensors_test"
    sources = [Path(__file__).with_name("odd_tensors_test.cc"), fuzzers.RUNTIME / "fuzz" / "host.cc"]
    library = Path(delegate_path())
    include = ["-I", fuzzers.RUNTIME / "src", "-I", fuzzers.RUNTIME / "fuzz", f"-Wl,-rpath,{library.parent}"]
    fuzzers.run([*find_compiler(), "-std=c++17", "-O1", *include, *sources, library, "-o", program])
    assert fuzzers.run([program]).stdout.endswith(" runs\n")


def _python(*arguments):
    return subprocess.run([sys.executable, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.slow
def test_damaged_models_are_refused_or_run(fuzz_seeds, tmp_path):
    command = ["-m", "tests.support.fuzz_models", fuzz_seeds, "--count", MODELS, "--keep", tmp_path]
    done = _python(*command)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    result = json.loads(done.stdout)
    assert result["ran"] + result["refused"] == MODELS
    assert result["ran"] > MODELS / 20


FAULTY = """
import os, sys, time
from tests.support.fuzz_processes import Fuzzer

def work(_, files):
    print("ready", flush=True)
    for number, _ in enumerate(files, int(sys.argv[3])):  # SEEDS --first NUMBER
        {1: os.abort, 3: lambda: time.sleep(60)}.get(number, int)()
        print("SILENT" if number == 0 else "ran", flush=True)

Fuzzer("files", 1, 5, 60, 1, work, lambda line: ([line], "silence" if line == "SILENT" else "")).main("")
"""


@pytest.mark.slow
def test_what_goes_wrong_is_found_and_kept(fuzz_seeds, tmp_path):
    def run(text):
        return _python("-c", text, fuzz_seeds, "--keep", tmp_path / "kept")

    done = run(FAULTY)
    assert done.returncode == 1, done.stderr
    result = json.loads(done.stdout)
    assert (result["files"], result["SILENT"], result["ran"]) == (5, 1, 2)
    assert result["failures"] == {"0": "silence", "1": "exit status -6: ", "3": "hang: "}
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["0.tflite", "1.tflite", "3.tflite"]
    done = run(FAULTY.replace('print("ready", flush=True)', 'sys.exit("no memory")'))
    assert (done.returncode, "did not start: exit status 1: no memory" in done.stderr) == (1, True)


@pytest.mark.slow
def test_seeds_are_sound(fuzz_seeds):
    for path in fuzz_seeds.glob("*.tflite"):
        Interpreter(path)


@pytest.mark.slow
@pytest.mark.parametrize("length", [0, 1, 7, 8, 100, 4000])
def test_truncated_files_are_refused_in_a_sentence(length, fuzz_seeds):
    content = (fuzz_seeds / "residual.tflite").read_bytes()
    assert len(content) > length
    with pytest.raises(HybridTFRuntimeError) as refused:
        Interpreter(content[:length])
    assert len(str(refused.value)) > 20


@pytest.mark.slow
def test_a_very_long_network_loads_soon():
    """Time that grew with the square of the number of operators would be several times as much."""
    graph = Graph()
    x = graph.input(np.ones((1, 1, 1, 32), np.float32))
    for _ in range(50000):
        x = graph.relu(x, RELU)
    graph.output(graph.quantize(x))
    content = build_file([graph])
    start = time.process_time()
    Interpreter(content)
    assert time.process_time() - start < 3
