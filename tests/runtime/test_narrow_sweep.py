"""Blocks of narrow binary convolutions with all that is done to their results: the integers of LCE's interpreter."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest
from larq_compute_engine.tflite.python.interpreter import Interpreter

from hybrid_tf_runtime import kernels
from tests.support import check_folder, sweep_files, sweep_narrow
from tests.support.extent import EVERYTHING, NARROW_CASES
from tests.support.sweep_models import Case

pytestmark = [pytest.mark.slow, pytest.mark.sweep]


def test_lce_computes_what_numpy_says():
    for file in sweep_files.sweep_files(range(min(NARROW_CASES, 1000)), narrow=True):
        if file.interpreter is None:
            continue
        lce = Interpreter(file.content, 1, file.interpreter == "reference", file.interpreter == "indirect")
        for got, output in zip(lce.interpreter.predict(list(file.inputs)), file.outputs, strict=True):
            assert not check_folder.difference(got, output.array, exact=False), output.name


@pytest.mark.parametrize("name", kernels())
def test_every_instruction_set_computes_it(name, narrow_folder):
    script = Path(check_folder.__file__)
    done = subprocess.run([sys.executable, script, narrow_folder, "--kernels", name], capture_output=True, text=True)
    counts, _, failures = done.stdout.partition("\n")
    assert counts, done.stderr[-2000:]
    assert not json.loads(counts)["failures"], failures
    assert json.loads(counts)["cases"] == NARROW_CASES


@pytest.mark.skipif(not EVERYTHING, reason="a part of the cases has not all combinations: make sweep")
def test_there_are_all_combinations():
    names = [Case(0, index, narrow=True).name.split() for index in range(NARROW_CASES)]
    options = [("bconv=float", "bconv=int8"), ("then=prelu", ""), ("then=shift", "")]
    for chosen in itertools.product(sweep_narrow.CHANNELS, *options):
        channels, *words = chosen
        assert any(f",{channels})" in " ".join(name) and all(word in name for word in words if word) for name in names)
