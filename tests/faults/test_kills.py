"""`kill -9` at random points: nothing half-written is taken for good, and what is resumed ends as if unbroken."""

import shutil

import numpy as np
import pytest

from hybrid_tf.runs.history import read_history
from hybrid_tf.runs.names import BEST, LAST
from hybrid_tf.runs.run import load_run
from hybrid_tf.runs.weights import load_weights
from hybrid_tf.system.files import read_json
from tests.support.extent import count
from tests.support.killable import TRAIN, finish, start

pytestmark = [pytest.mark.slow, pytest.mark.sweep]

TRAIN_KILLS = count(6, 12)
# What writes one file from a finished run: its arguments, where {run} is the run folder and {file} the file; and kills.
WRITERS = {
    "convert": (["convert", "{run}", "-o", "{file}", "--samples", "8"], count(5, 10)),
    "report": (["report", "{run}", "-o", "{file}"], count(4, 8)),
}


def kill(arguments, folder, log, rng, seconds):
    """Runs a command, and kills it at some moment or at some access to `folder`; returns whether it came to its end."""
    process = start(arguments, log, int(rng.integers(1, 60)) if rng.random() < 0.6 else 0, folder)
    process.join(rng.uniform(0, seconds))
    process.kill()
    process.join()
    assert process.exitcode in (0, -9), log.read_text()
    return process.exitcode == 0


@pytest.fixture(scope="module")
def model(unbroken):
    return load_run(unbroken[0]).spec.build()


def check_run(folder, whole, model):
    """Checks that what is in a run folder under its own name is whole."""
    for name in ("config.json", "report.json"):
        if (folder / name).exists():
            wanted, found = read_json(whole / name), read_json(folder / name)
            assert {**found, "seconds": 0} == {**wanted, "seconds": 0}
    if (folder / "summary.txt").exists():
        assert (folder / "summary.txt").read_text() == (whole / "summary.txt").read_text()
    rows = read_history(folder)
    assert rows == read_history(whole)[: len(rows)]
    assert bool(rows) <= (folder / BEST).exists()
    for name in (BEST, LAST):
        if (folder / name).exists():
            load_weights(model, folder / name)
    if (folder / "report.json").exists():
        assert len(rows) == len(read_history(whole))


def test_train(unbroken, model, tmp_path):
    whole, seconds = unbroken
    rng = np.random.default_rng(8)
    folder, log, kills = tmp_path / "run", tmp_path / "log", 0
    arguments = [*TRAIN, "--out", folder, "--resume"]
    while kills < TRAIN_KILLS:
        finished = kill(arguments, folder, log, rng, seconds)
        kills += not finished
        if folder.exists():
            check_run(folder, whole, model)
        if finished:
            shutil.rmtree(folder)
    assert finish(arguments, log)[0] == 0, log.read_text()
    check_run(folder, whole, model)
    assert (folder / "history.csv").read_text() == (whole / "history.csv").read_text()
    assert {path.name for path in folder.iterdir()} == {path.name for path in whole.iterdir()}


@pytest.mark.parametrize("command", WRITERS)
def test_writers(command, unbroken, tmp_path):
    arguments, wanted = WRITERS[command]
    run, file, log = tmp_path / "run", tmp_path / "written" / "file", tmp_path / "log"
    shutil.copytree(unbroken[0], run)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    arguments = [text.format(run=run, file=file) for text in arguments]
    code, output, seconds = finish(arguments, log)
    assert code == 0, output
    whole = file.read_bytes()
    rng, kills = np.random.default_rng(9), 0
    while kills < wanted:
        old = None if rng.random() < 0.5 else b"what was there before"
        file.unlink(missing_ok=True)
        if old is not None:
            file.write_bytes(old)
        finished = kill(arguments, tmp_path if rng.random() < 0.5 else file.parent, log, rng, seconds)
        kills += not finished
        found = file.read_bytes() if file.exists() else None
        assert found == whole if finished else found in (old, whole)
        assert {path: path.read_bytes() for path in before} == before
    assert finish(arguments, log)[0] == 0, log.read_text()
    assert file.read_bytes() == whole
