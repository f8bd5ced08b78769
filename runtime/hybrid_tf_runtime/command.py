"""What the commands share: numbers in arguments, and one line for a mistake."""

import argparse
import io
import os
import sys
from collections.abc import Callable

from hybrid_tf_runtime.errors import HybridTFRuntimeError
from hybrid_tf_runtime.version import __version__


def positive(text: str) -> int:
    """Returns a whole number from 1; for argparse."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


positive.__name__ = "whole number from 1"  # what argparse calls it in its message


def printable(text: str) -> str:
    """Returns `text` without the characters that a terminal would obey, line ends included: names come from files."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def run_command(parser: argparse.ArgumentParser, command: Callable[[argparse.Namespace], None]) -> None:
    """Runs `command` on the parsed arguments; a HybridTFRuntimeError ends it with exit code 1 and one line."""
    parser.add_argument("--version", action="version", version=f"hybrid-tf-runtime {__version__}")
    options = parser.parse_args()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # class names that the terminal's encoding does not have
    try:
        command(options)
    except HybridTFRuntimeError as error:
        sys.exit(printable(f"error: {error}"))
    except BrokenPipeError:  # the reader, say `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:  # of the output: the disk is full, for example
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(f"error: cannot write the results: {error.strerror or error}")
    except KeyboardInterrupt:
        sys.exit(130)
