"""What runs a converted file on this computer: LCE's interpreter, or hybrid-tf-runtime, which is faster."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hybrid_tf.compiler import Interpreter
from hybrid_tf.errors import HybridTFError
from hybrid_tf.system.quiet import silenced

if TYPE_CHECKING:
    from hybrid_tf_runtime import Interpreter as RuntimeInterpreter

Scores = Callable[[np.ndarray], np.ndarray]

# The engines by their options, with the names that people know them by.
ENGINES = {"lce": "LCE", "runtime": "hybrid-tf-runtime"}


def scores_in(engine: str, file: Path) -> Scores:
    """Returns what runs a file: a function from images [N, H, W, C] to scores [N, classes].

    Args:
        engine: one of ENGINES.
        file: path of the file.

    Raises:
        HybridTFError: when the engine is not installed or cannot run the file.
    """
    return Interpreter(file).predict if engine == "lce" else runtime_interpreter(file).predict_float


def fastest_engine(*files: Path) -> str:
    """Returns which of ENGINES runs all of `files` fastest here; LCE's interpreter is always installed."""
    try:
        for file in files:
            runtime_interpreter(file)
    except HybridTFError:  # LCE's interpreter then says what is wrong with the file, if anything is
        return "lce"
    return "runtime"


def runtime_interpreter(file: Path) -> "RuntimeInterpreter":
    """Returns hybrid-tf-runtime's interpreter of a file.

    Raises:
        HybridTFError: when it is not installed, or cannot run the file.
    """
    try:
        import hybrid_tf_runtime
    except ImportError as error:
        raise HybridTFError(
            "hybrid-tf-runtime is not installed: `pip install ./runtime` in hybrid-tf's repository, or its wheel"
        ) from error
    try:
        with silenced():  # LiteRT says which delegate it makes
            return hybrid_tf_runtime.Interpreter(file)
    except hybrid_tf_runtime.HybridTFRuntimeError as error:
        raise HybridTFError(str(error)) from error
