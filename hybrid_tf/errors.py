"""The one exception a user's mistake raises, "did you mean" suggestions, and text that may come from a file."""

from collections.abc import Iterable
from difflib import get_close_matches


class HybridTFError(Exception):
    """A mistake in what the user gave, or a fault of the machine. The message is one line and names the fix."""


def unknown(kind: str, name: str, valid: Iterable[str]) -> HybridTFError:
    """Returns the error for a name that does not exist, suggesting the nearest valid one.

    Args:
        kind: what the name stands for, e.g. "network".
        name: the name that was given.
        valid: the names that exist.
    """
    valid = [str(item) for item in valid]
    near = get_close_matches(name.lower(), valid, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return HybridTFError(f"unknown {kind} '{name}': {hint}valid: {', '.join(valid)}")


def printable(text: str) -> str:
    """Returns `text` without the characters that a terminal would obey: names come from files."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
