"""Makes docs/accuracy.md: what the networks of recipes/fashion_mnist.py and recipes/ablation.py reach.

python -m benchmarks.pages.accuracy

It trains nothing. Of each finished run of the two recipes in runs/ it keeps a record in docs/accuracy/, which takes a
minute once, and makes the page of all records there are and of the cards in hybrid_tf/pretrained/. Commit the records:
they are all that is needed of runs that are on other machines, or gone.
"""

import statistics
from typing import TYPE_CHECKING

import click

from benchmarks.pages.markdown_tables import Table, markdown
from hybrid_tf.cli.options import QuietCommand, run_command
from hybrid_tf.errors import HybridTFError

if TYPE_CHECKING:
    from hybrid_tf.study.comparison import Row

INTRODUCTION = """# What hybrid networks reach

Fashion-MNIST: 60,000 small grey pictures of clothes, of which a tenth is held out to choose the best epoch and the
methods, and 10,000 for the test, which each finished run sees once. Made by

    python recipes/fashion_mnist.py        # trains what is missing; goes on where it was stopped
    python recipes/ablation.py
    python -m benchmarks.pages.accuracy  # this page, of the runs that are there and of the records of others

`docs/accuracy/` has a record of each run, with its `hybrid-tf train` command.

- *accuracy*: of the Keras model on the test images; mean ± standard deviation (number of seeds).
- *gap*: points below the same network in full precision.
- *weights*, *compression*, *energy*: as in [results.md](results.md); *file*: bytes of the float `.tflite`.
"""
NETWORKS = """## Networks and plans

15 epochs each. *taught*: taught by the full-precision network (`--teacher`), with `--shifts`, `--gradient approx` and
`--augmentation flip`. In 15 epochs binary networks learn no more of shifted images than of those held out; mirrored
only, they learn more of both. Full precision has what is better for it on the held-out images: shifted ones, too
(ResNet-20 93.9 %, mirrored only 93.7 %; VGG-11 93.6 %, mirrored only 93.2 %), and for ResNet-20 SGD, as is usual; for
VGG-11 Adam, because 15 epochs of SGD (0.1) took it to 91.7 %.

The 5 epochs of the ablation below would choose mirrored images alone. In 15 at full width, on the held-out images,
ResNet-20 `residual` reaches 91.9 % with them, 92.4 % with shifts, too, and 92.2 % as *taught*. Without teacher and
approx-sign VGG-11 reaches 92.6 % and `residual+sections=2,3` 92.8 %, as *taught* 93.3 % and 93.1 %: so *taught* has
them.
On the test images, which choose nothing, the three have 92.16, 92.59 and 92.70 % without them: a network that has no
teacher need not do much worse.
"""
FIGURES = """![Accuracy against memory and energy](accuracy.png)

The dotted line is the Pareto front: nothing on it is beaten in both accuracy and cost.
"""
SHIPPED = """## Shipped networks

In `pretrained/`, each with a card that has its command: `hybrid_tf.load_pretrained(NAME)`, or
`hybrid-tf evaluate hybrid_tf/pretrained/NAME/model.tflite --engine runtime`. Accuracy is of all 10,000 test images;
LCE's interpreter and our runtime give the same unless two numbers stand there. The cards say how int8 files were made.
"""
METHODS = """## What each method is worth

ResNet-20 `residual` at half width, 5 epochs, one seed. *held out* decides: 6,000 training images, on which a difference
of half a point may be chance.
"""
FAILED = """## What did not work

Methods that are below *plain* on the held-out images, the worst first:
"""


@click.command(cls=QuietCommand, help="\b\n" + __doc__)
def accuracy() -> None:
    """Writes the records, the page and its figure."""
    from benchmarks.pages.accuracy_records import RECORDS, study_rows
    from hybrid_tf.study.comparison import plot
    from hybrid_tf.system.files import write_text

    networks, methods = study_rows("fashion_mnist"), study_rows("ablation")
    if not networks and not methods:
        raise HybridTFError(
            f"no run in runs/ is finished and {RECORDS} has no records: train with `python recipes/fashion_mnist.py` "
            "first, or restore the records"
        )
    parts = [INTRODUCTION]
    if networks:
        plot(RECORDS.with_suffix(".png"), networks, "Fashion-MNIST, 15 epochs each")
        parts += [NETWORKS, _networks(networks), FIGURES]
    parts += [SHIPPED, _shipped()]
    if methods:
        parts += [METHODS, _methods(methods), *_failed(methods)]
    page = RECORDS.with_suffix(".md")
    write_text(page, "\n".join(parts).rstrip() + "\n")
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
    return markdown(Table("", columns, cells)).strip() + "\n"


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


def _failed(rows: "list[Row]") -> list[str]:
    """Returns the section on the methods that are below the plain one; none where there are no such."""
    gains = _gains([row for row in rows if row.plan != "full_precision"])
    losses = sorted((gain, name) for name, gain in gains.items() if gain < 0)
    lines = [f"- {name}: {-gain:.2f} points below\n" for gain, name in losses]
    return [FAILED, "".join(lines)] if lines else []


if __name__ == "__main__":
    run_command(accuracy)
