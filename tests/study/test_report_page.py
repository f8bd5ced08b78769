"""The page about ten finished runs: what is in it, and how it reads in a real browser, also on a phone."""

import csv
import json
import re
import shutil

import pytest
from click.testing import CliRunner

from hybrid_tf.cli.analysis import report
from hybrid_tf.config import Config
from hybrid_tf.deploy.conversion import Int8Options, convert_run
from hybrid_tf.runs.names import EVALUATION, HISTORY, INT8_EVALUATION, INT8_FILE
from hybrid_tf.system.files import read_json, write_json
from hybrid_tf.training.session import train
from tests.support.browser import assert_reads_well, measured, needs_browser
from tests.support.shared import made_once

pytestmark = pytest.mark.slow

RUNS = 10
LONG = "a-run-whose-folder-has-a-name-that-says-everything-about-it"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run with an int8 file, evaluated, and ten that are like it but for their names, settings and histories."""

    def make(folder):
        first = folder / "first"
        train(Config(network="vgg11", head="compact", width=0.125, smoke=True), first)
        convert_run(first, samples=8, int8=Int8Options(calibration=16))
        done = CliRunner().invoke(report, [str(first), "-o", str(folder / "first.html")])
        assert done.exit_code == 0, done.output
        for number in range(RUNS):
            _like(first, folder / "ten" / f"{LONG}-{number}" if number % 2 else folder / "ten" / str(number), number)

    return made_once(tmp_path_factory, "ten-runs", make)


def _like(source, folder, number):
    """A copy of a run with another learning rate, and a history of twelve epochs whose loss is huge at first."""
    shutil.copytree(source, folder)
    stored = read_json(folder / "config.json")
    stored["settings"] |= {"learning_rate": 0.001 * (number + 1), "seed": number, "patience": number, **_others(number)}
    write_json(folder / "config.json", stored)
    result = read_json(folder / "report.json")
    write_json(folder / "report.json", result | {"test_accuracy": 0.5 + 0.04 * number})
    losses = [120.0, *(3 / epoch + 0.1 * number for epoch in range(2, 13))]
    with (folder / HISTORY).open("w", newline="") as file:
        names = ["epoch", "loss", "accuracy", *([] if number == 3 else ["val_loss", "val_accuracy"])]
        rows = csv.DictWriter(file, names, extrasaction="ignore")
        rows.writeheader()
        for epoch, loss in enumerate(losses, 1):
            share = 1 - 1 / (epoch + 1)
            rows.writerow(dict(zip(names, [epoch, loss, share, 1.1 * loss, 0.9 * share], strict=False)))
    if number:
        for name in (INT8_FILE, INT8_EVALUATION):
            (folder / name).unlink()


def _others(number):
    """Settings that differ between some runs, among them a path as long as that of a run."""
    return {
        "teacher": f"/home/somebody/experiments/{LONG}-{number}" if number % 2 else None,
        "augmentation": "strong-flip" if number > 4 else "auto",
        "class_weights": "balanced" if number % 3 else "none",
        "weight_decay": number / 1e4,
        "epochs": 12 + number,
        "skip_unreadable": number % 2 == 0,
    }


@pytest.fixture(scope="module")
def page(made, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    done = CliRunner().invoke(report, [*map(str, sorted((made / "ten").iterdir())), "-o", str(path)])
    assert done.exit_code == 0, done.output
    return path


def test_the_page_needs_nothing_else(page):
    text = page.read_text()
    # What a browser would fetch: sources, links and style imports. Names of XML vocabularies are not fetched.
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"(?!data:)", text)
    assert "@import" not in text
    assert "url(http" not in text
    for expected in ("residual", "not converted", "stage5_conv2", "Pareto front", "a model, not a measurement"):
        assert expected in text
    assert text.count("<svg") == 4 + RUNS + 1  # one calibration each, and that of an int8 file
    assert len(text) < 3e6


def test_names_in_the_page_are_unique(page):
    names = re.findall(r' id="([^"]+)"', page.read_text())
    assert names
    assert len(names) == len(set(names))


def test_captions_say_what_is_drawn(page, made, tmp_path):
    text = page.read_text()
    assert "Loss; validation is dashed; values above" in text
    alone = tmp_path / "alone.html"
    run = next(path for path in (made / "ten").iterdir() if path.name == f"{LONG}-3")  # has no validation images
    done = CliRunner().invoke(report, [str(run), "-o", str(alone)])
    assert done.exit_code == 0, done.output
    text = alone.read_text()
    assert "Pareto" not in text
    assert "dashed" not in text
    assert "cut off" in text


def test_settings_are_shown(page):
    text = page.read_text()
    table = text[text.index("<h2>Settings</h2>") : text.index("</table>", text.index("<h2>Settings</h2>"))]
    names = {"--learning-rate", "--seed", "--patience", *(f"--{name.replace('_', '-')}" for name in _others(0))}
    assert set(re.findall(r"<th>(--[^<]+)<", table)) == names
    for number in range(RUNS):
        assert f">{0.001 * (number + 1)}</td>" in table
    shared = text[text.index("settings that all runs share") :]
    assert re.search(r"<td>--network</td><td[^>]*>vgg11</td>", shared)


@pytest.mark.browser
@needs_browser
@pytest.mark.parametrize("width", [1280, 500, 390])
def test_the_page_in_a_browser(page, tmp_path, width):
    found = measured(page, tmp_path, width)
    assert_reads_well(found, width)
    costs, energies, losses, accuracies = found["legends"]
    assert len(set(costs)) == len(costs) == RUNS + 1  # the int8 file is a point of its own, and has no curve
    assert energies == costs
    assert losses == accuracies == [name for name in costs if "int8" not in name]
    assert sum(LONG in name for name in costs) == RUNS // 2
    assert len(found["pictures"]) == 12 * (RUNS + 1)
    cells = found["settings"]
    assert len(cells) > RUNS * (3 + len(_others(0)))
    assert not [cell for cell in cells if cell["cut"] or cell["left"] < 0 or cell["right"] > width + 1]
    labels = [cell["label"] for cell in cells[: RUNS * (4 + len(_others(0)))]]
    assert ("none" in labels) == (width > 768)  # else each value of a card has its name before it
    assert width > 768 or labels.count('"--learning-rate" " "') + labels.count('"--learning-rate "') == RUNS


def test_a_network_is_evaluated_once(made, tmp_path, hybrid_tf):
    run = tmp_path / "run"
    shutil.copytree(made / "first", run)
    (run / EVALUATION).unlink()
    code, out, err = hybrid_tf("report", run, "-o", tmp_path / "a.html", "--json")
    assert code == 0, err
    assert f"evaluating {run}/best.weights.h5 on the test images of digits" in err
    assert INT8_FILE not in err  # that is known already
    network, int8 = json.loads(out)["runs"]
    assert network["evaluation"]["accuracy"] == network["accuracy"] == network["report"]["test_accuracy"]
    assert network["evaluation"]["images"] == network["report"]["test_images"]
    assert 0 < int8["accuracy"] < 1
    assert int8["evaluation"]["images"] == network["report"]["test_images"]
    assert sum(map(sum, network["evaluation"]["confusion_matrix"])) == network["report"]["test_images"]
    assert hybrid_tf("report", run, "-o", tmp_path / "b.html")[2] == ""
    assert (tmp_path / "a.html").read_text() == (tmp_path / "b.html").read_text()

    shutil.copy(run / "last.weights.h5", run / "best.weights.h5")
    with (run / "best.weights.h5").open("ab") as file:  # so that it is another file whichever epoch was the best
        file.write(b"\0")
    (run / INT8_EVALUATION).write_text("{")
    code, _, err = hybrid_tf("report", run, "-o", tmp_path / "c.html")
    assert code == 0, err
    assert "best.weights.h5 on the test images" in err
    assert f"{INT8_EVALUATION} is damaged" in err
    assert f"{INT8_FILE} on the test images" in err


def test_a_run_whose_data_set_is_gone(made, tmp_path, hybrid_tf):
    run = tmp_path / "run"
    shutil.copytree(made / "first", run)
    stored = read_json(run / "config.json")
    stored["settings"]["dataset"] = "/nowhere/photos"
    write_json(run / "config.json", stored)
    path = tmp_path / "page.html"
    code, out, err = hybrid_tf("report", run, "-o", path)
    assert (code, out) == (0, f"wrote {path}\n"), err
    assert err.count("is not evaluated: there is no folder /nowhere/photos") == 2
    text = path.read_text()
    assert "residual, int8 is not evaluated: there is no folder /nowhere/photos" in text
    assert f"hybrid-tf evaluate {run} --dataset IMAGES" in text
    assert "<h2>Layers</h2>" in text
    code, out, err = hybrid_tf("compare", run, "--json")
    assert code == 0
    assert [row["accuracy"] for row in json.loads(out)] == [read_json(run / "report.json")["test_accuracy"], None]
