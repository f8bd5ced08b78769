"""What recipes share: a recipe is a difference from the default settings, run from the command line."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hybrid_tf.config import Config
from hybrid_tf.options import given, output_options, run_command, run_folder, setting_options
from hybrid_tf.quiet import QuietCommand
from hybrid_tf.tables import percent, show, table

if TYPE_CHECKING:
    from hybrid_tf.run import Run


def run_recipe(doc: str, defaults: dict[str, Any], paper: dict[str, Any]) -> None:
    """Runs a recipe as a program.

    Args:
        doc: the recipe's docstring, shown by `--help`.
        defaults: its settings, as far as they differ from the defaults of `Config`.
        paper: what `--paper` changes.
    """

    def train_one(config: Config, out: Path | None, resume: bool, as_json: bool) -> None:
        from hybrid_tf.train import train

        show_run(train(config, run_folder(config, out, resume), resume=resume), as_json)

    run_command(recipe_command(doc, defaults, paper, train_one))


def recipe_command(
    doc: str, defaults: dict[str, Any], paper: dict[str, Any], run: Callable[..., None]
) -> click.Command:
    """Returns the click command of a recipe; `run(config, out=, resume=, as_json=, ...)` does its work."""

    @click.command(cls=QuietCommand, help="\b\n" + doc.strip().replace("\n\n", "\n\n\b\n"))
    @setting_options(Config.from_dict(defaults))
    @click.option("--paper", is_flag=True, help=f"the paper's setting: {_options_text(paper)}")
    @output_options
    def command(**options: Any) -> None:
        changes = paper if options.pop("paper") else {}
        config = Config.from_dict(defaults | changes | given(options))
        run(config, options["out"], options["resume"], options["as_json"])

    return command


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
