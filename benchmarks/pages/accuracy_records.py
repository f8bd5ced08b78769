"""The records of finished runs, docs/accuracy/STUDY/RUN.json, so that a page needs no run folders.

Runs take hours, on several machines, and their folders are not committed: a record has what the page shows of one run.
"""

import hashlib
import runpy
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click

from hybrid_tf.config import Config
from hybrid_tf.errors import HybridTFError
from hybrid_tf.runs.names import REPORT
from hybrid_tf.runs.run import load_run
from hybrid_tf.study.comparison import Row, combined, row_of_run
from hybrid_tf.system.files import read_json, write_json
from hybrid_tf.training.settings import train_command

ROOT = Path(__file__).parents[2]
RECORDS = ROOT / "docs" / "accuracy"
_SAMPLES = 1000  # test images that files are verified on, as `compare` does it


@dataclass(frozen=True)
class Record:
    """What is kept of a finished run.

    Attributes:
        seed: of the run.
        epochs: how many it had.
        best_epoch: whose weights it gave, from 1.
        command: the `hybrid-tf train` command with its settings.
        report: SHA-256 of its `report.json`; with another one the record is made again.
        row: of the run alone.
    """

    seed: int
    epochs: int
    best_epoch: int
    command: str
    report: str
    row: Row


def study_rows(study: str) -> list[Row]:
    """Returns a row for each entry of `recipes/STUDY.py` that has records, after those of the runs here were renewed.

    Raises:
        HybridTFError: when a run or a record has other settings than the recipe, or cannot be read.
    """
    entries = runpy.run_path(str(ROOT / "recipes" / f"{study}.py"))["ENTRIES"]
    found = [
        [record.row for run in entry.runs(Path("runs") / study) if (record := _record(study, entry.name, *run))]
        for entry in entries
    ]
    return [combined(rows) for rows in found if rows]


def _record(study: str, name: str, config: Config, folder: Path) -> Record | None:
    """Returns the record of a run, a new one when the run is here and has another report; None without either."""
    path, command = RECORDS / study / f"{folder.name}.json", train_command(config)
    stored = _read(path) if path.exists() else None
    report = ROOT / folder / REPORT
    digest = hashlib.sha256(report.read_bytes()).hexdigest() if report.exists() else None
    if digest and (stored is None or stored.report != digest):
        stored = _made(name, folder, digest, command)
        write_json(path, asdict(stored))
    if stored:
        _check_command(path, stored.command, command)
    return stored


def _made(name: str, folder: Path, digest: str, command: str) -> Record:
    run = load_run(ROOT / folder)
    _check_command(folder, train_command(run.config), command)
    click.echo(f"converting and verifying {folder}", err=True)
    row = replace(row_of_run(run, name, _SAMPLES), run=str(folder))
    return Record(run.config.seed, run.report.epochs, run.report.best_epoch, command, digest, row)


def _read(path: Path) -> Record:
    stored = read_json(path)
    try:
        return Record(**stored | {"row": Row(**stored["row"])})
    except (KeyError, TypeError) as error:
        raise HybridTFError(
            f"{path} is not a record of this version ({error}): restore it, or remove it and run this again where its "
            "run is"
        ) from error


def _check_command(path: Path, found: str, wanted: str) -> None:
    if found != wanted:
        raise HybridTFError(
            f"{path} is of `{found}`, and the recipe now has `{wanted}`: remove it, or give the recipe its settings"
        )
