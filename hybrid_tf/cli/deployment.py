"""The commands that take a run or a file to the device: evaluate, convert, verify, predict."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hybrid_tf.cli.analysis import AS_JSON
from hybrid_tf.cli.options import QuietCommand

if TYPE_CHECKING:
    from rich.table import Table

    from hybrid_tf.compiler import Conversion, Verification
    from hybrid_tf.deploy.conversion import Int8Options
    from hybrid_tf.deploy.metrics import Evaluation

SAMPLES = click.option(
    "--samples", type=click.IntRange(1), default=256, show_default=True, help="test images to compare Keras and LCE on"
)


@click.command(cls=QuietCommand)
@click.argument("run_or_file", metavar="RUN|FILE.tflite", type=click.Path(path_type=Path))
@click.option("--dataset", help="another data set than the run's")
@click.option("--engine", type=click.Choice(["lce", "runtime"]), help="what runs a file  [default: lce]")
@click.option(
    "--report", type=click.Path(path_type=Path), help="an HTML page: confusions, calibration, surest mistakes"
)
@AS_JSON
def evaluate(run_or_file: Path, dataset: str | None, engine: str | None, report: Path | None, as_json: bool) -> None:
    r"""Accuracy of a run (in Keras) or of a converted file (in LCE's interpreter, or hybrid-tf-runtime) on test images.

    The table shows the worst classes; --json has all of them, and the confusion matrix.

    \b
    Examples: hybrid-tf evaluate runs/first --report wrong.html
              hybrid-tf evaluate model.tflite --dataset fashion_mnist --engine runtime
    """
    from hybrid_tf.deploy.evaluation import evaluate_file, evaluate_run
    from hybrid_tf.system.notices import warn
    from hybrid_tf.tables import percent, show

    if run_or_file.is_dir() and engine:
        raise click.UsageError(f"--engine is for a file: {run_or_file} is a run, which Keras evaluates")
    found = (
        evaluate_run(run_or_file, dataset)
        if run_or_file.is_dir()
        else evaluate_file(run_or_file, dataset, engine or "lce")
    )
    text = f"{found.dataset}: {percent(found.accuracy)} of {found.images:,} test images right"
    parts: list[Any] = [f"{run_or_file}: {text} ({found.engine})", _classes_table(found)]
    if report:
        from hybrid_tf.study.evaluation_page import write_evaluation_page

        write_evaluation_page(found, report, str(run_or_file))
        parts.append(f"wrote {report}")
    show(as_json, found.to_dict() | ({"report": str(report)} if report else {}), *parts)
    for text in found.warnings:
        warn(text)


def _classes_table(found: "Evaluation") -> "Table":
    from hybrid_tf.study.evaluation_page import LISTED, worst_classes
    from hybrid_tf.tables import percent, table

    rows = [
        [
            row.name,
            f"{row.images:,}",
            percent(row.accuracy),
            "{:.1f} to {:.1f} %".format(*(100 * end for end in row.interval)) if row.interval else "-",
            row.taken_for or "-",
        ]
        for row in worst_classes(found)[:LISTED]
    ]
    more = f", the {LISTED} worst of {len(found.class_names)}" if len(found.class_names) > LISTED else ""
    title = f"classes{more}; balanced accuracy {percent(found.balanced_accuracy)}"
    return table(title, ["class", "images", "accuracy", "95 % interval", "others taken most often for"], rows)


@click.command(cls=QuietCommand)
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
    from hybrid_tf.deploy.conversion import convert_model, convert_run
    from hybrid_tf.tables import show

    int8 = _int8_options(**options)
    if run_or_model.is_dir():
        conversion, verification = convert_run(run_or_model, output, samples, int8)
    else:
        conversion, verification = convert_model(run_or_model, output, dataset, samples, int8)
    result = {"conversion": conversion.to_dict(), "verification": verification.to_dict()}
    show(as_json, result, _conversion_table(conversion), _verification_table(verification))


@click.command(cls=QuietCommand)
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
    from hybrid_tf.deploy.conversion import verify_file
    from hybrid_tf.tables import show

    verification = verify_file(run_or_model, file, dataset, samples)
    show(as_json, verification.to_dict(), _verification_table(verification))
    if not verification.passed:
        click.echo(f"error: {verification.failure}", err=True)
        ctx.exit(1)


@click.command(cls=QuietCommand)
@click.argument("run_or_file", metavar="RUN|FILE.tflite", type=click.Path(path_type=Path))
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--top", type=click.IntRange(1), default=1, show_default=True, help="classes to list for each image")
@AS_JSON
def predict(run_or_file: Path, images: tuple[Path, ...], top: int, as_json: bool) -> None:
    r"""Classify images with a run or a converted file.

    \b
    Example: hybrid-tf predict runs/first/model.tflite one.png two.jpg --top 3
    """
    from hybrid_tf.deploy.prediction import predict_images
    from hybrid_tf.tables import percent, show, table

    found = predict_images(run_or_file, images, top)
    rows = [[item["image"], guess["class"], percent(guess["probability"])] for item in found for guess in item["top"]]
    show(as_json, found, table(str(run_or_file), ["image", "class", "probability"], rows))


def _int8_options(int8: bool, **options: Any) -> "Int8Options | None":
    from hybrid_tf.deploy.conversion import Int8Options

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


COMMANDS = (evaluate, convert, verify, predict)
