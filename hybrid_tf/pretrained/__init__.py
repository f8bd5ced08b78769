"""Trained networks: each is a run folder, small enough to ship, with its files and a model card (`README.md`).

`recipes/publish.py` makes them from finished runs; docs/accuracy.md lists them. What was measured
of them, measured.json, is read without TensorFlow.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from hybrid_tf.errors import unknown
from hybrid_tf.runs.names import CONFIG

if TYPE_CHECKING:
    from hybrid_tf.runs.run import Run

FOLDER = Path(__file__).parent


def pretrained_names() -> list[str]:
    """Returns the names of the trained networks."""
    return sorted(path.parent.name for path in FOLDER.glob(f"*/{CONFIG}"))


def load_pretrained(name: str) -> "Run":
    """Returns a trained network as the run it came from.

    `load_pretrained(name).load_model()` is the Keras model, from images [N, H, W, C] normalised by its `normalisation`
    to logits [N, classes]; its folder holds `model.tflite`.

    Raises:
        HybridTFError: for a name that does not exist, with the nearest that does.
    """
    from hybrid_tf.runs.run import load_run

    names = pretrained_names()
    if name not in names:
        raise unknown("trained network", name, names)
    return load_run(FOLDER / name)
