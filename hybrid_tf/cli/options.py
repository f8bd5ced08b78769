"""The command line of training, made from the settings: shared by recipes and `hybrid-tf train`."""

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from hybrid_tf.config import Config, option
from hybrid_tf.errors import HybridTFError, printable
from hybrid_tf.models.plan import Plan
from hybrid_tf.models.spec import NetworkSpec
from hybrid_tf.system.quiet import silenced

RUNS = Path("runs")
LAST = ""  # the value of --resume that has none


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """Ends what prints within it, without an error, when the reader of the output, say `head`, has seen enough."""
    try:
        yield
        if sys.stdout:  # else it was closed
            sys.stdout.flush()
    except BrokenPipeError:  # click would make exit code 1 of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class QuietCommand(click.Command):
    """A command that loads TensorFlow, without its start-up messages, once its options are read: `--help` is fast."""

    def invoke(self, ctx: click.Context) -> Any:
        """As click does it, with TensorFlow loaded."""
        with silenced():  # no environment variable turns these messages off
            import tensorflow as tf

            tf.config.list_physical_devices()
        tf.get_logger().setLevel("ERROR")
        with reader_may_leave():
            return super().invoke(ctx)


def setting_options(defaults: Config, without: tuple[str, ...] = ()) -> Callable[[Callable], Callable]:
    """Returns a decorator that gives a click command an option for each setting, with `defaults` in its help.

    Settings named in `without` have none.

    `--plan` can be given several times; all but comparisons refuse more than one.
    """

    def decorate(command: Callable) -> Callable:
        for item in reversed([item for item in fields(Config) if item.name not in without]):
            default = getattr(defaults, item.name)
            flag = item.metadata["kind"] is bool
            text = item.metadata["help"]
            if default is not None and not flag:
                text += f"  [default: {default}]"
            choices = item.metadata["choices"]
            kind = {} if flag else {"type": item.metadata["kind"], "metavar": "|".join(choices) or None}
            kind |= {"multiple": True} if item.name == "plan" else {"default": None}
            command = click.option(option(item.name), item.name, is_flag=flag, help=text, **kind)(command)
        return command

    return decorate


def given(options: dict[str, Any]) -> dict[str, Any]:
    """Returns the settings among `options` that the user gave. Raises HybridTFError for more than one plan."""
    found = {item.name: options[item.name] for item in fields(Config) if options.get(item.name) is not None}
    plans = found.pop("plan", ())
    if len(plans) > 1:
        raise HybridTFError("--plan can be given once; recipes/compare_plans.py takes several")
    return found | ({"plan": plans[0]} if plans else {})


def network_options(command: Callable) -> Callable:
    """A decorator for the options that describe a network that need not be trained; see `network_spec`."""
    for decorate in (
        click.option("--head", help="VGG only: paper or compact"),
        click.option("--width", type=float, default=1.0, show_default=True, help="multiplies the channels"),
        click.option("--channels", type=int, default=3, show_default=True),
        click.option("--input-size", type=int, default=32, show_default=True, help="height and width"),
        click.option("--classes", type=int, default=10, show_default=True),
    ):
        command = decorate(command)
    return command


def network_spec(name: str, options: dict[str, Any], plan: str = "residual") -> NetworkSpec:
    """Returns the network that the values of `network_options` describe."""
    shape = (options["input_size"], options["input_size"], options["channels"])
    return NetworkSpec(name, Plan.parse(plan), shape, options["classes"], options["width"], options["head"])


def is_run(source: str, *kinds: str) -> bool:
    """Whether an argument NETWORK|RUN is a run folder, not a network.

    Args:
        source: the argument.
        kinds: what else the argument may be, for the error.

    Raises:
        HybridTFError: when it is the path of something else.
    """
    from hybrid_tf.models.registry import network_names
    from hybrid_tf.runs.kinds import ABSENT, RUN, expect, kind_of

    path = Path(source)
    found = kind_of(path)
    if found != RUN and source not in network_names() and (found != ABSENT or len(path.parts) > 1):
        expect(path, RUN, *kinds, or_else="the name of a network")
    return found == RUN


def output_options(command: Callable) -> Callable:
    """A decorator for the options that say where a run goes: `out`, `resume` (LAST without a value), `as_json`."""
    for decorate in (
        click.option("--json", "as_json", is_flag=True, help="print the result as JSON"),
        click.option(
            "--resume",
            is_flag=False,
            flag_value=LAST,
            metavar="[RUN]",
            help="continue RUN, with its settings; without RUN that in --out, or the last one of this name, started "
            "when there is none",
        ),
        click.option("--out", type=click.Path(path_type=Path), help="run folder  [default: runs/NETWORK-PLAN-DATASET]"),
    ):
        command = decorate(command)
    return command


def run_folder(config: Config, out: Path | None, resume: str | None, several_plans: bool = False) -> Path:
    """Returns where a run goes: `out`, or a folder below `runs/` named after the settings and numbered when taken.

    With `resume` it is the folder that is resumed, or, if it is LAST, the last one of that name.

    Raises:
        HybridTFError: when `resume` and `out` are two folders.
    """
    if resume and out is not None and out.resolve() != Path(resume).resolve():
        raise HybridTFError(f"--resume {resume} goes on in its own folder: leave --out {out} out")
    if resume or out is not None:
        return Path(resume) if resume else out
    dataset = Path(config.dataset).name if "/" in config.dataset else config.dataset
    plan = "compare" if several_plans else Plan.parse(config.plan).file_name
    name = f"{config.network}-{plan}-{dataset}"
    taken = [folder for folder in _numbered(name) if folder.exists()]
    if resume is not None and taken:
        return taken[-1]
    return next(folder for folder in _numbered(name) if not folder.exists())


def _numbered(name: str) -> list[Path]:
    return [RUNS / name, *(RUNS / f"{name}-{number}" for number in range(2, 1000))]


def run_command(command: click.Command, name: str | None = None) -> None:
    """Runs a click command as a program: a user's mistake ends in one line on standard error and exit code 1 or 2."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # class names that the terminal's encoding does not have
    try:
        sys.exit(command.main(prog_name=name, standalone_mode=False))
    except click.ClickException as error:
        click.echo(f"error: {_one_line(error.format_message())}", err=True)
        sys.exit(2)
    except HybridTFError as error:
        click.echo(f"error: {_one_line(str(error))}", err=True)
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort) as error:
        reason = error.__cause__ if isinstance(error, click.Abort) else error  # click wraps it
        click.echo(str(reason or "") or "stopped", err=True)
        sys.exit(130)
    except OSError as error:
        click.echo(f"error: {error.strerror or error}" + (f": {error.filename}" if error.filename else ""), err=True)
        sys.exit(1)


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))
