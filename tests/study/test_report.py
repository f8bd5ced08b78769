"""Comparisons and lint on finished runs; test_report_page.py has the page about them."""

import json
import shutil

import pytest
from click.testing import CliRunner

from hybrid_tf.cli.analysis import compare, lint, report
from hybrid_tf.config import Config
from hybrid_tf.deploy.conversion import convert_run
from hybrid_tf.errors import HybridTFError
from hybrid_tf.training.session import train
from tests.support.shared import made_once

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two finished runs, one of them converted."""

    def make(folder):
        for plan in ("full_precision", "residual"):
            train(Config(network="resnet20", plan=plan, smoke=True), folder / plan)
        convert_run(folder / "residual", samples=8)

    return made_once(tmp_path_factory, "runs-to-compare", make)


def test_comparison(runs):
    done = CliRunner().invoke(compare, [str(runs / "full_precision"), str(runs / "residual"), "--json"])
    first, second = json.loads(done.stdout)
    assert first["cost"]["compression"]["weights"] == 1
    assert second["cost"]["compression"]["weights"] == pytest.approx(second["report"]["compression"], abs=1e-3)
    assert second["file_bytes"] == (runs / "residual" / "model.tflite").stat().st_size
    assert first["file_bytes"] is None


def test_lint_of_a_run_and_a_file(runs):
    for source in (runs / "residual", runs / "residual" / "model.tflite"):
        done = CliRunner().invoke(lint, [str(source), "--json"])
        assert (done.exit_code, json.loads(done.stdout)) == (0, [])
    rules = json.loads(CliRunner().invoke(lint, ["--rules", "--json"]).stdout)
    assert rules["quant-dense"]["severity"] == "error"


def test_lint_names_layer_rule_and_mend(tmp_path):
    import larq
    import tensorflow as tf

    dense = larq.layers.QuantDense(4, kernel_quantizer="ste_sign", name="bad")
    model = tf.keras.Sequential([tf.keras.Input((8, 8, 3)), tf.keras.layers.Flatten(), dense])
    model.save(tmp_path / "bad.keras")
    done = CliRunner().invoke(lint, [str(tmp_path / "bad.keras"), "--json"])
    assert done.exit_code == 1
    (found,) = json.loads(done.stdout)
    assert (found["layer"], found["rule"]) == ("bad", "weight-only")
    assert found["fix"]


def test_a_run_that_is_not_finished(tmp_path, runs):
    shutil.copy(runs / "residual" / "config.json", tmp_path)
    done = CliRunner().invoke(report, [str(tmp_path)])
    assert isinstance(done.exception, HybridTFError)
    assert "none of the runs is finished" in str(done.exception)
    assert f"left out, as it is not finished: {tmp_path}" in done.stderr
    done = CliRunner().invoke(report, [str(runs / "residual"), "--energy-profile", "horowiz-45nm"])
    assert "did you mean 'horowitz-45nm'" in str(done.exception)
