"""Reports, comparisons and lint on finished runs; the page is opened in a real browser."""

import json
import re
import shutil
import subprocess

import pytest
from click.testing import CliRunner

from hybrid_tf.cli.analysis import compare, lint, report
from hybrid_tf.config import Config
from hybrid_tf.deploy.conversion import convert_run
from hybrid_tf.errors import HybridTFError
from hybrid_tf.training.session import train
from tests.support.shared import made_once

pytestmark = pytest.mark.slow

BROWSER = shutil.which("chromium")
# Collects what goes wrong while the page loads, and measures it: the title then holds the result.
PROBE = """<script>
const wrong = [];
addEventListener("error", event => wrong.push(String(event.message || event.target.outerHTML)), true);
addEventListener("load", () => {
  const outside = [...document.querySelectorAll("body *")].filter(item => !item.closest(".scroll")
    && item.getBoundingClientRect().right > innerWidth + 1).map(item => item.tagName);
  const sizes = [...document.querySelectorAll("svg text")].map(item => item.getBoundingClientRect().height);
  document.title = JSON.stringify({width: innerWidth, scroll: document.documentElement.scrollWidth, outside, wrong,
                                   smallest: Math.min(...sizes)});
});
</script>"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two finished runs, one of them converted."""

    def make(folder):
        for plan in ("full_precision", "residual"):
            train(Config(network="resnet20", plan=plan, smoke=True), folder / plan)
        convert_run(folder / "residual", samples=8)

    return made_once(tmp_path_factory, "runs-to-compare", make)


@pytest.fixture(scope="module")
def page(runs, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    done = CliRunner().invoke(report, [str(runs / "full_precision"), str(runs / "residual"), "-o", str(path)])
    assert done.exit_code == 0, done.output
    return path


def test_comparison(runs):
    done = CliRunner().invoke(compare, [str(runs / "full_precision"), str(runs / "residual"), "--json"])
    first, second = json.loads(done.stdout)
    assert first["cost"]["compression"]["weights"] == 1
    assert second["cost"]["compression"]["weights"] == pytest.approx(second["report"]["compression"], abs=1e-3)
    assert second["file_bytes"] == (runs / "residual" / "model.tflite").stat().st_size
    assert first["file_bytes"] is None


def test_the_page_needs_nothing_else(page):
    text = page.read_text()
    # What a browser would fetch: sources, links and style imports. Names of XML vocabularies are not fetched.
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"(?!data:)", text)
    assert "@import" not in text
    assert "url(http" not in text
    for expected in ("residual", "not converted", "stage3_block3_conv2", "Pareto front", "a model, not a measurement"):
        assert expected in text
    assert text.count("<svg") == 4


def test_names_in_the_page_are_unique(page):
    names = re.findall(r' id="([^"]+)"', page.read_text())
    assert len(names) == len(set(names))


@pytest.mark.browser
@pytest.mark.skipif(BROWSER is None, reason="needs a browser: apt-get install chromium")
@pytest.mark.parametrize("width", [1280, 500, 390])
def test_the_page_in_a_browser(page, tmp_path, width):
    probed = tmp_path / "probed.html"
    probed.write_text(page.read_text().replace("<head>", "<head>" + PROBE))
    # A window is at least 500 pixels wide, so the page is shown in a frame of the width asked for.
    frame = tmp_path / "frame.html"
    frame.write_text(
        f'<iframe src="probed.html" style="width:{width}px;height:4000px;border:0"></iframe>'
        "<script>addEventListener('load', () => setTimeout(() => document.body.dataset.found = "
        "frames[0].document.title, 100))</script>"
    )
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    command += ["--disable-background-networking", "--disable-component-update", "--allow-file-access-from-files"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=5000", "--window-size=1400,4200"]
    done = subprocess.run([*command, "--dump-dom", frame.as_uri()], capture_output=True, text=True, timeout=120)
    found = re.search(r'data-found="([^"]*)"', done.stdout)
    assert found, done.stderr[-2000:]
    measured = json.loads(found[1].replace("&quot;", '"'))
    assert measured["width"] == width
    assert measured["wrong"] == []
    assert measured["scroll"] <= width
    assert measured["outside"] == []
    assert measured["smallest"] >= 9  # pixels: text in figures stays legible


def test_lint_of_a_run_and_a_file(runs):
    for source in (runs / "residual", runs / "residual" / "model.tflite"):
        done = CliRunner().invoke(lint, [str(source), "--json"])
        assert (done.exit_code, json.loads(done.stdout)) == (0, [])
    rules = json.loads(CliRunner().invoke(lint, ["--rules", "--json"]).stdout)
    assert rules["quant-dense"]["severity"] == "error"


def test_lint_names_layer_rule_and_mend(tmp_path):
    import larq
    import tensorflow as tf

    dense = larq.layers.QuantDense(4, input_quantizer="ste_sign", kernel_quantizer="ste_sign", name="bad")
    model = tf.keras.Sequential([tf.keras.Input((8, 8, 3)), tf.keras.layers.Flatten(), dense])
    model.save(tmp_path / "bad.keras")
    done = CliRunner().invoke(lint, [str(tmp_path / "bad.keras"), "--json"])
    assert done.exit_code == 1
    (found,) = json.loads(done.stdout)
    assert (found["layer"], found["rule"]) == ("bad", "quant-dense")
    assert found["fix"]


def test_a_run_that_is_not_finished(tmp_path, runs):
    shutil.copy(runs / "residual" / "config.json", tmp_path)
    done = CliRunner().invoke(report, [str(tmp_path)])
    assert isinstance(done.exception, HybridTFError)
    assert "is not finished" in str(done.exception)
    done = CliRunner().invoke(report, [str(runs / "residual"), "--energy-profile", "horowiz-45nm"])
    assert "did you mean 'horowitz-45nm'" in str(done.exception)
