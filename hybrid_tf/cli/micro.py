"""The commands for microcontrollers: what a network takes there, and a folder to build from."""

from pathlib import Path

import click

from hybrid_tf.cli.analysis import AS_JSON
from hybrid_tf.cli.options import QuietCommand
from hybrid_tf.micro.plain_c.layouts import LAYOUTS

FILE = click.argument("file", metavar="FILE.tflite", type=click.Path(path_type=Path))


@click.command("export-micro", cls=QuietCommand)
@FILE
@click.option("-o", "--output", "folder", required=True, type=click.Path(path_type=Path), help="folder to make")
@click.option("--image", type=click.Path(path_type=Path), help="test image  [default: one of the file's data set]")
@AS_JSON
def export_micro(file: Path, folder: Path, image: Path | None, as_json: bool) -> None:
    r"""Make a folder with all that a network needs in a program with TensorFlow Lite Micro, and an example.

    It needs a C++ compiler and the package `tflite-micro` (`make setup` installs it), to measure the arena.

    \b
    Examples: hybrid-tf export-micro runs/first/model.tflite -o firmware/network
              hybrid-tf export-micro model.tflite -o network --image photo.jpg
    """
    from hybrid_tf.compiler import read_metadata
    from hybrid_tf.deploy.freshness import warn_of_stale_files
    from hybrid_tf.micro.example_image import example_image
    from hybrid_tf.micro.export import check_classifier
    from hybrid_tf.micro.export import export_micro as export
    from hybrid_tf.tables import show, table

    metadata = read_metadata(file)
    warn_of_stale_files(file)
    check_classifier(file, metadata)
    found = export(file, folder, example_image(metadata, image), metadata)
    rows = [
        ["model", f"{found.model_bytes:,} bytes of flash"],
        ["arena", f"{found.arena_bytes:,} bytes of RAM"],
        ["operators", ", ".join(found.operators)],
        ["test image", f"class {found.predicted[0]}: {found.predicted[1]}"],
    ]
    show(as_json, found.to_dict(), table(str(folder), ["", ""], rows), f"next: read {folder / 'README.md'}")


@click.command("micro-report")
@FILE
@click.option("--samples", type=click.IntRange(0), default=0, help="test images to run in TensorFlow Lite Micro, too")
@AS_JSON
def micro_report(file: Path, samples: int, as_json: bool) -> None:
    r"""Show what a network takes of a microcontroller's flash and RAM, and on which boards it fits.

    It needs a C++ compiler and the package `tflite-micro` (`make setup` installs it), to measure the arena.

    \b
    Examples: hybrid-tf micro-report runs/first/model.tflite --json
              hybrid-tf micro-report runs/first/model.tflite --samples 1000
    """
    from hybrid_tf.deploy.freshness import warn_of_stale_files
    from hybrid_tf.micro.report import NOTE
    from hybrid_tf.micro.report import micro_report as report
    from hybrid_tf.tables import show

    warn_of_stale_files(file)
    found = report(file, samples)
    show(as_json, found.to_dict(), *found.tables(), NOTE)


@click.command("export-c", cls=QuietCommand)
@FILE
@click.option("-o", "--output", "folder", required=True, type=click.Path(path_type=Path), help="folder to make")
@click.option(
    "--for", "layout", type=click.Choice(LAYOUTS), default="cmake", show_default=True, help="tool to build it"
)
@click.option("--name", help="begins the names of files, functions and macros  [default: network]")
@click.option("--caller-arena", is_flag=True, help="the program gives the RAM with each call, from heap or PSRAM")
@AS_JSON
def export_c(file: Path, folder: Path, layout: str, name: str | None, caller_arena: bool, as_json: bool) -> None:
    r"""Make a folder with the network as plain C: no dependency, integers only, the scores those of the file.

    It takes files whose sections beside the binary ones are int8, and int8 files without binary sections. With it comes
    an example that classifies an image and says whether its scores are those of this computer.

    \b
    Examples: hybrid-tf export-c runs/first/model.int8.tflite -o firmware/network
              hybrid-tf export-c model.int8.tflite -o ~/Arduino/libraries/birds --for arduino --name birds
    """
    from hybrid_tf.compiler import read_metadata
    from hybrid_tf.deploy.freshness import warn_of_stale_files
    from hybrid_tf.micro.plain_c.export import export_plain_c
    from hybrid_tf.tables import show, table

    metadata = read_metadata(file)
    warn_of_stale_files(file)
    found = export_plain_c(file, folder, metadata, layout, caller_arena, name)
    int8_layers = found.cmsis_nn + len(found.not_cmsis_nn)
    rows = [
        ["arena", f"{found.arena_bytes:,} bytes of RAM; {found.alive_bytes:,} are in use at once"],
        ["calls", f"{found.steps}, for {found.operators} operators of the file"],
        ["kernels", ", ".join(found.kernels)],
    ]
    if int8_layers:
        same = f"gives the same scores in {found.cmsis_nn} of {int8_layers} int8 convolutions and dense layers"
        others = f"; rounds otherwise: {', '.join(found.not_cmsis_nn)}" if found.not_cmsis_nn else ""
        rows.append(["CMSIS-NN", same + others])
    show(as_json, found.to_dict(), table(str(folder), ["", ""], rows), f"next: read {found.header}")


COMMANDS = (export_micro, micro_report, export_c)
