"""hybrid-tf: part binary, part full-precision convolutional networks, from training to the device.

Importing this package chooses legacy Keras, which Larq needs, so import it before `tf.keras` is first used.
"""

import os
import sys
from importlib import import_module
from typing import Any

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

# TensorFlow takes seconds to import, so a name is loaded when it is first used.
_WHERE = {
    "HybridTFError": "errors",
    "Plan": "models.plan",
    "build_model": "models.registry",
    "network_names": "models.registry",
    "load_dataset": "data",
    "load_run": "runs.run",
    "load_pretrained": "pretrained",
    "train": "training.session",
    "convert": "compiler",
    "verify": "compiler",
}
__all__ = ["__version__", *_WHERE]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'hybrid_tf' has no attribute '{name}'")
    return getattr(import_module(f"hybrid_tf.{_WHERE[name]}"), name)
