"""A progress bar that is gone when it is done, and is only there when someone can see it."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track

_T = TypeVar("_T")


def with_progress(items: Sequence[_T], description: str) -> Iterable[_T]:
    """Yields `items`, with a bar on stderr when that is a terminal. Without a description there is no bar."""
    console = Console(stderr=True)
    if not description or not console.is_terminal:
        return items
    return track(items, description, console=console, transient=True)
