"""The fair race measures what it says, goes on where it was, and who wins follows from the figures."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.pages import fair_race
from benchmarks.pages.fair_race import sources
from benchmarks.pages.fair_race_verdict import verdict, verdict_tables
from benchmarks.race.kept import Kept
from benchmarks.race.record import Race, Row, read_race, write_race
from benchmarks.race.tasks import TASKS, Task
from hybrid_tf.errors import HybridTFError
from hybrid_tf.pretrained import FOLDER

ROOT = Path(__file__).parents[2]
ENGINE = "hybrid-tf-runtime"


def row(name, *, hybrid, cost, accuracy=None, size=100):
    """A row whose times, instructions, energy and RAM are all `cost`."""
    ms = {ENGINE: {"1": [cost, cost, cost], "2": [cost, cost, cost]}}
    counts = {ENGINE: {"cortex-a72": cost, "cortex-a76": cost}}
    return Row("28x28x1", name, hybrid, True, "", size, cost, cost, accuracy, ms, counts)


def run(*arguments):
    command = [sys.executable, "-m", "benchmarks.race", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT)


def test_trained_hybrids_meet_what_is_at_least_as_accurate():
    rivals = [
        row("small", hybrid=False, cost=1, accuracy=0.8, size=10),
        row("middle", hybrid=False, cost=4, accuracy=0.9, size=40),
        row("large", hybrid=False, cost=8, accuracy=0.95, size=30),
    ]
    good = row("good", hybrid=True, cost=2, accuracy=0.9, size=45)
    text = verdict([*rivals, good])
    assert "every hybrid wins in RAM (at best 0.50 times), time with one thread (at best 0.50 times)" in text
    assert "no hybrid wins in bytes (at best 1.50 times)" in text
    poor = row("poor", hybrid=True, cost=2, accuracy=0.7, size=5)
    [table] = verdict_tables([*rivals, good, poor])
    assert table.rows[0] == [
        "bytes",
        "1 of 2",
        "0.50 (poor, int8 against small, int8)",
        "1.50 (good, int8 against large, int8)",
        "1.50 (good, int8 against large, int8)",
    ]
    assert "some do in bytes (1 of 2, at best 0.50 times)" in verdict([*rivals, good, poor])


def test_a_hybrid_above_all_rivals_is_named_and_not_compared():
    rival, best = row("rival", hybrid=False, cost=1, accuracy=0.9), row("best", hybrid=True, cost=9, accuracy=0.91)
    text = verdict([rival, best, row("other", hybrid=True, cost=2, accuracy=0.9)])
    assert "no hybrid wins in bytes (at best 1.00 times), RAM (at best 2.00 times)" in text
    assert text.endswith("More accurate than every int8 network here: best, int8.")


def test_untrained_hybrids_meet_the_nearest_size():
    rivals = [row("small", hybrid=False, cost=1, size=10), row("large", hybrid=False, cost=8, size=100)]
    [table] = verdict_tables([*rivals, row("hybrid", hybrid=True, cost=4, size=40)])
    assert "nearest in size" in table.title
    assert table.rows[1][2] == "0.50 (hybrid, int8 against large, int8)"


def test_trained_hybrids_meet_untrained_rivals_too():
    rivals = [row("trained", hybrid=False, cost=8, accuracy=0.9), row("thin", hybrid=False, cost=1, size=45)]
    rows = [*rivals, row("hybrid", hybrid=True, cost=4, accuracy=0.9, size=40)]
    accurate, nearest = verdict_tables(rows)
    assert accurate.rows[1][2] == "0.50 (hybrid, int8 against trained, int8)"
    assert nearest.rows[1][2] == "4.00 (hybrid, int8 against thin, int8)"
    assert "no hybrid wins in RAM (at best 4.00 times)" in verdict(rows)


def test_the_fastest_engine_counts():
    one = row("a", hybrid=False, cost=3)
    faster = replace(one, ms=one.ms | {"LiteRT": {"1": [2, 2, 2], "2": [4, 4, 4]}})
    assert (faster.fastest("1"), faster.fastest("2")) == ((2, "LiteRT"), (3, ENGINE))


def test_a_record_is_read_as_it_was_written(tmp_path):
    about = {"rounds": 20, "date": "today", "processors busy with others": 0.25}
    race = Race(about, {"QEMU": "7"}, "horowitz-45nm", (row("a", hybrid=True, cost=3),))
    write_race(race, tmp_path / "race.json")
    assert read_race(tmp_path / "race.json") == race
    assert "0.25 processors busy meanwhile, so the times are doubtful" in sources(race)[0]
    (tmp_path / "race.json").write_text("{}")
    with pytest.raises(HybridTFError, match="is no record of this version"):
        read_race(tmp_path / "race.json")


def test_the_page_has_what_was_measured(monkeypatch, tmp_path):
    page = tmp_path / "fair-race.md"
    page.write_bytes(fair_race.PAGE.read_bytes())
    monkeypatch.setattr(fair_race, "PAGE", page)
    monkeypatch.setattr(fair_race, "FIGURE", tmp_path / "fair-race.png")
    about = {"rounds": 20, "date": "today", "processors busy with others": 0.05}
    rows = [
        replace(row(name, hybrid=hybrid, cost=cost, accuracy=accuracy), task=task)
        for task, accuracy in (("28x28x1", 0.9), ("32x32x3", None), ("224x224x3", None))
        for name, hybrid, cost in (("ours", True, 3_000_000), ("theirs", False, 2_000_000))
    ]
    fair_race.write_page(Race(about, {"QEMU": "7"}, "horowitz-45nm", tuple(rows)))
    text = page.read_text()
    assert (
        "- **28x28x1**: Against the cheapest trained int8 network that is at least as accurate, no hybrid wins" in text
    )
    assert "- **224x224x3**: Against the int8 network whose file is nearest in size" in text
    cells = f"hybrid | 90.00 % | 100 | 3,000,000 | 3000000.0 | 3000000.0 | 3.00 | 3.00 | 3 | {ENGINE} |"
    assert f"| ours, int8 | {cells}" in text
    assert "doubtful" not in text
    assert (tmp_path / "fair-race.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_kept_is_not_measured_again(tmp_path):
    path = tmp_path / "kept.json"
    assert Kept(path).get(("a", "b"), lambda: 1) == 1
    assert Kept(path).get(("a", "b"), lambda: 2) == 1
    assert Kept(path).get(("a", "c"), lambda: 3) == 3
    assert Kept(path).put(("a", "b"), 4) == Kept(path).get(("a", "b"), lambda: 5) == 4


def test_every_task_has_hybrids_and_rivals():
    for task in TASKS.values():
        entries = task.entries()
        assert {entry.is_hybrid for entry in entries} == {True, False}
        assert all(entry.int8 for entry in entries if not entry.is_hybrid)
        assert len({(entry.name, entry.int8) for entry in entries}) == len(entries)


def test_finished_runs_race_in_place_of_random_weights(capsys, tmp_path):
    task = Task((28, 28, 1), 10, (), (("resnet20", 1.0), ("resnet20", 0.5)), ())
    shutil.copytree(FOLDER / "resnet20-full_precision", tmp_path / "mine")
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "config.json").write_text("{}")
    names = [entry.name for entry in task.entries(tmp_path)]
    assert names[-2:] == ["mine", "resnet20 x0.5"] and "resnet20 x1" not in names
    assert "unfinished is not finished and does not race" in capsys.readouterr().err
    (tmp_path / "mine" / "model.int8.tflite").unlink()
    with pytest.raises(HybridTFError, match=r"mine/model\.int8\.tflite is missing: hybrid-tf convert .*mine --int8"):
        task.entries(tmp_path)


@pytest.mark.slow
def test_two_files_race(tmp_path):
    page = ROOT / "docs" / "fair-race.md"
    before = page.read_bytes()
    done = run("--smoke", "--json", tmp_path / "race.json")
    assert done.returncode == 0, done.stderr
    assert page.read_bytes() == before
    result = json.loads((tmp_path / "race.json").read_text())
    assert [(row["name"], row["int8"]) for row in result["rows"]] == [
        ("resnet20-xnor", False),
        ("resnet20-xnor", True),
        ("resnet20 x0.25", True),
    ]
    for one in result["rows"]:
        assert ("LiteRT" in one["ms"]) == (not one["is_hybrid"])
        assert (ENGINE in one["ms"]) or not one["is_hybrid"]
        for times in one["ms"].values():
            assert all(0 < low <= median <= high for median, low, high in times.values())
            assert list(times) == ["1", "2"]
        assert one["energy_pj"] > 0 and one["ram"] > 0
    assert [one["accuracy"] for one in result["rows"]] == [0.9029, 0.8973, None]
    assert "resnet20-xnor" in done.stdout and "nearest in size" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "28x28"], "unknown task '28x28': did you mean '28x28x1'?"),
        (["--smoke", "--update-docs"], "--update-docs is for all tasks"),
        (["--rounds", "0"], "--rounds is a whole number from 1"),
        (["--only", "28x28x1", "--runs", "docs"], "docs has no finished run"),
    ],
)
def test_refuses_what_it_cannot_do(arguments, message):
    done = run(*arguments)
    assert done.returncode != 0
    assert message in done.stderr and "Traceback" not in done.stderr
