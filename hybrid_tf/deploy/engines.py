"""What runs a converted file on this computer: LCE's interpreter, or hybrid-tf-runtime, which is faster."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from hybrid_tf.compiler import interpreter
from hybrid_tf.compiler.lce import is_installed, larq_compute_engine
from hybrid_tf.errors import HybridTFError

Scores = Callable[[np.ndarray], np.ndarray]

# The engines by their options, with the names that people know them by.
ENGINES = {"lce": interpreter.LCE, "runtime": interpreter.RUNTIME}


def default_engine() -> str:
    """Returns which of ENGINES runs a file where none is named: LCE's interpreter, if it is installed."""
    return "lce" if is_installed() else "runtime"


def scores_in(engine: str, file: Path) -> Scores:
    """Returns what runs a file: a function from images [N, H, W, C] to scores [N, classes].

    Args:
        engine: one of ENGINES.
        file: path of the file.

    Raises:
        HybridTFError: when the engine is not installed or cannot run the file.
    """
    if engine == "runtime":
        return interpreter.runtime_interpreter(file).predict_float
    larq_compute_engine()
    return interpreter.Interpreter(file).predict


def fastest_engine(*files: Path) -> str:
    """Returns which of ENGINES runs all of `files` fastest here."""
    try:
        for file in files:
            interpreter.runtime_interpreter(file)
    except HybridTFError:  # LCE's interpreter then says what is wrong with the file, if anything is
        return default_engine()
    return "runtime"
