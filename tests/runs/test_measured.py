"""measured.json, which is shipped, is of the trained networks as they are."""

import hashlib
import json
import subprocess
import sys

import pytest

from hybrid_tf import HybridTFError
from hybrid_tf.analysis.inspection import inspect_file
from hybrid_tf.pretrained import FOLDER, pretrained_names
from hybrid_tf.pretrained.measured import LITERT, RUNTIME, read_measured, write_measured
from hybrid_tf.runs.names import FILE, INT8_FILE, REPORT
from hybrid_tf.system.files import read_json


def test_there_is_a_row_for_each_file_of_each_trained_network():
    found = [(row.name, row.file) for row in read_measured().trained.files]
    assert found == [(name, file) for name in pretrained_names() for file in (FILE, INT8_FILE)]


@pytest.mark.parametrize("row", read_measured().trained.files, ids=lambda row: f"{row.name}-{row.file}")
def test_a_row_is_of_the_file_that_is_shipped(row):
    path = FOLDER / row.name / row.file
    assert row.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    content = inspect_file(path)
    assert (row.bytes, row.peak_activation_bytes) == (path.stat().st_size, content.peaks[0].bytes)
    assert row.accuracy == read_json(path.parent / "card.json")[row.file]["runtime"]
    weights = read_json(path.parent / REPORT)["weights"]
    assert row.weights == {key: weights[key] for key in ("full_precision", "binary")}
    assert content.weights("binary") == row.weights["binary"]
    assert (LITERT in row.ms) == (row.plan == "full_precision")
    assert row.lce_ms == min(value for engine, value in row.ms.items() if engine not in (RUNTIME, LITERT))
    assert min(row.ms.values()) > 0 and set(row.instructions) == {"cortex-a72", "cortex-a76"}
    assert len(row.cells()) == len(read_measured().columns)


def test_the_rivals_are_no_trained_networks():
    rivals = [row for row in read_measured().files if row.accuracy is None]
    assert {row.width for row in rivals} == {0.5}
    assert all(row.plan == "full_precision" and row.cells()[2] == "-" for row in rivals)


def test_it_is_read_without_tensorflow():
    code = "import sys; from hybrid_tf.pretrained.measured import read_measured; read_measured(); "
    code += "assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_it_comes_back_as_it_was_written_and_a_damaged_one_is_refused(tmp_path):
    path = tmp_path / "measured.json"
    write_measured(read_measured(), path)
    assert read_measured(path) == read_measured()
    stored = json.loads(path.read_text())
    del stored["files"][0]["sha256"]
    path.write_text(json.dumps(stored))
    with pytest.raises(HybridTFError, match=r"measured\.json is no record of this version .*sha256.*restore it"):
        read_measured(path)
