"""What a person should know beside the result: one line each on standard error, which is not for results."""

import sys

from hybrid_tf.errors import printable


def say(text: str) -> None:
    """Prints `text` as one line on standard error."""
    print(printable(" ".join(text.split())), file=sys.stderr, flush=True)


def warn(text: str) -> None:
    """Prints `text` as one line on standard error, marked as a warning."""
    say(f"warning: {text}")
