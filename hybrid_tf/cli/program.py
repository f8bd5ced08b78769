"""The `hybrid-tf` command. Each command is one call of the library; heavy imports happen inside the commands."""

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hybrid_tf import __version__
from hybrid_tf.cli.analysis import AS_JSON, COMMANDS
from hybrid_tf.cli.micro import COMMANDS as MICRO_COMMANDS
from hybrid_tf.cli.options import (
    QuietCommand,
    given,
    network_options,
    network_spec,
    output_options,
    run_command,
    run_folder,
    setting_options,
)
from hybrid_tf.config import Config
from hybrid_tf.errors import HybridTFError

if TYPE_CHECKING:
    from rich.table import Table

    from hybrid_tf.compiler import Conversion, Verification
    from hybrid_tf.deploy import Int8Options

SAMPLES = click.option(
    "--samples", type=click.IntRange(1), default=256, show_default=True, help="test images to compare Keras and LCE on"
)


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

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """As click does it, with a suggestion."""
        name = args[0]
        if name not in self.commands and not name.startswith("-"):
            near = difflib.get_close_matches(name, self.commands, n=1)
            hint = f"did you mean '{near[0]}'? " if near else ""
            raise click.UsageError(f"unknown command '{name}': {hint}valid: {', '.join(self.commands)}")
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
    r"""List the networks, and the stages that a plan's `sections=` can name.

    \b
    Example: hybrid-tf models --json
    """
    from hybrid_tf.models.registry import find_network, network_names
    from hybrid_tf.tables import show, table

    found = [
        {"name": row.name, "stages": row.stages(row.heads[0]), "heads": list(row.heads), "input_size": row.input_size}
        for row in map(find_network, network_names())
    ]
    rows = [[item["name"], ",".join(item["stages"]), ", ".join(item["heads"]), item["input_size"]] for item in found]
    show(as_json, found, table("networks", ["network", "stages", "heads", "published input size"], rows))


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

    if Path(network_or_run).is_dir():
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
def train(out: Path | None, resume: bool, as_json: bool, strategy: str | None, **options: Any) -> None:
    r"""Train a network; leaves a run folder.

    \b
    Examples: hybrid-tf train --network resnet20 --plan residual --dataset fashion_mnist --epochs 15
              hybrid-tf train --network vgg11 --head compact --dataset path/to/images --input-size 64 --out runs/mine
              hybrid-tf train ... --out runs/mine --resume
              hybrid-tf train --resume-from runs/mine --int8-aware --out runs/mine-int8
    """
    from hybrid_tf.cli.recipe import show_run
    from hybrid_tf.training.fine_tuning import fine_tuning_config
    from hybrid_tf.training.session import train as train_run

    config = fine_tuning_config(given(options))
    if strategy == "multi-worker" and out is None:
        raise HybridTFError("--strategy multi-worker needs --out, a folder that all workers share")
    run = train_run(config, run_folder(config, out, resume), resume=resume, strategy=strategy)
    if run.finished:  # else this is a worker, and the chief has not written it yet
        show_run(run, as_json)


@cli.command()
@click.argument("run_or_file", metavar="RUN|FILE.tflite", type=click.Path(path_type=Path))
@click.option("--dataset", help="another data set than the run's")
@click.option("--engine", type=click.Choice(["lce", "runtime"]), help="what runs a file  [default: lce]")
@AS_JSON
def evaluate(run_or_file: Path, dataset: str | None, engine: str | None, as_json: bool) -> None:
    r"""Accuracy of a run (in Keras) or of a converted file (in LCE's interpreter, or hybrid-tf-runtime) on test images.

    \b
    Examples: hybrid-tf evaluate runs/first
              hybrid-tf evaluate model.tflite --dataset fashion_mnist --engine runtime
    """
    from hybrid_tf.deploy import evaluate_file, evaluate_run
    from hybrid_tf.tables import percent, show

    if run_or_file.is_dir() and engine:
        raise click.UsageError(f"--engine is for a file: {run_or_file} is a run, which Keras evaluates")
    found = (
        evaluate_run(run_or_file, dataset)
        if run_or_file.is_dir()
        else evaluate_file(run_or_file, dataset, engine or "lce")
    )
    text = f"{found['dataset']}: {percent(found['accuracy'])} of {found['images']:,} test images right"
    show(as_json, found, f"{run_or_file}: {text} ({found['engine']})")


@cli.command()
@click.argument("run_or_model", metavar="RUN|MODEL.keras", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="[default: RUN/model.tflite]")
@click.option("--dataset", help="real images to verify a Keras model on, and to calibrate it; a run has its own")
@click.option("--int8", is_flag=True, help="make the full-precision sections int8: a quarter of their memory")
@click.option(
    "--calibration", type=click.IntRange(1), help="with --int8: training images to measure ranges on  [default: 500]"
)
@click.option("--io", type=click.Choice(["float32", "int8"]), help="with --int8: input and output  [default: float32]")
@click.option("--int8-except", "except_layers", multiple=True, metavar="LAYER", help="with --int8: stays float32")
@SAMPLES
@AS_JSON
def convert(
    run_or_model: Path, output: Path | None, dataset: str | None, samples: int, as_json: bool, **options: Any
) -> None:
    r"""Convert a run, or a Keras or Larq model, to a .tflite file for Larq Compute Engine, and verify it.

    \b
    Examples: hybrid-tf convert runs/first
              hybrid-tf convert runs/first --int8
              hybrid-tf convert runs/first --int8 --int8-except classifier --calibration 1000
              hybrid-tf convert model.keras -o model.tflite --dataset cifar10
    """
    from hybrid_tf.deploy import convert_model, convert_run
    from hybrid_tf.tables import show

    int8 = _int8_options(**options)
    if run_or_model.is_dir():
        conversion, verification = convert_run(run_or_model, output, samples, int8)
    else:
        conversion, verification = convert_model(run_or_model, output, dataset, samples, int8)
    result = {"conversion": conversion.to_dict(), "verification": verification.to_dict()}
    show(as_json, result, _conversion_table(conversion), _verification_table(verification))


@cli.command()
@click.argument("run_or_model", metavar="RUN|MODEL.keras", type=click.Path(path_type=Path))
@click.argument("file", required=False, metavar="[FILE.tflite]", type=click.Path(path_type=Path))
@click.option("--dataset", help="real images for a Keras model; a run has its own")
@SAMPLES
@AS_JSON
@click.pass_context
def verify(
    ctx: click.Context, run_or_model: Path, file: Path | None, dataset: str | None, samples: int, as_json: bool
) -> None:
    r"""Compare a converted file with its Keras model on real test images; exit code 1 when they differ.

    \b
    Example: hybrid-tf verify runs/first runs/first/model.tflite --samples 1000
    """
    from hybrid_tf.deploy import verify_file
    from hybrid_tf.tables import show

    verification = verify_file(run_or_model, file, dataset, samples)
    show(as_json, verification.to_dict(), _verification_table(verification))
    if not verification.passed:
        click.echo(f"error: {verification.failure}", err=True)
        ctx.exit(1)


@cli.command()
@click.argument("run_or_file", metavar="RUN|FILE.tflite", type=click.Path(path_type=Path))
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--top", type=click.IntRange(1), default=1, show_default=True, help="classes to list for each image")
@AS_JSON
def predict(run_or_file: Path, images: tuple[Path, ...], top: int, as_json: bool) -> None:
    r"""Classify images with a run or a converted file.

    \b
    Example: hybrid-tf predict runs/first/model.tflite one.png two.jpg --top 3
    """
    from hybrid_tf.deploy import predict_images
    from hybrid_tf.tables import percent, show, table

    found = predict_images(run_or_file, images, top)
    rows = [[item["image"], guess["class"], percent(guess["probability"])] for item in found for guess in item["top"]]
    show(as_json, found, table(str(run_or_file), ["image", "class", "probability"], rows))


def _int8_options(int8: bool, **options: Any) -> "Int8Options | None":
    from hybrid_tf.deploy import Int8Options

    given_options = {name: value for name, value in options.items() if value}
    if not int8 and given_options:
        raise click.UsageError("--calibration, --io and --int8-except belong to --int8")
    return Int8Options(**given_options) if int8 else None


def _conversion_table(conversion: "Conversion") -> "Table":
    from hybrid_tf.tables import table

    ops = ", ".join(f"{count} {name}" for name, count in conversion.ops.items())
    rows = [["size", f"{conversion.bytes:,} bytes"], ["binary layers", conversion.binary_layers], ["operators", ops]]
    return table(str(conversion.path), ["file", ""], rows)


def _verification_table(verification: "Verification") -> "Table":
    from hybrid_tf.tables import percent, table

    found = verification
    rows = [
        ["images compared", f"{found.images:,}"],
        ["accuracy of Keras", percent(found.keras_accuracy)],
        ["accuracy of the file", percent(found.file_accuracy)],
        ["same class", percent(found.top1_agreement)],
        ["largest difference of a score", f"{found.max_abs_difference:.1e}"],
        ["... of the largest score", f"{found.max_rel_difference:.1e}"],
        ["images with a sign of zero but for rounding", f"{found.images_with_other_signs:,}"],
    ]
    if found.int8_tensors:
        share = f"{found.other_int8:.2%} of the values, by at most {found.most_lsb} LSB"
        rows += [["int8 tensors compared", found.int8_tensors], ["... that differ", share]]
    return table("verified" if found.passed else "NOT verified", ["Keras against the file", ""], rows)


for _command in (*COMMANDS, *MICRO_COMMANDS):
    cli.add_command(_command)


def main() -> None:
    """Entry point of the `hybrid-tf` program."""
    run_command(cli, "hybrid-tf")
