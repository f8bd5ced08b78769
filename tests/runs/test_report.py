"""A report is read as it was written, and refused when no training can have written it."""

import pytest

from hybrid_tf.errors import HybridTFError
from hybrid_tf.pretrained import load_pretrained
from hybrid_tf.runs.names import CONFIG, REPORT
from hybrid_tf.runs.report import Report
from hybrid_tf.runs.run import load_run
from hybrid_tf.system.files import read_json, write_json

SHIPPED = load_pretrained("resnet20-residual-taught")


def test_what_is_stored_is_what_is_read():
    stored = read_json(SHIPPED.folder / REPORT)
    assert SHIPPED.report.to_dict() == stored | {"planned_epochs": None, "validation_images": None}  # it is older
    assert Report.from_dict(stored) == SHIPPED.report
    assert SHIPPED.report.weights.full_precision_twin == stored["weights"]["full_precision_twin"]


@pytest.mark.parametrize(
    "change",
    [
        {"test_accuracy": None},
        {"test_accuracy": True},
        {"test_accuracy": float("nan")},
        {"test_accuracy": 7.0},
        {"test_accuracy": 10**400},
        {"test_loss": float("inf")},
        {"validation_accuracy": -0.1},
        {"best_epoch": 1.5},
        {"best_epoch": True},
        {"test_images": -1},
        {"weights": []},
        {"weights": {"full_precision": 1, "binary": 1, "bytes": False, "full_precision_twin": 2}},
        {"parameters": {"total": 1}},
        {"colour": "red"},
        {"network": 20},
    ],
    ids=str,
)
def test_a_damaged_report_is_refused(change, tmp_path):
    write_json(tmp_path / CONFIG, read_json(SHIPPED.folder / CONFIG))
    write_json(tmp_path / REPORT, read_json(SHIPPED.folder / REPORT) | change)
    with pytest.raises(HybridTFError, match=r"report\.json is damaged"):
        _ = load_run(tmp_path).report


def test_a_report_that_is_no_table_of_values_is_refused(tmp_path):
    write_json(tmp_path / CONFIG, read_json(SHIPPED.folder / CONFIG))
    for text, message in (("[]", "is damaged"), ("null", "is damaged"), ("[" * 100_000, "is not valid JSON")):
        (tmp_path / REPORT).write_text(text)
        with pytest.raises(HybridTFError, match=message):
            _ = load_run(tmp_path).report
