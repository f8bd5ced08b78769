"""Makes docs/accuracy.md: what the networks of recipes/fashion_mnist.py and recipes/ablation.py reach.

python benchmarks/accuracy.py

It trains nothing: it reads the comparisons that the two recipes wrote, of the runs that were finished, and the cards in
pretrained/.
"""

import shutil
from pathlib import Path
from typing import Any

import click
from result_tables import Table, markdown

from hybrid_tf.options import QuietCommand, run_command

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "accuracy.md"
FIGURE = PAGE.with_suffix(".png")
STUDY, ABLATION = ROOT / "runs" / "fashion_mnist", ROOT / "runs" / "ablation"
INTRODUCTION = """# What hybrid networks reach

Fashion-MNIST: 60,000 small grey pictures of clothes, of which a tenth is held out to choose the best epoch and the
methods, and 10,000 for the test, which each finished run sees once. Every run has 15 epochs. Made by

    python recipes/fashion_mnist.py        # trains what is missing; goes on where it was stopped
    python recipes/ablation.py
    python benchmarks/accuracy.py          # this page, of the runs that are there

- *accuracy*: of the Keras model on the test images; mean ± standard deviation (number of seeds).
- *gap*: points below the same network in full precision.
- *weights*, *compression*, *energy*: as in [results.md](results.md); *file*: bytes of the float `.tflite`.
- *best*: taught by the full-precision network (`--teacher`), with `--shifts` and `--gradient approx`; see below.
"""
FIGURES = f"""![Accuracy against memory and energy]({FIGURE.name})

The dotted line is the Pareto front: nothing on it is beaten in both accuracy and cost.
"""
SHIPPED = """## Shipped networks

In `pretrained/`, each with a card that has its command: `hybrid_tf.load_pretrained(NAME)`, or
`hybrid-tf evaluate pretrained/NAME/model.tflite --engine runtime`. Accuracy is of all 10,000 test images; LCE's
interpreter and our runtime give the same unless two numbers stand there. Calibration with 500 training images.
"""
METHODS = """## What each method is worth

ResNet-20 `residual` at half width, 5 epochs, one seed. *held out* decides: 6,000 training images, on which a difference
of half a point may be chance.
"""


@click.command(cls=QuietCommand, help="\b\n" + __doc__)
def accuracy() -> None:
    """Writes the page and its figure."""
    from hybrid_tf.compare import FIGURE as STUDY_FIGURE
    from hybrid_tf.compare import TABLE
    from hybrid_tf.files import read_json, write_text

    parts = [INTRODUCTION, _study(read_json(STUDY / TABLE)), FIGURES, SHIPPED, _shipped()]
    if (ABLATION / TABLE).exists():
        parts += [METHODS, _ablation(read_json(ABLATION / TABLE))]
    write_text(PAGE, "\n".join(parts).rstrip() + "\n")
    shutil.copyfile(STUDY / STUDY_FIGURE, FIGURE)
    click.echo(f"wrote {PAGE}")


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _study(found: list[dict[str, Any]]) -> str:
    from hybrid_tf.analysis.memory import size
    from hybrid_tf.compare import Row, accuracy_text

    rows = [Row(**one) for one in found]
    full = {row.name.split()[0]: row.accuracy for row in rows if row.name.endswith(" full_precision")}
    cells = [
        [
            row.name,
            accuracy_text(row),
            f"{100 * (full[network] - row.accuracy):.2f}" if (network := row.name.split()[0]) in full else "-",
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
    return markdown(Table("## Networks and plans", columns, cells))


def _shipped() -> str:
    from hybrid_tf.files import read_json
    from hybrid_tf.pretrained import load_pretrained, pretrained_names
    from hybrid_tf.run import FILE, INT8_FILE

    cells = []
    for name in pretrained_names():
        folder = load_pretrained(name).folder
        card = read_json(folder / "card.json")
        row = [f"[{name}](../pretrained/{name}/README.md)", f"{100 * card['keras']:.2f} %"]
        for file in (FILE, INT8_FILE):
            reached = " / ".join(dict.fromkeys(f"{100 * share:.2f} %" for share in card[file].values()))
            row += [f"{(folder / file).stat().st_size:,}", reached]
        cells.append(row)
    columns = ["", "Keras", "float file", "accuracy", "int8 file", "accuracy"]
    return markdown(Table("", columns, cells)).lstrip()


def _ablation(found: list[dict[str, Any]]) -> str:
    plain = next(_mean(row["held_out"]) for row in found if row["name"] == "plain")
    cells = [
        [
            row["name"],
            f"{100 * _mean(row['held_out']):.2f} %",
            f"{100 * (_mean(row['held_out']) - plain):+.2f}",
            f"{100 * _mean(row['accuracies']):.2f} %",
            f"{row['file_bytes']:,}",
        ]
        for row in found
    ]
    return markdown(Table("", ["", "held out", "against plain", "test", "file"], cells)).lstrip()


if __name__ == "__main__":
    run_command(accuracy)
