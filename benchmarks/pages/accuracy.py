"""The tables of docs/accuracy.md: what the networks of recipes/fashion_mnist.py and recipes/ablation.py reach.

python -m benchmarks.pages.accuracy

It trains nothing. Of each finished run of the two recipes in runs/ it keeps a record in docs/accuracy/, which takes a
minute once, and makes the tables of all records there are and of the cards in hybrid_tf/pretrained/. Commit the
records: they are all that is needed of runs that are on other machines, or gone.
"""

import statistics
from typing import TYPE_CHECKING

import click

from benchmarks.pages.generated import write_blocks
from benchmarks.pages.markdown_tables import markdown_table
from hybrid_tf.cli.options import QuietCommand, run_command
from hybrid_tf.errors import HybridTFError

if TYPE_CHECKING:
    from hybrid_tf.study.comparison import Row

COMMAND = "python -m benchmarks.pages.accuracy"


@click.command(cls=QuietCommand, help="\b\n" + __doc__)
def accuracy() -> None:
    """Writes the records, the tables and the figure."""
    from benchmarks.pages.accuracy_records import RECORDS, study_rows
    from hybrid_tf.study.comparison import plot

    networks, methods = study_rows("fashion_mnist"), study_rows("ablation")
    if not networks and not methods:
        raise HybridTFError(
            f"no run in runs/ is finished and {RECORDS} has no records: train with `python recipes/fashion_mnist.py` "
            "first, or restore the records"
        )
    page = RECORDS.with_suffix(".md")
    blocks = {
        "networks": _networks(networks),
        "shipped": _shipped(),
        "methods": _methods(methods),
        "failed": _failed(methods),
    }
    write_blocks(page, COMMAND, blocks)
    if networks:
        plot(RECORDS.with_suffix(".png"), networks, "Fashion-MNIST, 15 epochs each")
    click.echo(f"wrote {page}")


def _networks(rows: "list[Row]") -> str:
    from hybrid_tf.graphs.memory import size
    from hybrid_tf.study.comparison import accuracy_text

    full = {row.name.split()[0]: row.accuracy for row in rows if row.plan == "full_precision"}
    cells = [
        [
            row.name,
            accuracy_text(row),
            _points(full.get(row.name.split()[0]), row.accuracy),
            size(row.weight_bytes),
            f"{row.compression:.1f}x",
            f"{row.binary_macs:,}",
            f"{row.float_macs:,}",
            f"{row.energy / 1e6:.2f} uJ",
            f"{row.file_bytes:,}",
        ]
        for row in rows
    ]
    columns = ["", "accuracy", "gap", "weights", "compression", "binary MACs", "float MACs", "energy", "file"]
    return _table(columns, cells)


def _points(higher: float | None, lower: float) -> str:
    return "-" if higher is None else f"{100 * (higher - lower):.2f}"


def _table(columns: list[str], cells: list[list[str]]) -> str:
    return markdown_table(columns, cells) if cells else "- no run is finished\n"


def _shipped() -> str:
    from hybrid_tf.pretrained import load_pretrained, pretrained_names
    from hybrid_tf.runs.names import FILE, INT8_FILE
    from hybrid_tf.system.files import read_json

    cells = []
    for name in pretrained_names():
        folder = load_pretrained(name).folder
        card = read_json(folder / "card.json")
        row = [f"[{name}](../hybrid_tf/pretrained/{name}/README.md)", f"{100 * card['keras']:.2f} %"]
        for file in (FILE, INT8_FILE):
            reached = " / ".join(dict.fromkeys(f"{100 * share:.2f} %" for share in card[file].values()))
            row += [f"{(folder / file).stat().st_size:,}", reached]
        cells.append(row)
    columns = ["", "Keras", "float file", "accuracy", "int8 file", "accuracy"]
    return _table(columns, cells)


def _methods(rows: "list[Row]") -> str:
    full = next((row.accuracy for row in rows if row.plan == "full_precision"), None)
    gains = _gains(rows)
    cells = [
        [
            row.name,
            f"{100 * statistics.fmean(row.held_out):.2f} %",
            f"{gains[row.name]:+.2f}" if gains else "-",
            f"{100 * row.accuracy:.2f} %",
            _points(full, row.accuracy),
            f"{row.file_bytes:,}",
        ]
        for row in rows
    ]
    return _table(["", "held out", "against plain", "test", "gap", "file"], cells)


def _gains(rows: "list[Row]") -> dict[str, float]:
    """Returns how many points each row is above the plain one on the held-out images; nothing without that one."""
    held_out = {row.name: 100 * statistics.fmean(row.held_out) for row in rows}
    return {name: mean - held_out["plain"] for name, mean in held_out.items()} if "plain" in held_out else {}


def _failed(rows: "list[Row]") -> str:
    """Returns a list of the methods that are below the plain one, the worst first."""
    gains = _gains([row for row in rows if row.plan != "full_precision"])
    losses = sorted((gain, name) for name, gain in gains.items() if gain < 0)
    return "".join(f"- {name}: {-gain:.2f} points below\n" for gain, name in losses) or "- none\n"


if __name__ == "__main__":
    run_command(accuracy)
