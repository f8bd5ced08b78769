"""The inference benchmark runs every engine on a small network and says what it found."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hybrid_tf_runtime import kernels

ROOT = Path(__file__).parents[2]


def run(*arguments):
    command = [sys.executable, "-m", "benchmarks.timing.inference", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    path = tmp_path_factory.mktemp("benchmark") / "result.json"
    page = ROOT / "docs" / "performance.md"
    before = page.read_bytes() if page.exists() else None
    done = run("--smoke", "--json", path)
    assert done.returncode == 0, done.stderr
    assert (page.read_bytes() if page.exists() else None) == before
    return done.stdout, json.loads(path.read_text())


@pytest.mark.slow
def test_measures_every_engine_with_one_thread_and_two(smoke):
    (measured,) = smoke[1]["networks"]
    found = [(row["engine"], row["threads"]) for row in measured["latencies"]]
    assert len(set(found)) == len(found)
    wanted = ["LCE, default", "LCE, reference", "LCE, indirect bgemm", "twin, XNNPACK float32", "twin, XNNPACK int8"]
    wanted += [f"ours, {name}" for name in kernels()] + [f"ours, {kernels()[0]}, no fusion"]
    assert {(name, threads) for name in wanted for threads in (1, 2)} <= set(found)
    for row in measured["latencies"]:
        assert row["median_ms"] > 0 and row["p95_ms"] > 0 and row["runs"] >= 2 * 3


@pytest.mark.slow
def test_compares_scores_before(smoke):
    (measured,) = smoke[1]["networks"]
    hybrid = [row for row in measured["agreements"] if row["reference"] == "LCE, default"]
    assert len(hybrid) == 4 + len(kernels()) + 1
    assert all(row["top1"] == 1 and row["max_difference"] < 1e-4 for row in hybrid)


@pytest.mark.slow
def test_profiles_the_fused_network(smoke):
    (measured,) = smoke[1]["networks"]
    assert any("ADD" in step["operators"] for step in measured["steps"])
    assert sum(step["binary_macs"] for step in measured["steps"]) > 0


@pytest.mark.slow
def test_says_where_it_ran(smoke):
    text, result = smoke
    assert result["machine"]["hybrid-tf-runtime"] and result["machine"]["processor"]
    assert "one thread" in text and "2 threads" in text and "ours is faster" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--networks", "vgg91"], "unknown network 'vgg91': did you mean 'vgg19'?"),
        (["--threads", "0"], "whole numbers from 1"),
        (["--update-docs", "--smoke"], "--update-docs is for all networks"),
    ],
)
def test_refuses_what_it_cannot_do(arguments, message):
    done = run(*arguments)
    assert done.returncode != 0
    assert message in done.stderr and "Traceback" not in done.stderr


def test_engines_that_disagree_are_refused():
    """A benchmark of an engine that computes something else would mean nothing."""
    script = """
import numpy as np
from benchmarks.timing import engines, measurement
class Process:
    def __init__(self, name, scores):
        self.engine, self.scores = engines.Engine(name, engines.LCE, "hybrid"), scores
    def call(self, name, threads, images):
        return self.scores
right = np.array([[1.0, 2.0]], np.float32)
wrong = right + np.array([[0.0, 0.001]], np.float32)
print(measurement.compare_scores([Process("a", right), Process("b", right)], [1], None)[1].max_difference)
measurement.compare_scores([Process("a", right), Process("b", wrong)], [1], None)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.stdout == "0.0\n"
    assert "HybridTFError: 'b' with num_threads=1 and 'a' compute different scores" in done.stderr
