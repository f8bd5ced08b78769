"""Writes docs/performance.md and its figure."""

from pathlib import Path
from typing import Any

from benchmarks.pages.markdown_tables import markdown
from benchmarks.timing.engines import LCE, OURS, TWIN
from benchmarks.timing.measurement import Measurement
from benchmarks.timing.result_tables import agreement_table, goal_table, latency_table, step_table, warnings
from hybrid_tf.system.files import atomic_path, write_text

_DOCS = Path(__file__).parents[2] / "docs"
_PAGE, _FIGURE = _DOCS / "performance.md", _DOCS / "performance.png"
_COLOURS = {LCE: "#d55e00", OURS: "#0072b2", TWIN: "#999999"}
_INTRODUCTION = """# How fast hybrid networks run

Made by `python -m benchmarks.timing.inference --update-docs`: one image at a time on x86-64, random weights. It is one
run: each engine has a process of its own and is measured in short bursts, in turns with all others, so that whatever
else happens on the machine hits all alike.

![Milliseconds for one image](performance.png)

- *LCE*: the interpreter of `larq_compute_engine`, on the network under the plan `residual`. Its default, its two other
  binary convolutions (`use_reference_bconv`, `use_indirect_bgemm`), and the fastest of them with XNNPACK for the
  full-precision operators (`use_xnnpack`; off in the other rows). It has no SIMD kernels for x86-64.
- *ours*: hybrid-tf-runtime on the same file, with each of its kernel sets that this processor runs; *no fusion*: each
  binary operator alone, and the rest in the stock interpreter.
- *twin*: the same network in full precision in LiteRT with XNNPACK, in float32 and in int8: quantized by TensorFlow's
  converter, integers throughout, the image and the scores too.
- *median* of the medians of all rounds; *95 % within* counts every run; *spread* is between the 10th and the 90th
  percentile of the rounds' medians. Latency includes writing the image and reading the scores.
- *ours is faster*: the row's median divided by that of our fastest row with the same number of threads.
- *steps*: the network as hybrid-tf-runtime runs it, timed one by one, which costs a little itself.
  `hybrid-tf-benchmark FILE --per-op` gives the same for any file.

"""
_AMX = """XNNPACK has no option that chooses its instruction set. In int8 it uses the matrix unit (AMX) where there is
one, as here; *without AMX*, the operating system refuses it that unit, so that it takes what it has for other
processors with AVX-512 VNNI. In float32 it does not use AMX.

"""


def write_page(about: dict[str, Any], rounds: int, results: list[Measurement]) -> None:
    """Writes the page and the figure.

    Args:
        about: what `machine` gives.
        rounds: how many there were.
        results: a measurement for each network.
    """
    with atomic_path(_FIGURE) as temporary:
        _plot(temporary, results)
    parts = [_INTRODUCTION, _AMX if "amx_int8" in about["features"] else "", _machine(about, rounds)]
    parts += [_section(measured) for measured in results]
    write_text(_PAGE, "".join(parts).rstrip() + "\n")


def _machine(about: dict[str, Any], rounds: int) -> str:
    lines = [f"- {name}: {', '.join(text) if isinstance(text, list) else text}" for name, text in about.items()]
    return "\n".join([*lines, f"- rounds: {rounds}"]) + "\n\n"


def _section(measured: Measurement) -> str:
    sizes = ", ".join(f"{kind} {size:,}" for kind, size in measured.bytes.items())
    tables = [
        goal_table(measured),
        latency_table(measured, 1),
        latency_table(measured, 2),
        step_table(measured),
        agreement_table(measured),
    ]
    notes = "".join(f"Warning: {text}.\n\n" for text in warnings(measured))
    return f"## {measured.network.title}\n\nBytes of the files: {sizes}.\n\n{notes}{''.join(map(markdown, tables))}"


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
