"""Results on standard output: a table for people, JSON for programs."""

import json
from typing import Any

from rich.console import Console
from rich.table import Table

from hybrid_tf.errors import printable


def show(as_json: bool, value: Any, *parts: Table | str) -> None:
    """Prints `value` as JSON, or the tables and lines that say the same to a person."""
    if as_json:
        print(json.dumps(value, indent=2))
        return
    console = Console()
    if not console.is_terminal:
        console.width = 120  # a file or a pipe has no width; 80 would cut names off
    for part in parts:
        console.print(part, highlight=False, markup=False, soft_wrap=isinstance(part, str))


def table(title: str, columns: list[str], rows: list[list[Any]]) -> Table:
    """Returns a table; columns whose cells are all numbers or sizes are aligned to the right."""
    result = Table(title=printable(title), title_justify="left")
    for index, column in enumerate(columns):
        numeric = all(str(row[index])[:1] in "0123456789-" for row in rows)
        result.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        result.add_row(*(printable(str(cell)) for cell in row))
    return result


def percent(share: float | None) -> str:
    """Returns a fraction of 1 as percent with two decimals."""
    return "-" if share is None else f"{100 * share:.2f} %"
