"""The measuring of the trained networks runs every engine on a small one, and writes nothing without being asked."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.pages.choosing import PAGE
from benchmarks.pages.measured_record import SMOKE, files_to_measure
from hybrid_tf.pretrained.measured import PATH, RUNTIME, read_measured

ROOT = Path(__file__).parents[2]


def run(*arguments):
    command = [sys.executable, "-m", "benchmarks.timing.shipped", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT)


@pytest.mark.slow
def test_every_engine_runs_the_files_of_a_network(tmp_path):
    before = [path.read_bytes() for path in (PATH, PAGE)]
    done = run("--smoke", "--json", tmp_path / "result.json")
    assert done.returncode == 0, done.stderr
    assert [path.read_bytes() for path in (PATH, PAGE)] == before
    result = json.loads((tmp_path / "result.json").read_text())
    modes = ["LCE, default", "LCE, indirect bgemm", "LCE, indirect bgemm + XNNPACK"]
    for row in result["files"]:
        assert list(row["ms"]) == [RUNTIME, *modes]
        assert min(row["ms"].values()) > 0
        assert f"{row['name']} {row['file']}" in done.stdout
    assert [row["file"] for row in result["files"]] == ["model.tflite", "model.int8.tflite"]
    assert result["times"]["rounds"] == 2 and result["times"]["processor"]
    assert "latencies differ by more than 10%" in done.stderr


def test_what_was_measured_of_a_file_is_kept_until_it_changes(monkeypatch, tmp_path):
    from benchmarks.pages import measured_record

    (row, _), _ = files_to_measure(SMOKE)
    assert row in read_measured().files
    (tmp_path / "measured.json").write_text(PATH.read_text().replace(row.sha256, "0" * 64))
    monkeypatch.setattr(measured_record, "read_measured", lambda: read_measured(tmp_path / "measured.json"))
    (changed, _), (same, _) = files_to_measure(SMOKE)
    assert (changed.ms, changed.instructions) == ({}, {})
    assert same in read_measured().files


def test_all_is_written_or_nothing():
    done = run("--smoke", "--update-docs")
    assert done.returncode == 2
    assert "--update-docs is for all files" in done.stderr
