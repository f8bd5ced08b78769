"""The `hybrid-tf` command. Each command is one call of the library; heavy imports happen inside the commands."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from hybrid_tf import __version__
from hybrid_tf.cli.analysis import AS_JSON, COMMANDS
from hybrid_tf.cli.data import COMMANDS as DATA_COMMANDS
from hybrid_tf.cli.deployment import COMMANDS as DEPLOYMENT_COMMANDS
from hybrid_tf.cli.micro import COMMANDS as MICRO_COMMANDS
from hybrid_tf.cli.options import (
    QuietCommand,
    given,
    is_run,
    network_options,
    network_spec,
    output_options,
    reader_may_leave,
    run_command,
    setting_options,
)
from hybrid_tf.cli.search import COMMANDS as SEARCH_COMMANDS
from hybrid_tf.config import Config
from hybrid_tf.errors import HybridTFError, unknown


def _unwrapped(text: str | None) -> str:
    # Click looks for the character; docstrings with backslashes are raw, so they hold a backslash and a b.
    return (text or "").replace("\\b\n", "\b\n")


class Commands(click.Group):
    """A group that suggests the nearest command for one that does not exist."""

    command_class = QuietCommand

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As click does it, without wrapping the lines of examples."""
        self.help = _unwrapped(self.help)
        super().format_help(ctx, formatter)

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """As click does it, without wrapping the lines of examples in its help."""
        cmd.help = _unwrapped(cmd.help)
        super().add_command(cmd, name)

    def invoke(self, ctx: click.Context) -> Any:
        """As click does it, until the reader of the output leaves."""
        with reader_may_leave():
            return super().invoke(ctx)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """As click does it, with a suggestion."""
        name = args[0]
        if name not in self.commands and not name.startswith("-"):
            raise click.UsageError(str(unknown("command", name, self.commands)))
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__)
def cli() -> None:
    r"""Hybrid networks, part binary and part full precision: train, convert, verify.

    \b
    hybrid-tf train --network resnet20 --plan residual --dataset digits --out runs/first
    hybrid-tf convert runs/first
    hybrid-tf predict runs/first/model.tflite photo.png
    """


@cli.command()
@AS_JSON
def models(as_json: bool) -> None:
    r"""List the networks, with the stages that a plan's `sections=` can name, and the trained ones with what they cost.

    docs/choosing.md says how to choose by it.

    \b
    Example: hybrid-tf models --json
    """
    from hybrid_tf.models.registry import find_network, network_names
    from hybrid_tf.pretrained.measured import read_measured
    from hybrid_tf.tables import show, table

    found = [
        {"name": row.name, "stages": row.stages(row.heads[0]), "heads": list(row.heads), "input_size": row.input_size}
        for row in map(find_network, network_names())
    ]
    rows = [[item["name"], ",".join(item["stages"]), ", ".join(item["heads"]), item["input_size"]] for item in found]
    measured = read_measured().trained
    show(
        as_json,
        {"networks": found, "trained": asdict(measured)},
        table("networks", ["network", "stages", "heads", "published input size"], rows),
        *measured.tables(),
        *measured.sources,
    )


@cli.command()
@click.argument("network_or_run", metavar="NETWORK|RUN")
@click.option("--plan", default="residual", show_default=True, help="see `hybrid-tf train --help`")
@network_options
@AS_JSON
def summary(network_or_run: str, plan: str, as_json: bool, **options: Any) -> None:
    r"""Show the layers of a network, or of a run, and the memory of its weights.

    \b
    Examples: hybrid-tf summary vgg19 --plan residual --classes 100
              hybrid-tf summary runs/first --json
    """
    from hybrid_tf.analysis.summary import summarise
    from hybrid_tf.tables import show

    if is_run(network_or_run):
        from hybrid_tf.runs.run import load_run

        spec = load_run(network_or_run).spec
    else:
        spec = network_spec(network_or_run, options, plan)
    found = summarise(spec)
    show(as_json, found.to_dict(), found.table(), found.totals())


@cli.command()
@setting_options(Config())
@click.option("--strategy", metavar="mirrored|multi-worker", help="train on all GPUs, or on several computers")
@output_options
def train(out: Path | None, resume: str | None, as_json: bool, strategy: str | None, **options: Any) -> None:
    r"""Train a network; leaves a run folder.

    \b
    Examples: hybrid-tf train --network resnet20 --plan residual --dataset fashion_mnist --epochs 15
              hybrid-tf train --network vgg11 --head compact --dataset path/to/images --input-size 64 --out runs/mine
              hybrid-tf train --resume runs/mine
              hybrid-tf train --start-from resnet20-residual --dataset path/to/images --augmentation strong-flip
              hybrid-tf train --resume-from runs/mine --int8-aware --out runs/mine-int8
    """
    from hybrid_tf.cli.recipe import train_one

    if strategy == "multi-worker" and not (out or resume):
        raise HybridTFError("--strategy multi-worker needs --out, a folder that all workers share")
    train_one({}, given(options), out, resume, as_json, strategy)


for _command in (*DATA_COMMANDS, *DEPLOYMENT_COMMANDS, *COMMANDS, *SEARCH_COMMANDS, *MICRO_COMMANDS):
    cli.add_command(_command)


def main() -> None:
    """Entry point of the `hybrid-tf` program."""
    run_command(cli, "hybrid-tf")
