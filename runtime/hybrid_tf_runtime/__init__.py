"""hybrid-tf-runtime: runs hybrid binary networks, Larq Compute Engine's .tflite files, in LiteRT with fast kernels.

from hybrid_tf_runtime import Interpreter
scores = Interpreter("model.tflite").predict(images)
"""

from hybrid_tf_runtime.errors import HybridTFRuntimeError
from hybrid_tf_runtime.file_metadata import Metadata, metadata
from hybrid_tf_runtime.interpreter import Interpreter
from hybrid_tf_runtime.library import delegate_path, kernels, load_delegate
from hybrid_tf_runtime.version import __version__

__all__ = [
    "HybridTFRuntimeError",
    "Interpreter",
    "Metadata",
    "__version__",
    "delegate_path",
    "kernels",
    "load_delegate",
    "metadata",
]
