"""A search from budgets to verified files: killed, resumed, in the sweep by two processes; what none begins with."""

import json
import time

import pytest

from hybrid_tf.runs.names import HISTORY, INT8_FILE
from hybrid_tf.runs.run import load_run
from hybrid_tf.search.results import PAGE, RESULT
from hybrid_tf.search.space import Space, network_plans
from hybrid_tf.search.storage import open_storage
from hybrid_tf.search.trials import FINISHED, RUNNING, tried
from tests.support.extent import count, some
from tests.support.killable import finish, start

BUDGET = 60_000
TRIALS, WORKERS = count(1, 4), count(1, 2)
PLANS = some(["residual", "full_precision"], ["residual"])
SEARCH = [
    *("search", "--dataset", "digits", "--input-size", "28", "--smoke", "--budget", f"file<={BUDGET}B"),
    *("--network", "vgg11", *(word for plan in PLANS for word in ("--plan", plan))),
    *("--trials", str(TRIALS), "--json", "--out"),
]


def trials_in(folder):
    return tried(open_storage(None, folder).study(folder.name, ["maximize", "minimize"]))


def kill_in_training(folder, log):
    """Kills a search when its first training has an epoch behind it; returns that trial's number."""
    process = start([*SEARCH, folder], log)
    history = folder / "trials" / "0" / HISTORY
    end = time.monotonic() + 200
    while not history.exists() and process.is_alive() and time.monotonic() < end:
        time.sleep(0.05)
    process.kill()
    process.join()
    assert process.exitcode == -9, log.read_text()
    return 0


@pytest.mark.slow
@pytest.mark.sweep
def test_a_search_is_killed_and_goes_on(tmp_path):
    folder = tmp_path / "search"
    killed = kill_in_training(folder, tmp_path / "killed")
    assert [one.outcome for one in trials_in(folder)] == [RUNNING]
    others = [start([*SEARCH, folder], tmp_path / f"worker{number}") for number in range(1, WORKERS)]
    code, output, _ = finish([*SEARCH, folder], tmp_path / "worker0")
    assert code == 0, output
    for other in others:
        other.join(200)
        assert other.exitcode == 0

    found = json.loads((folder / RESULT).read_text())  # of the worker that was the last to end
    trained = [one for one in found["trials"] if one["candidate"]]
    assert len(trained) == TRIALS and trained[killed]["outcome"] == FINISHED
    assert len({json.dumps(one["candidate"]) for one in trained}) == TRIALS
    finished = {one["number"]: one for one in trained if one["outcome"] == FINISHED}
    fixed = {one["candidate"]["plan"] for one in finished.values() if one["fixed"]}
    assert fixed == set(PLANS)
    for one in finished.values():
        run = load_run(one["folder"])
        assert run.finished
        files = list(run.folder.glob("*.tflite"))
        assert [path.stat().st_size for path in files] == [one["costs"]["file"]]
        assert one["costs"]["file"] <= BUDGET
        assert (files[0].name == INT8_FILE) == (one["candidate"]["precision"] == "int8")
    # The front is the front, and covers the fixed plans.
    points = {number: (one["accuracy"], -one["costs"]["file"]) for number, one in finished.items()}
    dominated = {
        number
        for number, point in points.items()
        if any(other != point and min(a >= b for a, b in zip(other, point, strict=True)) for other in points.values())
    }
    assert set(found["front"]) == set(points) - dominated
    assert set(found["fixed_plans"].values()) <= set(found["front"])
    page = (folder / PAGE).read_text()
    for best in found["best"]:
        assert best["commands"][0].startswith("hybrid-tf train --network vgg11")
        assert best["commands"][1].startswith("hybrid-tf convert ") and best["folder"] in best["commands"][1]
        assert best["commands"][1] in page


@pytest.mark.slow
def test_a_diverged_training_costs_itself_only(tmp_path, hybrid_tf):
    """Of one trial, nothing is left to show, and the reason is."""
    few = [*SEARCH[:-4], "--trials", "1", "--out"]
    code, _, errors = hybrid_tf(*few, tmp_path / "search", "--learning-rate", "1e30", "--optimizer", "sgd")
    assert code == 1 and "trial 0 failed, the search goes on: the training diverged" in errors
    assert "came to its end: the training diverged in epoch 1" in errors.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(
            ["--budget", "file<=3kB", "--plan", "residual"],
            1,
            "no network of the search meets the budgets (file at most 3 kB): the nearest is",
            marks=pytest.mark.slow,
        ),
        (["--budget", "file<=40kb"], 1, "unknown unit 'kb'"),
        ([], 1, "a search needs a budget"),
        (["--budget", "file<=40kB", "--plan", "sections=9"], 1, "unknown stage '9'"),
        (["--budget", "file<=40kB", "--validation", "0"], 1, "--validation 0 holds out none"),
        (["--budget", "file<=40kB", "--trials", "0"], 2, "--trials"),
        (["--budget", "file<=40kB", "--storage", "postgresql://127.0.0.1:1/x"], 1, "cannot be reached"),
        (["--budget", "ms@nowhere.json<=2"], 1, "cannot read nowhere.json"),
    ],
)
def test_what_no_search_begins_with(tmp_path, hybrid_tf, arguments, code, message):
    command = ["search", "--dataset", "digits", "--network", "vgg11", "--out", tmp_path / "search", *arguments]
    found, output, errors = hybrid_tf(*command)
    assert (found, output) == (code, "") and message in errors
    assert len(errors.splitlines()) == 1


def test_the_plans_of_a_network():
    assert network_plans("resnet20")[3:] == (
        "residual+sections=2,3",
        "residual+sections=3",
        "residual+keep=stage2_block1_conv1,stage3_block1_conv1",
    )
    starts = Space(("resnet20", "vgg11"), (), (32,)).fixed_plans()
    assert [start["network"] for start in starts] == ["resnet20", "vgg11"] * 3
