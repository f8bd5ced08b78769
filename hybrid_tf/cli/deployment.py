"""The commands that take a run or a file to the device: evaluate, convert, verify, predict."""

import json
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from hybrid_tf.cli.analysis import AS_JSON
from hybrid_tf.cli.model_options import check_is_model, model_options
from hybrid_tf.cli.options import QuietCommand

if TYPE_CHECKING:
    from rich.table import Table

    from hybrid_tf.compiler import Conversion, Verification
    from hybrid_tf.deploy.conversion import Int8Options
    from hybrid_tf.deploy.metrics import Evaluation
    from hybrid_tf.deploy.speed import SideBySide

SAMPLES = click.option(
    "--samples",
    type=click.IntRange(1),
    default=256,
    show_default=True,
    help="test images to compare on; noise where there are none",
)


@click.command(cls=QuietCommand)
@click.argument("run_or_file", metavar="RUN|FILE.tflite", type=click.Path(path_type=Path))
@click.option("--dataset", help="another data set than the run's")
@click.option("--engine", type=click.Choice(["lce", "runtime"]), help="what runs a file  [default: lce, if installed]")
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
    from hybrid_tf.deploy.freshness import warn_of_stale_files
    from hybrid_tf.runs.kinds import RUN, TFLITE, expect
    from hybrid_tf.system.notices import warn
    from hybrid_tf.tables import percent, show

    expect(run_or_file, RUN, TFLITE)
    warn_of_stale_files(run_or_file)
    if run_or_file.is_dir() and engine:
        raise click.UsageError(f"--engine is for a file: {run_or_file} is a run, which Keras evaluates")
    found = evaluate_run(run_or_file, dataset) if run_or_file.is_dir() else evaluate_file(run_or_file, dataset, engine)
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
@click.argument("run_or_model", metavar="RUN|MODEL", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="[default: RUN/model.tflite]")
@click.option("--dataset", help="real images to verify on, not noise, and to calibrate with; a run has its own")
@click.option("--int8", is_flag=True, help="make the full-precision sections int8: a quarter of their memory")
@click.option(
    "--calibration", type=click.IntRange(1), help="with --int8: training images to measure ranges on  [default: 500]"
)
@click.option("--io", type=click.Choice(["float32", "int8"]), help="with --int8: input and output  [default: float32]")
@click.option("--int8-except", "except_layers", multiple=True, metavar="LAYER", help="with --int8: stays float32")
@click.option("--converter", type=click.Choice(["own", "lce"]), default="own", show_default=True, help="what makes it")
@click.option("--strict", is_flag=True, help="refuse a layer that would stay in full precision, as of a run")
@model_options
@SAMPLES
@AS_JSON
def convert(
    run_or_model: Path,
    output: Path | None,
    dataset: str | None,
    converter: str,
    strict: bool,
    samples: int,
    as_json: bool,
    mean: str | None,
    std: str | None,
    classes: Path | None,
    scores: str | None,
    **options: Any,
) -> None:
    r"""Convert a run or a model to a .tflite file for Larq Compute Engine, and verify it.

    A model is a Keras or Larq model (.keras, .h5), a float .tflite file of any framework, or a SavedModel folder.

    Verified is that the file computes what the network does, on test images; of a Keras model without --dataset on
    noise. How pixels become such a model's inputs is told, shown by its layers, or found by trying the usual ways on
    --dataset; where that does not show it, it is an error. The scores of an int8 file are compared with the network as
    int8 rounds it, and what the rounding costs is measured: the accuracy of both on the same test images. Where there
    is a float and an int8 file, both are timed.

    TensorFlow's converter makes a float file, which passes of hybrid-tf turn into a binary one; of a model, what cannot
    be binary stays in full precision, with a warning. Float files and SavedModels need neither Larq nor Larq Compute
    Engine, and are compared with the float file in LiteRT. --converter lce takes that of Larq Compute Engine.

    \b
    Examples: hybrid-tf convert runs/first
              hybrid-tf convert runs/first --int8
              hybrid-tf convert runs/first --int8 --int8-except classifier --calibration 1000
              hybrid-tf convert model.keras -o model.tflite --dataset cifar10
              hybrid-tf convert model.keras --mean 0 --std 255 --classes labels.txt
              hybrid-tf convert float.tflite -o binary.tflite
    """
    from hybrid_tf.deploy.speed import side_by_side
    from hybrid_tf.deploy.told import read_told
    from hybrid_tf.runs.kinds import MODEL, RUN, SAVED_MODEL, TFLITE, expect
    from hybrid_tf.tables import show

    kind = expect(run_or_model, RUN, MODEL, TFLITE, SAVED_MODEL)
    told = {"mean": mean, "std": std, "classes": classes, "scores": scores}
    if kind in (TFLITE, SAVED_MODEL):
        _check_is_own(run_or_model, converter, options)
        from hybrid_tf.deploy.float_conversion import convert_float

        conversion, verification = convert_float(run_or_model, output, dataset, samples, read_told(**told))
    else:
        from hybrid_tf.deploy.conversion import convert_model, convert_run

        int8 = _int8_options(**options)
        if kind == RUN:
            check_is_model(run_or_model, **told)
            conversion, verification = convert_run(run_or_model, output, samples, int8, dataset, converter)
        else:
            conversion, verification = convert_model(
                run_or_model, output, dataset, samples, int8, read_told(**told), converter, strict=strict
            )
    both = side_by_side(conversion.path)
    result = {
        "conversion": conversion.to_dict(),
        "verification": verification.to_dict(),
        "side_by_side": both and both.to_dict(),
    }
    tables = [_conversion_table(conversion), _verification_table(verification), *([_speed_table(both)] if both else [])]
    show(as_json, result, *tables, _next_step(conversion.path))
    _warn_of_lost_accuracy(run_or_model, verification)


@click.command(cls=QuietCommand)
@click.argument("run_or_model", metavar="RUN|MODEL.keras", type=click.Path(path_type=Path))
@click.argument("file", required=False, metavar="[FILE.tflite]", type=click.Path(path_type=Path))
@click.option("--dataset", help="images for a Keras model; a run has its own")
@SAMPLES
@AS_JSON
@click.pass_context
def verify(
    ctx: click.Context, run_or_model: Path, file: Path | None, dataset: str | None, samples: int, as_json: bool
) -> None:
    r"""Compare a converted file with its Keras model on test images; exit code 1 when they differ.

    A run has its own test images; a Keras model without --dataset is compared on noise.

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
@click.argument("images", metavar="IMAGE|FOLDER|PATTERN|-...", nargs=-1, required=True)
@click.option("--top", type=click.IntRange(1), default=1, show_default=True, help="classes to list for each image")
@click.option("--json", "as_json", is_flag=True, help="print JSON Lines: one object for each image")
@click.pass_context
def predict(ctx: click.Context, run_or_file: Path, images: tuple[str, ...], top: int, as_json: bool) -> None:
    r"""Classify images with a run or a converted file, one line each, as they are done.

    Of a folder all images are taken, in folders below it, too, but for hidden files. A quoted pattern is resolved, `**`
    matches folders; `-` reads paths from standard input, one a line. What cannot be read is one line on standard error,
    with --json also an object with `error`, and the exit code is then 1.

    \b
    Examples: hybrid-tf predict runs/first/model.tflite one.png two.jpg --top 3
              hybrid-tf predict model.tflite photos --json > classes.jsonl
              find . -name '*.jpg' -newer last | hybrid-tf predict model.tflite -
    """
    from hybrid_tf.deploy.prediction import predict_images
    from hybrid_tf.errors import printable
    from hybrid_tf.system.notices import say
    from hybrid_tf.tables import percent

    failed = 0
    for found in predict_images(run_or_file, images, top):
        if as_json:
            print(json.dumps(found), flush=True)
        elif "top" in found:
            classes = ", ".join(f"{guess['class']} {percent(guess['probability'])}" for guess in found["top"])
            print(printable(f"{found['image']}: {classes}"), flush=True)
        if "error" in found:
            failed += 1
            say(f"error: {found['error']}")
    if failed:
        ctx.exit(1)


def _check_is_own(source: Path, converter: str, options: dict[str, Any]) -> None:
    """Refuses what a float file or a SavedModel cannot have."""
    from hybrid_tf.errors import HybridTFError

    if converter != "own":
        raise HybridTFError(f"LCE's converter takes Keras models, and {source} is none: leave --converter out")
    if any(options.values()):
        raise HybridTFError(
            f"--int8 rounds Keras models, and {source} is none: export it in int8, or convert the Keras model"
        )


def _int8_options(int8: bool, **options: Any) -> "Int8Options | None":
    from hybrid_tf.deploy.conversion import Int8Options

    given_options = {name: value for name, value in options.items() if value}
    if not int8 and given_options:
        raise click.UsageError("--calibration, --io and --int8-except belong to --int8")
    return Int8Options(**given_options) if int8 else None


def _conversion_table(conversion: "Conversion") -> "Table":
    from hybrid_tf.tables import table

    ops = ", ".join(f"{count} {name}" for name, count in conversion.ops.items())
    about = conversion.metadata
    scale = ", ".join(f"({mean:g}, {std:g})" for mean, std in zip(about.mean, about.std, strict=True))
    rows = [
        ["size", f"{conversion.bytes:,} bytes"],
        ["binary layers", conversion.binary_layers],
        ["operators", ops],
        ["(mean, std) of pixels, by channel", scale or "not known: say --mean and --std"],
        ["scores", about.scores],
    ]
    return table(str(conversion.path), ["file", ""], rows)


def _verification_table(verification: "Verification") -> "Table":
    from hybrid_tf.tables import percent, table

    found = verification
    plain, rounding = (", without rounding", " to Keras with the rounding of int8") if found.int8_tensors else ("", "")
    rows = [
        ["compared on", f"{found.images:,} {found.inputs}"],
        [f"accuracy of {found.reference}{plain}", percent(found.keras_accuracy)],
        ["accuracy of the file", percent(found.file_accuracy)],
        ["same class", percent(found.top1_agreement)],
        [f"largest difference of a score{rounding}", f"{found.max_abs_difference:.1e}"],
        ["... of the largest score", f"{found.max_rel_difference:.1e}"],
        ["images with a sign of zero but for rounding", f"{found.images_with_other_signs:,}"],
    ]
    if found.int8_tensors:
        share = f"{found.other_int8:.2%} of the values, by at most {found.most_lsb} LSB"
        rows += [["int8 tensors compared", found.int8_tensors], ["... that differ", share]]
    if found.accuracy:
        both = found.accuracy
        rows += [
            [f"accuracy of the network without int8, {both.images:,} test images", percent(both.network)],
            [f"accuracy of the int8 file, on the same, in {both.engine}", percent(both.int8)],
            ["int8 loses", f"{both.lost_points:.2f} points"],
        ]
    title = f"{'verified' if found.passed else 'NOT verified'}, in {found.engine}"
    return table(title, [f"{found.reference} against the file", ""], rows)


def _next_step(file: Path) -> str:
    from hybrid_tf.compiler import read_metadata

    name = quote(str(file))
    if not read_metadata(file).class_names:  # without, there are scores and no classes
        return f"next: hybrid-tf-benchmark {name}, here or on the device"
    return (
        f"next: hybrid-tf predict {name} IMAGE, or on the device hybrid-tf-classify {name} IMAGE and "
        f"hybrid-tf-benchmark {name}"
    )


def _speed_table(both: "SideBySide") -> "Table":
    from hybrid_tf.tables import table

    rows = [
        [
            file.path,
            f"{file.bytes:,}",
            f"{file.milliseconds:.3f}",
            ", ".join(word for word in ("smaller", "faster") if getattr(both, word) == file.path) or "-",
        ]
        for file in both.files
    ]
    title = f"side by side on this computer, in {both.engine}, one thread, medians of {both.rounds} runs in turns"
    return table(title, ["file", "bytes", "ms an image", ""], rows)


def _warn_of_lost_accuracy(source: Path, verification: "Verification") -> None:
    from hybrid_tf.deploy.int8_accuracy import MOST_LOST
    from hybrid_tf.runs.run import load_run
    from hybrid_tf.system.notices import warn
    from hybrid_tf.tables import percent

    found = verification.accuracy
    if found is None or found.lost_points <= MOST_LOST:
        return
    if source.is_dir() and not load_run(source).config.int8_aware:
        tuned = f"{source}-int8"
        train = f"hybrid-tf train --resume-from {source} --int8-aware --out {tuned}"
        fix = f"`{train}`, then `hybrid-tf convert {tuned} --int8`"
    else:
        fix = "keep the layers that suffer in float32 with --int8-except LAYER"
    warn(
        f"int8 loses {found.lost_points:.2f} points of accuracy: {percent(found.network)} without, "
        f"{percent(found.int8)} with it on the same {found.images:,} test images. To mend it: {fix}"
    )


COMMANDS = (evaluate, convert, verify, predict)
