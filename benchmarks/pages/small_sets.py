"""The tables of docs/small-sets.md: what the trainings of recipes/small_sets.py reach.

python -m benchmarks.pages.small_sets

It trains nothing. Of each finished run of the recipe in runs/ it keeps a record in docs/accuracy/, and makes the tables
of all records there are. Commit the records: they are all that is needed of runs that are on other machines, or gone.
"""

import runpy
from typing import TYPE_CHECKING

import click

from benchmarks.pages.generated import write_blocks
from benchmarks.pages.markdown_tables import markdown_table
from hybrid_tf.cli.options import QuietCommand, run_command
from hybrid_tf.errors import HybridTFError

if TYPE_CHECKING:
    from hybrid_tf.study.comparison import Row

COMMAND = "python -m benchmarks.pages.small_sets"


@click.command(cls=QuietCommand, help="\b\n" + __doc__)
def small_sets() -> None:
    """Writes the records and the tables."""
    from benchmarks.pages.accuracy_records import RECORDS, ROOT, study_rows

    recipe = runpy.run_path(str(ROOT / "recipes" / "small_sets.py"))
    rows = {row.name: row for row in study_rows("small_sets")}
    if not rows:
        raise HybridTFError(
            f"no run in runs/small_sets is finished and {RECORDS} has no records of them: train with "
            "`python recipes/small_sets.py` first, or restore the records"
        )
    sets, uneven = list(recipe["SETS"]), recipe["UNEVEN"]
    blocks = {
        "even": _methods(rows, sets, ""),
        "uneven": _methods(rows, sets, uneven),
        "sources": _sources(rows, list(recipe["SOURCES"])),
    }
    page = ROOT / "docs" / "small-sets.md"
    write_blocks(page, COMMAND, blocks)
    click.echo(f"wrote {page}")


def _methods(rows: "dict[str, Row]", sets: list[str], suffix: str) -> str:
    """Returns a table of the methods on each set: accuracies, and points above the plain training."""
    names = [f"{dataset}{suffix}" for dataset in sets]
    found = {name: method for name in rows for one in names if (method := _method(name, one))}
    cells = [
        [method, *(cell for name in names for cell in _cells(rows, name, method))]
        for method in dict.fromkeys(found.values())
    ]
    columns = ["", *(column for name in names for column in (name, "against plain"))]
    return markdown_table(columns, cells) if cells else "- no run is finished\n"


def _method(entry: str, dataset: str) -> str | None:
    """Returns the method of an entry if it is of this data set."""
    name, _, method = entry.partition(" ")
    return method if name == dataset else None


def _cells(rows: "dict[str, Row]", dataset: str, method: str) -> list[str]:
    from hybrid_tf.study.comparison import accuracy_text

    row, plain = (rows.get(f"{dataset} {name}") for name in (method, "plain"))
    gain = f"{100 * (row.accuracy - plain.accuracy):+.2f}" if row and plain and row != plain else "-"
    return [accuracy_text(row) if row else "-", gain]


def _sources(rows: "dict[str, Row]", names: list[str]) -> str:
    from hybrid_tf.study.comparison import accuracy_text

    cells = [[name, accuracy_text(rows[name])] for name in names if name in rows]
    return markdown_table(["network", "accuracy on its own test images"], cells) if cells else "- no run is finished\n"


if __name__ == "__main__":
    run_command(small_sets)
