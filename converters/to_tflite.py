"""A .tflite file of a run, or of a Keras or Larq model, verified against it: binary sections as bits, the rest float32.

  python converters/to_tflite.py runs/demo
  python converters/to_tflite.py model.keras -o model.tflite --dataset cifar10

It is `hybrid-tf convert` without int8: a file that does not compute what the network does is not written.

Time and result of the network of recipes/micro_hybrid.py: 15 seconds of processor time, 39,328 bytes.
"""

from functools import partial

from hybrid_tf.cli.deployment import convert
from hybrid_tf.cli.options import QuietCommand, run_command

INT8 = {"int8": False, "calibration": None, "io": None, "except_layers": ()}

command = QuietCommand(
    "to_tflite.py",
    params=[param for param in convert.params if param.name not in INT8],
    callback=partial(convert.callback, **INT8),
    help="\b\n" + __doc__.replace("\n\n", "\n\n\b\n"),
)

if __name__ == "__main__":
    run_command(command)
