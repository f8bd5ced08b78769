"""Thousands of operator configurations: numpy says what is right, LCE confirms it, every instruction set does it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from larq_compute_engine.tflite.python.interpreter import Interpreter

from hybrid_tf_runtime import kernels
from tests.support import check_folder, sweep_files
from tests.support.shared import made_once
from tests.support.sweep_models import INTERPRETERS

pytestmark = pytest.mark.slow

CONFIRMED = 3000
RESIZED = 400


@pytest.fixture(scope="module")
def files():
    return sweep_files.sweep_files(range(sweep_files.COUNT))


@pytest.fixture(scope="module")
def folder(request, tmp_path_factory):
    def write(folder):
        sweep_files.write(request.getfixturevalue("files"), folder)

    return made_once(tmp_path_factory, "oracle-sweep", write)


@pytest.fixture(scope="module")
def resized_folder(tmp_path_factory):
    def write(folder):
        sweep_files.write(sweep_files.resized_files(range(RESIZED), seed=1), folder)

    return made_once(tmp_path_factory, "resized-sweep", write)


def check(folder, *arguments):
    """Runs check_folder.py in a process of its own, as elsewhere; returns its counts and its lines on failures."""
    script = Path(check_folder.__file__)
    done = subprocess.run([sys.executable, script, folder, *arguments], capture_output=True, text=True)
    counts, _, failures = done.stdout.partition("\n")
    assert counts, done.stderr[-2000:]
    assert done.returncode == (json.loads(counts)["failures"] > 0), done.stderr[-2000:]
    return json.loads(counts), failures


def repro(failures):
    return f"{failures}\nA configuration starts with its index: sweep_files.py FOLDER --only INDEX builds it alone"


def test_lce_computes_what_numpy_says(files):
    confirmed, identical, floats = dict.fromkeys(INTERPRETERS, 0), 0, 0
    for file in files:
        if file.interpreter is None:
            continue
        lce = Interpreter(file.content, 1, file.interpreter == "reference", file.interpreter == "indirect")
        for got, output in zip(lce.interpreter.predict(list(file.inputs)), file.outputs, strict=True):
            # LCE's optimised kernels round once more at zero padding.
            assert not check_folder.difference(got, output.array, exact=False), repro(output.name)
            if got.dtype == np.float32:
                floats += 1
                identical += np.array_equal(got, output.array)
        confirmed[file.interpreter] += file.cases
    assert sum(confirmed.values()) >= CONFIRMED
    assert min(confirmed.values()) >= CONFIRMED / 5
    assert identical / floats > 0.95


@pytest.mark.parametrize("name", kernels())
def test_every_instruction_set_computes_it(name, folder):
    counts, failures = check(folder, "--kernels", name)
    assert not counts["failures"], repro(failures)
    assert counts["cases"] == sweep_files.COUNT
    assert counts["runs"] == 4 * counts["cases"]  # with and without fusion, on one and two threads


def test_the_standalone_engine_computes_it(folder):
    options = ("--standalone", "--kernels", kernels()[0], "--fusion", "1", "--threads", "1")
    counts, failures = check(folder, *options)
    assert not counts["failures"], repro(failures)
    assert counts["runs"] == counts["cases"] == sweep_files.COUNT


@pytest.mark.parametrize("name", kernels())
def test_files_for_one_image_run_three(name, resized_folder):
    counts, failures = check(resized_folder, "--kernels", name)
    assert not counts["failures"], repro(failures)
    assert counts["cases"] == RESIZED


@pytest.mark.parametrize(("kind", "change"), [("f", 1e-3), ("i", 1)])
def test_one_wrong_number_is_found(kind, change, tmp_path):
    files = sweep_files.sweep_files(range(10))
    file, number = next(
        (file, i) for file in files for i, output in enumerate(file.outputs) if output.array.dtype.kind == kind
    )
    sweep_files.write([file], tmp_path)
    [path] = tmp_path.glob("*.npz")
    arrays = dict(np.load(path))
    arrays[f"output{number}"].flat[-1] += np.abs(arrays[f"output{number}"]).max() * change + change
    np.savez(path, **arrays)
    counts, failures = check(tmp_path, "--kernels", "portable", "--threads", "1")
    assert counts["failures"] == 2
    assert file.outputs[number].name in failures
