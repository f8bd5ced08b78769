"""The compiler: from a Keras model to a checked Larq Compute Engine file, and back to numbers.

Names are loaded when first used: `read_metadata` works without TensorFlow.
"""

from importlib import import_module
from typing import Any

_WHERE = {
    "Conversion": "outcome",
    "Finding": "lint.findings",
    "Int8": "metadata",
    "Interpreter": "interpreter",
    "Metadata": "metadata",
    "RULES": "lint.findings",
    "Verification": "outcome",
    "calibrate_int8": "int8.calibration",
    "convert": "conversion",
    "convert_and_verify": "conversion",
    "lint_file": "lint.file",
    "lint_model": "lint.model",
    "load_keras_model": "keras_files",
    "read_metadata": "metadata",
    "verify": "verification",
}
__all__ = list(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
