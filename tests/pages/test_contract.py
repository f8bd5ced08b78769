"""The contract for the rooms of hybrid_tf, in pyproject.toml, holds; and it is noticed when an import goes up."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


@pytest.fixture
def copy(tmp_path):
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    only_python = shutil.ignore_patterns("__pycache__", "sources", "*.h5", "*.tflite")
    shutil.copytree(REPOSITORY / "hybrid_tf", tmp_path / "hybrid_tf", ignore=only_python)
    return tmp_path


def contract(folder):
    command = [LINT_IMPORTS, "--no-cache"]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_imports_go_down(copy):
    done = contract(copy)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        (
            "graphs/graph.py",
            "from hybrid_tf.cli import main",
            "graphs is not allowed to import hybrid_tf.cli",
        ),
        ("analysis/cost.py", "import hybrid_tf.runs.run", "analysis is not allowed to import hybrid_tf.runs"),
    ],
)
def test_an_import_that_goes_up_is_found(copy, module, line, broken):
    path = copy / "hybrid_tf" / module
    path.write_text(path.read_text() + f"\n{line}\n")
    done = contract(copy)
    assert done.returncode == 1
    assert broken in done.stdout


def test_a_new_room_needs_its_place(copy):
    (copy / "hybrid_tf" / "attic.py").write_text('"""Things."""\n')
    done = contract(copy)
    assert done.returncode == 1
    assert "hybrid_tf.attic" in done.stdout
