"""The page about one evaluation: whatever the classes are called, however many there are."""

import re
from dataclasses import replace

import numpy as np
import pytest

from hybrid_tf.data import Normalisation
from hybrid_tf.deploy.tally import Tally
from hybrid_tf.study.evaluation_page import EvaluationView, worst_classes, write_evaluation_page
from tests.support.browser import assert_reads_well, measured, needs_browser

HARMFUL = ("<script>console.error(1)</script>", "R&D", '" onerror="x', "a very long name " * 12, "$x_{2}$")


def evaluation(names, images=400, right=0.8, side=12):
    """An evaluation of real scores of random pictures."""
    random = np.random.default_rng(0)
    labels = random.integers(0, len(names), images)
    scores = random.normal(0, 1, (images, len(names)))
    scores[np.arange(images), np.where(random.random(images) < right, labels, 0)] += 4
    tally = Tally(tuple(names), Normalisation((0.0,), (1.0,)))
    tally.add(random.integers(0, 256, (images, side, side, 1)).astype(np.float32), labels, scores)
    return tally.evaluation("photos", "lce")


@pytest.mark.slow
@pytest.mark.browser
@needs_browser
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(
    ("names", "images"), [(HARMFUL, 400), ([f"class {n}" for n in range(40)], 2000), (["a", "b"], 1)]
)
def test_it_reads_well(tmp_path, names, images, width):
    page = tmp_path / "page.html"
    found = evaluation(names, images)
    write_evaluation_page(found, page, "runs/mine")
    seen = measured(page, tmp_path, width)
    assert_reads_well(seen, width)
    assert len(seen["pictures"]) == len(found.mistakes)


def test_names_are_text(tmp_path):
    page = tmp_path / "page.html"
    write_evaluation_page(evaluation(HARMFUL), page, "runs/<b>mine</b>")
    text = page.read_text()
    assert "<script" not in text
    assert "<b>mine" not in text
    assert "&lt;script&gt;console.error(1)" in text
    assert "R&amp;D" in text
    assert '"" onerror' not in text


def test_many_classes_are_a_list_of_confusions():
    view = EvaluationView(evaluation([f"class {n}" for n in range(41)], 3000))
    assert view.matrix == []
    assert len(view.confusions) == len(view.worst) == 20
    assert len(view.better) == 21
    counts = [row["images"] for row in view.confusions]
    assert counts == sorted(counts, reverse=True)
    first = view.confusions[0]
    numbers = [view.evaluation.class_names.index(first[name]) for name in ("name", "taken_for")]
    assert first["images"] == view.evaluation.confusion[numbers[0]][numbers[1]]


def test_the_worst_class_is_the_first():
    found = evaluation(["a", "b", "c", "d"])
    shares = [row.accuracy for row in worst_classes(found)]
    assert shares == sorted(shares)
    assert [len(row) for row in EvaluationView(found).matrix] == [4] * 4
    assert [[cell.images for cell in row] for row in EvaluationView(found).matrix] == [list(r) for r in found.confusion]


def test_names_of_folders_and_files_need_not_be_utf_8(tmp_path):
    found = evaluation(["a", "caf\udce9"])
    page = tmp_path / "page.html"
    write_evaluation_page(
        replace(found, mistakes=(replace(found.mistakes[0], path="x/\udce9.png"),)), page, "runs/mine"
    )
    assert "caf?" in page.read_text()
    assert "x/?.png" in page.read_text()


def test_the_images_of_each_bin_are_said(tmp_path):
    found = evaluation(["a", "b"], images=40)
    page = tmp_path / "page.html"
    write_evaluation_page(found, page, "runs/mine")
    text = page.read_text()
    table = text[text.index('<table class="bins">') :]
    rows = re.findall(r"<tr><td>(\d+) to (\d+) %</td><td>(\d+)</td>", table[: table.index("</table>")])
    assert [int(images) for *_, images in rows] == [row.images for row in found.bins if row.images]
    assert rows[-1][:2] == ("93", "100")
    assert sum(0 < row.images < 10 for row in found.bins) > 0
    assert f'<p class="warning">{found.calibration_caveat}.</p>' in text


def test_no_mistake_is_said(tmp_path):
    page = tmp_path / "page.html"
    write_evaluation_page(evaluation(["a", "b"], images=5, right=1.0), page, "runs/mine")
    assert "None: all images are right." in page.read_text()
