"""Runs the program of an exported folder, compiled as a shared library, with the TensorFlow Lite Micro of the wheel.

python -m tests.support.run_exported LIBRARY
"""

import ctypes
import sys

from tflite_micro.python.tflite_micro import _runtime

ctypes.CDLL(_runtime.__file__, mode=ctypes.RTLD_GLOBAL)
sys.exit(ctypes.CDLL(sys.argv[1]).exported_main())
