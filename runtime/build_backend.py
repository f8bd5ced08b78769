"""setuptools as build backend, with this folder in the module path: setup.py imports compile_library."""

from setuptools.build_meta import *  # noqa: F403
