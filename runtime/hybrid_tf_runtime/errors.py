"""The one exception a user's mistake raises, and "did you mean" suggestions."""

from collections.abc import Iterable
from difflib import get_close_matches


class HybridTFRuntimeError(RuntimeError):
    """A mistake in what the user gave, or a file that cannot run. The message names the fix."""


def unknown(kind: str, name: str, valid: Iterable[str]) -> HybridTFRuntimeError:
    """Returns the error for a name that does not exist, suggesting the nearest valid one.

    Args:
        kind: what the name stands for, e.g. "kernels".
        name: the name that was given.
        valid: the names that exist.
    """
    valid = list(valid)
    near = get_close_matches(name.lower(), valid, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return HybridTFRuntimeError(f"unknown {kind} '{name}': {hint}valid here: {', '.join(valid)}")
