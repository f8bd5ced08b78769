"""Tables as Markdown."""

from typing import NamedTuple


class Table(NamedTuple):
    """A table of texts.

    Attributes:
        title: what it shows.
        columns: their names; the first column holds words, the others numbers.
        rows: the cells.
    """

    title: str
    columns: list[str]
    rows: list[list[str]]


def markdown_table(columns: list[str], rows: list[list[str]]) -> str:
    """Returns a table of texts; the first column holds words, the others numbers."""
    rule = ["---", *["---:"] * (len(columns) - 1)]
    return "".join(f"| {' | '.join(line)} |\n" for line in [columns, rule, *rows])


def markdown(table: Table) -> str:
    """Returns a table, with its title, as Markdown."""
    return f"{table.title}\n\n{markdown_table(table.columns, table.rows)}\n"
