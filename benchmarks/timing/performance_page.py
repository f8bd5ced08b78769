"""The tables of docs/performance.md, and its figure."""

from pathlib import Path
from typing import Any

from benchmarks.pages.generated import check_blocks, write_blocks
from benchmarks.pages.markdown_tables import markdown
from benchmarks.timing.engines import LCE, OURS, TWIN
from benchmarks.timing.machine import machine_lines
from benchmarks.timing.measurement import Measurement
from benchmarks.timing.result_tables import agreement_table, goal_table, latency_table, step_table, warnings
from hybrid_tf.system.files import atomic_path

_DOCS = Path(__file__).parents[2] / "docs"
_PAGE, _FIGURE = _DOCS / "performance.md", _DOCS / "performance.png"
_COLOURS = {LCE: "#d55e00", OURS: "#0072b2", TWIN: "#999999"}
_MACHINE = "machine"  # the block that says where it was measured
_COMMAND = "python -m benchmarks.timing.inference --update-docs"


def check_page(names: list[str]) -> None:
    """Checks that the page has a block for each of the networks. Raises HybridTFError when it has not."""
    check_blocks(_PAGE, _COMMAND, [_MACHINE, *names])


def write_page(about: dict[str, Any], rounds: int, results: list[Measurement]) -> None:
    """Writes the blocks of the page, and the figure.

    Args:
        about: what `machine` gives.
        rounds: how many there were.
        results: a measurement for each network.
    """
    networks = {measured.network.name: _tables(measured) for measured in results}
    write_blocks(_PAGE, _COMMAND, {_MACHINE: machine_lines(about, rounds)} | networks)
    with atomic_path(_FIGURE) as temporary:
        _plot(temporary, results)


def _tables(measured: Measurement) -> str:
    sizes = ", ".join(f"{kind} {size:,}" for kind, size in measured.bytes.items())
    tables = [
        goal_table(measured),
        latency_table(measured, 1),
        latency_table(measured, 2),
        step_table(measured),
        agreement_table(measured),
    ]
    notes = "".join(f"Warning: {text}.\n\n" for text in warnings(measured))
    return f"Bytes of the files: {sizes}.\n\n{notes}{''.join(map(markdown, tables))}"


def _plot(path: Path, results: list[Measurement]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4.2), layout="constrained")
    for axes, measured in zip(figure.subplots(1, len(results)), results, strict=True):
        rows = measured.of(1)[::-1]
        bars = axes.barh(
            [row.engine for row in rows], [row.median_ms for row in rows], color=[_COLOURS[row.family] for row in rows]
        )
        axes.bar_label(bars, [f"{row.median_ms:.3g}" for row in rows], padding=2, fontsize=8)
        axes.set_title(measured.network.title, fontsize=10)
        axes.set_xlabel("ms, one thread")
        axes.margins(x=0.15)
        axes.spines[["top", "right"]].set_visible(False)
        axes.label_outer()
    figure.savefig(path, dpi=120)
