"""The table of docs/choosing.md: accuracy, size and speed of the trained networks, from what was measured of them.

python -m benchmarks.pages.choosing

It measures nothing: benchmarks.timing.shipped and benchmarks.counting.shipped do, with --update-docs, and write the
record hybrid_tf/pretrained/measured.json.
"""

import sys
from pathlib import Path

from benchmarks.pages.generated import check_blocks, write_blocks
from benchmarks.pages.markdown_tables import markdown_table
from hybrid_tf.errors import HybridTFError
from hybrid_tf.pretrained import FOLDER
from hybrid_tf.pretrained.measured import Measured, MeasuredFile, read_measured, write_measured

PAGE = Path(__file__).parents[2] / "docs" / "choosing.md"
COMMAND = "python -m benchmarks.pages.choosing"
BLOCKS = ("networks", "measured")


def main() -> None:
    """Runs the command."""
    try:
        write_page(read_measured())
    except HybridTFError as error:
        sys.exit(f"error: {error}")
    print(f"wrote {PAGE}")


def check_page() -> None:
    """Checks that the page has its blocks, before anything is measured. Raises HybridTFError when it has not."""
    check_blocks(PAGE, COMMAND, BLOCKS)


def update(measured: Measured) -> None:
    """Writes the record, and the page unless something has not been measured yet, which it says."""
    write_measured(measured)
    if missing := _missing(measured):
        print(f"the page was not written: {missing}", file=sys.stderr)
    else:
        write_page(measured)


def write_page(measured: Measured) -> None:
    """Writes the blocks of the page. Raises HybridTFError when something has not been measured."""
    if missing := _missing(measured):
        raise HybridTFError(missing)
    write_blocks(PAGE, COMMAND, blocks(measured))


def blocks(measured: Measured) -> dict[str, str]:
    """Returns the table of the files, and the list of where its numbers come from."""
    rows = [[_linked(file), *file.cells()[1:]] for file in measured.files]
    sources = "".join(f"- {text}.\n" for text in measured.sources)
    return {"networks": markdown_table(measured.columns, rows), "measured": sources}


def _linked(file: MeasuredFile) -> str:
    """Returns the name, which leads to the card of a network that is shipped."""
    card = FOLDER / file.name / "README.md"
    return f"[{file.name}](../{card.relative_to(PAGE.parents[1])})" if card.exists() else file.name


def _missing(measured: Measured) -> str:
    """Returns which measurement of which file is missing, and the command for it; empty when there is none."""
    for values, command in (("ms", "benchmarks.timing.shipped"), ("instructions", "benchmarks.counting.shipped")):
        names = [f"{file.name} {file.file}" for file in measured.files if not getattr(file, values)]
        if names:
            return f"{len(names)} files have no {values} ({names[0]}, ...): run `python -m {command} --update-docs`"
    return ""


if __name__ == "__main__":
    main()
