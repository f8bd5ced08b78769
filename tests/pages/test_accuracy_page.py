"""docs/accuracy.md is made of records, which are made of finished runs."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hybrid_tf.config import Config
from hybrid_tf.training.session import train
from hybrid_tf.training.settings import train_command
from tests.support.shared import made_once

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SETTINGS = {"network": "resnet20", "width": 0.125, "dataset": "digits", "batch_size": 64, "smoke": True}
RECIPE = f"""
from hybrid_tf.study.comparison import Entry
from hybrid_tf.config import Config

def entry(name, seeds=1, **settings):
    return Entry(name, Config.from_dict({SETTINGS} | settings), seeds)

ENTRIES = [
"""
NETWORKS = '    entry("resnet20 full_precision", plan="full_precision"),\n    entry("resnet20 residual", 2),\n]\n'
METHODS = '    entry("plain"),\n    entry("shifts", shifts=True),\n    entry("two stages", two_stage=0.5),\n]\n'
RUN = Path("runs/fashion_mnist/resnet20-residual-0")


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A repository with small recipes, of which one run is finished and on the page. No test may change it."""

    def make(folder):
        shutil.copytree(ROOT / "benchmarks", folder / "benchmarks")
        for name in ("docs", "recipes"):
            (folder / name).mkdir()
        shutil.copy(ROOT / "docs" / "accuracy.md", folder / "docs")
        for study, entries in {"fashion_mnist": NETWORKS, "ablation": METHODS}.items():
            (folder / "recipes" / f"{study}.py").write_text(RECIPE + entries)
        train(Config.from_dict(SETTINGS), folder / RUN)
        done = make_page(folder)
        assert done.returncode == 0, done.stderr
        assert f"converting and verifying {RUN}\n" in done.stderr

    return made_once(tmp_path_factory, "repository", make)


@pytest.fixture(scope="module")
def first(repository):
    """The page of the finished run."""
    return (repository / "docs" / "accuracy.md").read_text()


def make_page(repository):
    command = [sys.executable, "-m", "benchmarks.pages.accuracy"]
    return subprocess.run(command, capture_output=True, text=True, cwd=repository)


def record_of(repository):
    return repository / "docs" / "accuracy" / "fashion_mnist" / f"{RUN.name}.json"


@pytest.fixture
def clone(repository, first, tmp_path):
    """A clone of the repository: what is committed, without run folders, and a page with other numbers."""
    folder = Path(shutil.copytree(repository, tmp_path / "clone", ignore=shutil.ignore_patterns("runs")))
    shutil.copy(ROOT / "docs" / "accuracy.md", folder / "docs")
    return folder


def add_record(clone, study, run, name, accuracy, held_out=0.5, **settings):
    """Adds the record of a run on another machine."""
    record = json.loads(record_of(clone).read_text())
    record["command"] = train_command(Config.from_dict(SETTINGS | settings))
    record["row"] |= {"name": name, "accuracies": [accuracy], "held_out": [held_out]}
    record["row"]["plan"] = settings.get("plan", "residual")
    folder = clone / "docs" / "accuracy" / study
    folder.mkdir(exist_ok=True)
    (folder / f"{run}.json").write_text(json.dumps(record))


def test_without_runs_and_records_the_error_says_what_to_do(tmp_path, repository):
    empty = shutil.copytree(repository, tmp_path / "empty", ignore=shutil.ignore_patterns("runs", "docs"))
    done = make_page(empty)
    assert done.returncode == 1
    assert done.stderr.endswith("train with `python recipes/fashion_mnist.py` first, or restore the records\n")
    assert not (empty / "docs").exists()


def test_a_record_has_what_the_run_gave(repository, first):
    record = json.loads(record_of(repository).read_text())
    stored = json.loads((repository / RUN / "report.json").read_text())
    row = record["row"]
    assert (row["accuracies"], row["held_out"]) == ([stored["test_accuracy"]], [stored["validation_accuracy"]])
    assert (record["seed"], record["epochs"], record["best_epoch"]) == (0, 2, stored["best_epoch"])
    assert record["command"] == "hybrid-tf train --network resnet20 --batch-size 64 --width 0.125 --smoke"
    assert row["file_bytes"] == (repository / RUN / "model.tflite").stat().st_size
    assert row["run"] == str(RUN)
    assert f"| resnet20 residual | {100 * stored['test_accuracy']:.2f} % | - |" in first
    assert first.partition("## What each method is worth")[2].count("- no run is finished\n") == 1


def test_only_a_run_with_another_report_is_converted_again(repository, first, tmp_path):
    copy = Path(shutil.copytree(repository, tmp_path / "copy"))
    before = record_of(copy).read_text()
    done = make_page(copy)
    assert (done.returncode, "converting" in done.stderr) == (0, False)
    assert record_of(copy).read_text() == before
    path = copy / RUN / "report.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"test_accuracy": 0.125}))
    done = make_page(copy)
    assert "converting and verifying" in done.stderr
    assert json.loads(record_of(copy).read_text())["row"]["accuracies"] == [0.125]
    assert "| resnet20 residual | 12.50 % |" in (copy / "docs" / "accuracy.md").read_text()


def test_a_clone_makes_the_page_of_records_alone(clone, first):
    assert make_page(clone).returncode == 0
    assert (clone / "docs" / "accuracy.md").read_text() == first
    add_record(
        clone, "fashion_mnist", "resnet20-full_precision-0", "resnet20 full_precision", 0.9, plan="full_precision"
    )
    add_record(clone, "fashion_mnist", "resnet20-residual-0", "resnet20 residual", 0.8)
    add_record(clone, "fashion_mnist", "resnet20-residual-1", "resnet20 residual", 0.9, seed=1)
    add_record(clone, "ablation", "plain-0", "plain", 0.7, 0.75)
    add_record(clone, "ablation", "shifts-0", "shifts", 0.6, 0.76, shifts=True)
    add_record(clone, "ablation", "two-stages-0", "two stages", 0.72, 0.7125, two_stage=0.5)
    (clone / "docs" / "accuracy.png").unlink()
    done = make_page(clone)
    assert done.returncode == 0, done.stderr
    page = (clone / "docs" / "accuracy.md").read_text()
    assert "| resnet20 full_precision | 90.00 % | 0.00 |" in page
    assert "| resnet20 residual | 85.00 % ± 7.07 (2) | 5.00 |" in page
    assert "| shifts | 76.00 % | +1.00 | 60.00 % | - |" in page
    assert page.partition("## What did not work")[2].count("\n- ") == 1
    assert "\n- two stages: 3.75 points below\n" in page
    assert (clone / "docs" / "accuracy.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"command": "hybrid-tf train"}, "is of `hybrid-tf train`, and the recipe now has `hybrid-tf train --network"),
        ({"row": {"name": "resnet20 residual"}}, "is not a record of this version"),
    ],
)
def test_a_record_that_does_not_fit_is_refused(change, message, clone):
    path = record_of(clone)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    done = make_page(clone)
    assert done.returncode == 1
    assert message in done.stderr and str(path) in done.stderr and "Traceback" not in done.stderr


def test_a_run_of_other_settings_is_refused_before_it_is_converted(clone, repository):
    shutil.copytree(
        repository / RUN, clone / "runs" / "ablation" / "plain-0", ignore=shutil.ignore_patterns("*.tflite")
    )
    path = clone / "runs" / "ablation" / "plain-0" / "config.json"
    config = json.loads(path.read_text())
    config["settings"]["epochs"] = 7
    path.write_text(json.dumps(config))
    done = make_page(clone)
    assert done.returncode == 1
    assert "runs/ablation/plain-0 is of `hybrid-tf train --network resnet20 --epochs 7" in done.stderr
    assert not path.with_name("model.tflite").exists()
