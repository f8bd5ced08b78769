"""Pass that changes nothing: it names what is still computed in float though signs are its input."""

from hybrid_tf.compiler.passes.note import Note, layer_of
from hybrid_tf.tflite import names
from hybrid_tf.tflite.model import Model

REWRITE = "float leftovers"


def note_float_leftovers(model: Model) -> list[Note]:
    """Returns a note for each operator that reads signs as numbers, and for each sign that was not recognised."""
    notes = []
    for op in model.operators:
        if op.name == names.BINARY_DEQUANTIZE:
            readers = ", ".join(sorted({reader.name for reader in model.readers(op.outputs[0])})) or "nobody else"
            notes.append(Note(REWRITE, layer_of(op), False, f"its signs are read as numbers by {readers}"))
        elif op.name == names.SIGN:
            text = "its sign is 0 at zero, which no bit stands for: use ste_sign, approx_sign or swish_sign"
            notes.append(Note(REWRITE, layer_of(op), False, text))
    return notes
