"""The version of the installed package; its source is src/common/version.h."""

from importlib.metadata import version

__version__ = version("hybrid-tf-runtime")
