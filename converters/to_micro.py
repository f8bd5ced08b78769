"""A folder for TensorFlow Lite Micro: model, kernels, op resolver, arena size, and a program for one image.

  python converters/to_micro.py runs/micro -o network
  python converters/to_micro.py runs/micro/model.tflite -o network --image digit.png

Of a run the int8 file is taken, and made first if it is not there, as by `python converters/to_int8.py RUN`. It needs a
C++ compiler, to measure the arena; docs/deploy-microcontroller.md says how it goes on from there.

Time and result of the network of recipes/micro_hybrid.py: 25 seconds of processor time; 42,656 bytes of flash for the
model, 36,864 of RAM for the arena.
"""

from pathlib import Path
from typing import Any

import click

from hybrid_tf.cli.micro import export_micro
from hybrid_tf.cli.options import QuietCommand, run_command

RUN_OR_FILE = click.Argument(["file"], metavar="RUN|FILE.tflite", type=click.Path(path_type=Path))


def run_or_file_to_micro(file: Path, **options: Any) -> None:
    """Exports `file`, or the int8 file of a run folder, which is made if it is not there."""
    if file.is_dir():
        from hybrid_tf.deploy.conversion import Int8Options, convert_run
        from hybrid_tf.runs.names import INT8_FILE

        run, file = file, file / INT8_FILE
        if not file.exists():
            convert_run(run, int8=Int8Options())
    export_micro.callback(file, **options)


command = QuietCommand(
    "to_micro.py",
    params=[RUN_OR_FILE, *(param for param in export_micro.params if param.name != "file")],
    callback=run_or_file_to_micro,
    help="\b\n" + __doc__.replace("\n\n", "\n\n\b\n"),
)

if __name__ == "__main__":
    run_command(command)
