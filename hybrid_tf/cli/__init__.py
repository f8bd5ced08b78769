"""The command line: each command is one call of the library."""

from hybrid_tf.cli.program import cli, main

__all__ = ["cli", "main"]
