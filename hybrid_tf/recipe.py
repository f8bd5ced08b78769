"""What recipes share: a recipe is a difference from the default settings, run from the command line."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hybrid_tf.config import Config
from hybrid_tf.options import QuietCommand, given, output_options, run_command, run_folder, setting_options
from hybrid_tf.tables import percent, show, table

if TYPE_CHECKING:
    from hybrid_tf.run import Run


def run_recipe(doc: str, defaults: dict[str, Any], paper: dict[str, Any]) -> None:
    """Runs a recipe as a program that trains one network.

    Args:
        doc: the recipe's docstring, shown by `--help`.
        defaults: its settings, as far as they differ from the defaults of `Config`.
        paper: what `--paper` changes.
    """

    @_command(doc, defaults, paper)
    def command(use_paper: bool, out: Path | None, resume: bool, as_json: bool, **options: Any) -> None:
        from hybrid_tf.training import train

        config = Config.from_dict(defaults | (paper if use_paper else {}) | given(options))
        show_run(train(config, run_folder(config, out, resume), resume=resume), as_json)

    run_command(command)


def run_comparison(doc: str, plans: tuple[str, ...], defaults: dict[str, Any], paper: dict[str, Any]) -> None:
    """Runs a recipe as a program that trains a network under several plans, `plans` when none is given."""

    @_command(doc, defaults, paper)
    def command(
        use_paper: bool, out: Path | None, resume: bool, as_json: bool, plan: tuple[str, ...], **options: Any
    ) -> None:
        from hybrid_tf.compare import FIGURE, compare, rows_table

        config = Config.from_dict(defaults | (paper if use_paper else {}) | given(options))
        folder = run_folder(config, out, resume, several_plans=True)
        rows = compare(config, list(plan or plans), folder, resume=resume)
        title = f"{config.network}, {config.dataset}, {config.run_epochs} epochs each"
        show(as_json, [asdict(row) for row in rows], rows_table(rows, title), f"figure: {folder / FIGURE}")

    run_command(command)


def _command(doc: str, defaults: dict[str, Any], paper: dict[str, Any]) -> Callable[[Callable], click.Command]:
    """Returns a decorator that makes a click command with a recipe's options."""
    text = "\b\n" + doc.strip().replace("\n\n", "\n\n\b\n")  # \b: click keeps the lines as they are

    def decorate(function: Callable) -> click.Command:
        for decorate_option in (
            output_options,
            click.option("--paper", "use_paper", is_flag=True, help=f"the paper's setting: {_options_text(paper)}"),
            setting_options(Config.from_dict(defaults)),
        ):
            function = decorate_option(function)
        return click.command(cls=QuietCommand, help=text)(function)

    return decorate


def _options_text(settings: dict[str, Any]) -> str:
    return " ".join(f"--{name.replace('_', '-')} {value}" for name, value in settings.items())


def show_run(run: "Run", as_json: bool) -> None:
    """Prints the result of a finished run and what to do next."""
    report = run.report
    rows = [
        ["test accuracy", percent(report["test_accuracy"])],
        ["validation accuracy", percent(report["validation_accuracy"])],
        ["best epoch", f"{report['best_epoch']} of {report['epochs']}"],
        ["full-precision weights", f"{report['weights']['full_precision']:,}"],
        ["binary weights", f"{report['weights']['binary']:,}"],
        ["compression of the weights", f"{report['compression']:.2f}x"],
    ]
    title = f"{report['network']}, plan {report['plan']}, {report['dataset']}"
    show(
        as_json,
        report | {"run": str(run.folder)},
        table(title, ["", "result"], rows),
        f"run folder: {run.folder}",
        f"next: hybrid-tf convert {run.folder}",
    )
