"""Tables as Markdown."""


def markdown_table(columns: list[str], rows: list[list[str]]) -> str:
    """Returns a table of texts; the first column holds words, the others numbers."""
    rule = ["---", *["---:"] * (len(columns) - 1)]
    return "".join(f"| {' | '.join(line)} |\n" for line in [columns, rule, *rows])
