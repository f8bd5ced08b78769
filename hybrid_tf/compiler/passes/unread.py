"""Pass: what no reader of the file reads goes: scales of biases, and what TensorFlow's converter says of itself.

The scale of an int32 bias is that of the input times that of the kernel, by channel. Kernels of convolutions compute it
so; XNNPACK, which wants to see it, takes no part of a network with Larq Compute Engine's operators.
"""

from hybrid_tf.compiler.passes.note import Note
from hybrid_tf.tflite import names
from hybrid_tf.tflite.model import Model, names_of

_ENTRIES = ("min_runtime_version", "CONVERSION_METADATA")
_BIAS = 2  # input of a convolution


def leave_out_unread(model: Model) -> list[Note]:
    """Leaves it out; see the module."""
    for entry in _ENTRIES:
        model.metadata.pop(entry, None)
    if names.BINARY_CONV_2D in names_of(model.operators):
        for op in model.operators:
            bias = op.input(_BIAS)
            if op.name in (names.CONV_2D, names.DEPTHWISE_CONV_2D) and bias is not None and bias.type == "INT32":
                bias.quantization = None
    return []
