"""A .tflite file with int8 in the place of float32, from a run or a Keras or Larq model, verified operator by operator.

  python converters/to_int8.py runs/demo
  python converters/to_int8.py runs/demo --calibration 1000 --io int8 --int8-except classifier

Binary layers stay binary; ranges are measured on training images. It is `hybrid-tf convert --int8`; docs/int8.md says
what it gains and costs.

Time and result of the network of recipes/micro_hybrid.py: 25 seconds of processor time, 42,656 bytes.
"""

from copy import copy
from functools import partial

import click

from hybrid_tf.cli.deployment import convert
from hybrid_tf.cli.options import QuietCommand, run_command


def options() -> list[click.Parameter]:
    """Returns those of `hybrid-tf convert` with the choice made, and their help with it."""
    found = [copy(param) for param in convert.params if param.name != "int8"]
    for option in (param for param in found if isinstance(param, click.Option) and param.help):
        option.help = option.help.removeprefix("with --int8: ").replace("RUN/model.tflite", "RUN/model.int8.tflite")
    return found


command = QuietCommand(
    "to_int8.py",
    params=options(),
    callback=partial(convert.callback, int8=True),
    help="\b\n" + __doc__.replace("\n\n", "\n\n\b\n"),
)

if __name__ == "__main__":
    run_command(command)
