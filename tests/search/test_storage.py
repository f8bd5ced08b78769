"""The study of a search, in SQLite and in PostgreSQL, with several processes at it."""

import subprocess
import sys

import pytest

from hybrid_tf.errors import HybridTFError
from hybrid_tf.search.halving import enter_race
from hybrid_tf.search.storage import check_settings, open_storage
from hybrid_tf.search.trials import FINISHED, SURPLUS, end, note, tried
from tests.support.postgresql import server

DIRECTIONS = ["maximize", "minimize"]
# A worker that asks, keeps something with a trial and ends it, so often.
WORKER = """
import sys
from pathlib import Path
import hybrid_tf
from hybrid_tf.search.storage import open_storage
from hybrid_tf.search.trials import FINISHED, end
url, folder, count = sys.argv[1:]
study = open_storage(url or None, Path(folder)).study("search", ["maximize", "minimize"])
for _ in range(int(count)):
    trial = study.ask()
    end(trial, FINISHED, [trial.suggest_float("share", 0, 1), 2.0], accuracy=0.5, costs={"file": 2.0})
"""


@pytest.fixture(scope="module")
def postgresql():
    with server() as url:
        yield url


@pytest.mark.slow
@pytest.mark.parametrize("database", ["SQLite", "PostgreSQL"])
def test_two_processes_share_a_study(request, tmp_path, database):
    url = request.getfixturevalue("postgresql") if database == "PostgreSQL" else ""
    command = [sys.executable, "-c", WORKER, url, str(tmp_path), "6"]
    workers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for worker in workers:
        output = worker.communicate(timeout=120)[1]
        assert worker.returncode == 0, output
    study = open_storage(url or None, tmp_path).study("search", DIRECTIONS)
    found = tried(study)
    assert [one.number for one in found] == list(range(12))
    assert all(one.outcome == FINISHED and one.costs == {"file": 2.0} for one in found)
    check_settings(study, {"epochs": 3, "budget": ["file at most 40 kB"]})
    with pytest.raises(HybridTFError, match="was started with --epochs 3, not 4: leave it as it was"):
        check_settings(study, {"epochs": 4})


def test_what_others_have_is_halved_and_a_killed_race_goes_on(tmp_path):
    storage = open_storage(None, tmp_path)

    def race(number, share, gain):
        """Returns after which epoch of nine a trial is stopped, None if it is not."""
        entered = enter_race(storage, "search", number, share, 9)
        stopped = next((epoch for epoch in range(1, 10) if not entered.goes_on(epoch, gain + epoch / 100)), None)
        entered.end(None if stopped else 0.5)
        return stopped

    assert race(0, 0.9, 0.5) is None  # the first has nobody before it
    assert race(1, 0.8, 0.4) == 1
    assert race(2, 0.4, 0.3) is None  # it costs half
    assert race(3, 0.9, 0.6) is None  # it is better
    before = enter_race(storage, "search", 4, 0.9, 9)
    assert before.goes_on(1, 0.7)
    after = enter_race(storage, "search", 4, 0.9, 9)
    assert after.trial.number == before.trial.number and after.goes_on(2, 0.7)


def test_what_a_trial_was_is_kept(tmp_path):
    study = open_storage(None, tmp_path).study("search", DIRECTIONS)
    trial = study.ask()
    note(trial, accuracy=0.25, epochs=1)
    assert tried(study)[0].accuracy == 0.25 and tried(study)[0].outcome == "running"
    end(trial, SURPLUS)
    assert tried(study)[0].outcome == SURPLUS
    with pytest.raises(HybridTFError, match="is another one"):
        open_storage(None, tmp_path).study("search", ["maximize"])


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://me:secret@127.0.0.1:1/x", "the storage 127.0.0.1:1/x cannot be reached (connection failed"),
        ("study.db", "cannot be reached (Could not parse SQLAlchemy URL"),
        ("sqlite:////nowhere/study.db", "unable to open database file"),
    ],
)
def test_a_storage_that_cannot_be_reached(tmp_path, url, message):
    with pytest.raises(HybridTFError) as error:
        open_storage(url, tmp_path)
    assert message in str(error.value) and "secret" not in str(error.value) and "\n" not in str(error.value)
