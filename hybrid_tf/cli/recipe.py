"""The programs that recipes are: a recipe is a difference from the default settings, run from the command line."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hybrid_tf.cli.options import QuietCommand, given, output_options, run_command, run_folder, setting_options
from hybrid_tf.config import Config
from hybrid_tf.errors import unknown
from hybrid_tf.runs.names import CONFIG, REPORT
from hybrid_tf.system.notices import say
from hybrid_tf.tables import percent, show, table

if TYPE_CHECKING:
    from hybrid_tf.runs.report import Report
    from hybrid_tf.runs.run import Run
    from hybrid_tf.study.comparison import Entry


def run_recipe(doc: str, defaults: dict[str, Any], paper: dict[str, Any]) -> None:
    """Runs a recipe as a program that trains one network.

    Args:
        doc: docstring of the recipe, shown by `--help`.
        defaults: settings of the recipe, as far as they differ from the defaults of `Config`.
        paper: settings that `--paper` changes.
    """

    @_command(doc, defaults, paper)
    def command(use_paper: bool, out: Path | None, resume: str | None, as_json: bool, **options: Any) -> None:
        train_one(defaults, (paper if use_paper else {}) | given(options), out, resume, as_json)

    run_command(command)


def train_one(
    usual: dict[str, Any],
    wanted: dict[str, Any],
    out: Path | None,
    resume: str | None,
    as_json: bool,
    strategy: str | None = None,
) -> None:
    """Trains a network, or goes on with a run, and prints the result.

    Args:
        usual: settings of a new run where nothing else is wanted; a run that goes on has its own.
        wanted: settings that the user has asked for.
        out: run folder; None for one that is named after the settings.
        resume: run folder to go on with, LAST for `out` or the last one of the name; None for a new run.
        as_json: whether to print the result as JSON.
        strategy: strategy for several processors.
    """
    from hybrid_tf.training.resuming import resumed_config
    from hybrid_tf.training.session import train
    from hybrid_tf.training.settings import complete_config

    config = None if resume else complete_config(usual | wanted)
    folder = run_folder(config or Config(), out, resume)
    if resume or (resume is not None and (folder / CONFIG).exists()):
        config = resumed_config(folder, wanted)
        if (folder / REPORT).exists():
            say(f"{folder} is finished: this is its result; another --out trains again")
    run = train(config, folder, resume=resume is not None, strategy=strategy)
    if run.finished:  # else this is a worker, and the chief has not written it yet
        show_run(run, as_json)


def run_comparison(doc: str, plans: tuple[str, ...], defaults: dict[str, Any], paper: dict[str, Any]) -> None:
    """Runs a recipe as a program that trains a network under several plans, `plans` when none is given."""

    @_command(doc, defaults, paper)
    @click.option(
        "--seeds", type=click.IntRange(1), default=1, show_default=True, help="runs of each plan, seeds from 0"
    )
    def command(
        use_paper: bool,
        out: Path | None,
        resume: str | None,
        as_json: bool,
        plan: tuple[str, ...],
        seeds: int,
        **options: Any,
    ) -> None:
        from hybrid_tf.study.comparison import plan_entries

        config = Config.from_dict(defaults | (paper if use_paper else {}) | given(options))
        folder = run_folder(config, out, resume, several_plans=True)
        title = f"{config.network}, {config.dataset}, {config.run_epochs} epochs each"
        _compare(plan_entries(config, plan or plans, seeds), folder, title, resume is not None, as_json)

    run_command(command)


def run_study(
    doc: str, title: str, entries: Sequence["Entry"], folder: Path, prepare: Callable[[], None] = lambda: None
) -> None:
    """Runs a recipe as a program that trains and compares `entries`, or those of them that are named, in `folder`.

    `prepare` makes the data sets, if they have to be made.
    """
    names = [entry.name for entry in entries]

    @click.command(cls=QuietCommand, help=_help(doc))
    @click.argument("chosen", metavar="[NAME]...", nargs=-1)
    @click.option("--list", "only_list", is_flag=True, help="list the names")
    @click.option("--finished", is_flag=True, help="train nothing: compare the runs that are finished")
    @click.option("--smoke", is_flag=True, help="2 epochs on 256 images: does everything work?")
    @click.option("--out", type=click.Path(path_type=Path), default=folder, show_default=True, help="for the runs")
    @click.option("--json", "as_json", is_flag=True, help="print the result as JSON")
    def command(
        chosen: tuple[str, ...], only_list: bool, finished: bool, smoke: bool, out: Path, as_json: bool
    ) -> None:
        for name in chosen:
            if name not in names:
                raise unknown("entry", name, names)
        if only_list:
            show(as_json, names, *names)
            return
        prepare()
        found = [entry for entry in entries if entry.name in (chosen or names)]
        found = [replace(entry, config=entry.config.with_changes(smoke=smoke)) for entry in found]
        _compare(found, out, title, True, as_json, finished)

    run_command(command)


def _compare(
    entries: Sequence["Entry"], folder: Path, title: str, resume: bool, as_json: bool, finished: bool = False
) -> None:
    from hybrid_tf.study.comparison import FIGURE, compare, rows_table

    rows = compare(entries, folder, resume=resume, finished=finished)
    show(as_json, [asdict(row) for row in rows], rows_table(rows, title), f"figures: {folder / FIGURE}")


def _command(doc: str, defaults: dict[str, Any], paper: dict[str, Any]) -> Callable[[Callable], click.Command]:
    """Returns a decorator that makes a click command with a recipe's options."""

    def decorate(function: Callable) -> click.Command:
        for decorate_option in (
            output_options,
            click.option("--paper", "use_paper", is_flag=True, help=f"the paper's setting: {_options_text(paper)}"),
            setting_options(Config.from_dict(defaults)),
        ):
            function = decorate_option(function)
        return click.command(cls=QuietCommand, help=_help(doc))(function)

    return decorate


def _help(doc: str) -> str:
    return "\b\n" + doc.strip().replace("\n\n", "\n\n\b\n")  # \b: click keeps the lines as they are


def _options_text(settings: dict[str, Any]) -> str:
    return " ".join(f"--{name.replace('_', '-')} {value}" for name, value in settings.items())


def _stopped_early(report: "Report") -> list[list[str]]:
    """Returns a row for a training that patience has ended."""
    if report.planned_epochs is None or report.planned_epochs == report.epochs:
        return []
    waited = report.epochs - report.best_epoch
    return [["ended early", f"{waited} epochs without a better one; {report.planned_epochs} were planned"]]


def _of(images: int | None) -> str:
    return f" of {images:,} images" if images else ""


def show_run(run: "Run", as_json: bool) -> None:
    """Prints the result of a finished run and what to do next."""
    from hybrid_tf.deploy.freshness import warn_of_stale_files

    warn_of_stale_files(run.folder)
    report = run.report
    rows = [
        ["test accuracy", f"{percent(report.test_accuracy)} of {report.test_images:,} images"],
        ["validation accuracy", percent(report.validation_accuracy) + _of(report.validation_images)],
        ["best epoch", f"{report.best_epoch} of {report.epochs}"],
        *_stopped_early(report),
        ["full-precision weights", f"{report.weights.full_precision:,}"],
        ["binary weights", f"{report.weights.binary:,}"],
        ["compression of the weights", f"{report.compression:.2f}x"],
    ]
    title = f"{report.network}, plan {report.plan}, {Path(report.dataset).name}"
    show(
        as_json,
        report.to_dict() | {"run": str(run.folder)},
        table(title, ["", "result"], rows),
        f"run folder: {run.folder}",
        f"next: hybrid-tf convert {run.folder}{' --int8' if run.config.int8_aware else ''}, or "
        f"hybrid-tf evaluate {run.folder} --report mistakes.html",
    )
