"""The one exception a user's mistake raises, "did you mean" suggestions, and text that may come from a file."""

import re
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
    near = nearest(name, valid)
    hint = f"did you mean '{near}'? " if near else ""
    return HybridTFError(f"unknown {kind} '{name}': {hint}valid: {', '.join(valid)}")


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """Returns which of the `valid` names was meant: of those alike the one with the fewest slips; `None` if none is.

    Of several the one with the nearest number is: `resnet50` is rather `resnet56` than `resnet20`.
    """
    name = name.lower()
    alike = get_close_matches(name, list(valid), n=1000, cutoff=0.5)
    return min(alike, key=lambda other: (_slips(name, other), abs(_number(name) - _number(other))), default=None)


def _number(name: str) -> int:
    found = re.search("[0-9]{1,9}", name)
    return int(found.group()) if found else 0


def _slips(one: str, other: str) -> int:
    """Returns how many letters are put in, left out, mistaken or swapped with their neighbour between two names.

    It is the optimal string alignment distance.
    """
    rows = [list(range(len(other) + 1))]
    for i, letter in enumerate(one, 1):
        rows.append([i])
        for j, theirs in enumerate(other, 1):
            least = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (letter != theirs))
            if i > 1 and j > 1 and (letter, one[i - 2]) == (other[j - 2], theirs):
                least = min(least, rows[i - 2][j - 2] + 1)
            rows[i].append(least)
    return rows[-1][-1]


def printable(text: str) -> str:
    """Returns `text` without the characters that a terminal would obey: names come from files."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
