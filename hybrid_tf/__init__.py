"""hybrid-tf: part binary, part full-precision convolutional networks, from training to the device.

Importing this package chooses legacy Keras, which Larq needs, so import it before `tf.keras` is first used.
"""

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from hybrid_tf.version import __version__

if "keras" in sys.modules and os.environ.get("TF_USE_LEGACY_KERAS") != "1":
    raise ImportError(
        "Keras 3 is already loaded, and Larq needs legacy Keras: import hybrid_tf before anything that uses Keras, "
        "or set TF_USE_LEGACY_KERAS=1 in the environment"
    )
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# TensorFlow leaves oneDNN off where there is no AVX-512; a training step takes 1.4 to 1.75 times as long then.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

if TYPE_CHECKING:
    from hybrid_tf.compiler.conversion import convert
    from hybrid_tf.compiler.metadata import Metadata
    from hybrid_tf.compiler.verification import verify
    from hybrid_tf.config import Config
    from hybrid_tf.data.load import load_dataset
    from hybrid_tf.errors import HybridTFError
    from hybrid_tf.models.plan import Plan
    from hybrid_tf.models.registry import build_model, network_names
    from hybrid_tf.models.spec import BinarizationConfig, NetworkSpec
    from hybrid_tf.pretrained import load_pretrained
    from hybrid_tf.runs.run import load_run
    from hybrid_tf.training.binarization import binarize
    from hybrid_tf.training.session import train

# TensorFlow takes seconds to import, so a name is loaded when it is first used.
_WHERE = {
    "BinarizationConfig": "models.spec",
    "Config": "config",
    "HybridTFError": "errors",
    "Metadata": "compiler.metadata",
    "NetworkSpec": "models.spec",
    "Plan": "models.plan",
    "binarize": "training.binarization",
    "build_model": "models.registry",
    "convert": "compiler.conversion",
    "load_dataset": "data.load",
    "load_pretrained": "pretrained",
    "load_run": "runs.run",
    "network_names": "models.registry",
    "train": "training.session",
    "verify": "compiler.verification",
}
__all__ = [
    "BinarizationConfig",
    "Config",
    "HybridTFError",
    "Metadata",
    "NetworkSpec",
    "Plan",
    "__version__",
    "binarize",
    "build_model",
    "convert",
    "load_dataset",
    "load_pretrained",
    "load_run",
    "network_names",
    "train",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'hybrid_tf' has no attribute '{name}'")
    return getattr(import_module(f"hybrid_tf.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return __all__
