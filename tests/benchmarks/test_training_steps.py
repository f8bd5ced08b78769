"""The benchmark of training steps measures every part, and writes no page from a busy machine."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "benchmarks.timing.training_steps", "--networks", "resnet20", "--plans", "residual"]


def test_a_small_measurement(tmp_path):
    path = tmp_path / "result.json"
    options = ["--batch-size", "8", "--width", "0.5", "--rounds", "2", "--json", path]
    done = subprocess.run([*map(str, [*COMMAND, *options])], capture_output=True, text=True, timeout=600, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(path.read_text())["networks"]
    (row,) = found["rows"]
    assert row["plan"] == "residual"
    assert 0 < row["forward"] < row["gradients"] < 3 * row["step"]
    assert row["mixed"] > 0
    assert found["input"] > 0
    assert "residual" in done.stdout and "with gradients" in done.stdout
    assert ("warning: other programs kept" in done.stdout) == (found["busy_elsewhere"] > 0.1)


def test_no_page_is_written_of_a_part():
    done = subprocess.run([*COMMAND, "--update-docs"], capture_output=True, text=True, timeout=600, cwd=ROOT)
    assert done.returncode == 2
    assert "--update-docs is for what is measured without --networks" in done.stderr
