"""Converted networks for TensorFlow Lite Micro (TFLM): what they need there, and folders to build from."""
