"""Processes that fork() makes use the interpreters of their parent: gunicorn's workers, `multiprocessing`."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("threads", [1, 2])
def test_children_of_an_idle_and_of_a_running_parent(model_file, threads):  # 100 forks in all
    command = [sys.executable, "-m", "tests.support.forking", model_file, str(threads), "25"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.stdout == "idle [0]\nrunning True\nparent True\n", done.stderr[-3000:]
