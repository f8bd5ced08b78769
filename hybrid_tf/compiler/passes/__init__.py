"""The passes: rewrites of a TensorFlow Lite graph, in the order in which they are applied.

TensorFlow's converter turns a binary network into float operators: a sign is three of them, binary weights are floats
of one magnitude. The passes turn that into Larq Compute Engine's operators. Each leaves a graph that computes the same,
so any of them can be left out.
"""

from collections.abc import Callable

from hybrid_tf.compiler.passes.binary_convolutions import make_convolutions_binary
from hybrid_tf.compiler.passes.binary_dense import make_dense_layers_binary
from hybrid_tf.compiler.passes.int8_outputs import write_int8
from hybrid_tf.compiler.passes.leftovers import note_float_leftovers
from hybrid_tf.compiler.passes.names import shorten_names
from hybrid_tf.compiler.passes.note import Note
from hybrid_tf.compiler.passes.order import order_for_least_memory
from hybrid_tf.compiler.passes.packed_outputs import write_bits
from hybrid_tf.compiler.passes.pools import pool_bits
from hybrid_tf.compiler.passes.scales import fold_scales
from hybrid_tf.compiler.passes.shared import share_equal_operators
from hybrid_tf.compiler.passes.signs import recognise_signs
from hybrid_tf.compiler.passes.transposes import remove_transpositions
from hybrid_tf.compiler.passes.unread import leave_out_unread
from hybrid_tf.tflite.model import Model

__all__ = ["PASSES", "Note", "run_passes"]

Pass = Callable[[Model], list[Note]]
PASSES: tuple[Pass, ...] = (
    remove_transpositions,
    recognise_signs,
    make_convolutions_binary,
    make_dense_layers_binary,
    fold_scales,
    share_equal_operators,
    pool_bits,
    write_bits,
    write_int8,
    order_for_least_memory,
    note_float_leftovers,
    shorten_names,
    leave_out_unread,
)


def run_passes(model: Model, passes: tuple[Pass, ...] = PASSES) -> list[Note]:
    """Applies passes to a model, and returns what they did and why they did not."""
    notes = []
    for rewrite in passes:
        notes += rewrite(model)
        model.remove_unread()
    return notes
