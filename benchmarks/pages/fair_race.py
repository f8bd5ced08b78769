"""The page docs/fair-race.md: hybrid networks beside the int8 networks that a user would pick instead.

python -m benchmarks.pages.fair_race

It measures nothing: `python -m benchmarks.race --update-docs` does, and writes the record docs/fair-race.json.
"""

import sys
from pathlib import Path

from benchmarks.pages.fair_race_verdict import verdict, verdict_tables
from benchmarks.pages.generated import check_blocks, write_blocks
from benchmarks.pages.markdown_tables import Table, markdown_table
from benchmarks.race.record import PATH as RECORD
from benchmarks.race.record import Race, Row, read_race
from hybrid_tf.errors import HybridTFError
from hybrid_tf.pretrained.measured import BUSY, NOISY, RUNTIME
from hybrid_tf.system.files import atomic_path

_DOCS = Path(__file__).parents[2] / "docs"
PAGE, FIGURE = _DOCS / "fair-race.md", _DOCS / "fair-race.png"
COMMAND = "python -m benchmarks.pages.fair_race"
_VERDICT, _SOURCES = "verdict", "measured"
_TASKS = ("28x28x1", "32x32x3", "224x224x3")
_COLOURS = {True: "#0072b2", False: "#999999"}
_COLUMNS = ["file", "", "accuracy", "bytes", "RAM", "ms", "ms, 2 threads", "A72 M", "A76 M", "energy uJ", "engine"]


def main() -> None:
    """Runs the command."""
    try:
        check_page()
        write_page(read_race())
    except HybridTFError as error:
        sys.exit(f"error: {error}")
    print(f"wrote {PAGE}")


def check_page() -> None:
    """Checks that the page has its blocks, before anything is measured. Raises HybridTFError when it has not."""
    check_blocks(PAGE, COMMAND, [_VERDICT, *_TASKS, _SOURCES])


def write_page(race: Race) -> None:
    """Writes the blocks of the page, and its figure."""
    figure = f"![Instructions on a Cortex-A72 against bytes]({FIGURE.name})"
    blocks = {_VERDICT: "\n".join(f"- {sentence}" for sentence in _verdicts(race)) + f"\n\n{figure}"}
    for task in _TASKS:
        found = Table(task, _COLUMNS, _cells(race.of(task))), *verdict_tables(race.of(task))
        blocks[task] = "\n".join(markdown_table(one.columns, one.rows) for one in found)
    blocks[_SOURCES] = "".join(f"- {text}.\n" for text in sources(race)) + f"- [All figures]({RECORD.name}).\n"
    write_blocks(PAGE, COMMAND, blocks)
    with atomic_path(FIGURE) as temporary:
        _plot(temporary, race)


def tables(race: Race) -> list[Table]:
    """Returns, for each task, a table of the files and those of who wins in what."""
    found = []
    for task in dict.fromkeys(row.task for row in race.rows):
        found += [Table(task, _COLUMNS, _cells(race.of(task))), *verdict_tables(race.of(task))]
    return found


def _verdicts(race: Race) -> list[str]:
    return [f"**{task}**: {verdict(race.of(task))}" for task in _TASKS]


def _cells(rows: list[Row]) -> list[list[str]]:
    ordered = sorted(rows, key=lambda row: (-(row.accuracy or 0), row.bytes))
    return [_row_cells(row) for row in ordered]


def _row_cells(row: Row) -> list[str]:
    times = [row.fastest(threads) for threads in ("1", "2")]
    counts = [f"{row.fewest(name)[0] / 1e6:.2f}" for name in ("cortex-a72", "cortex-a76")] if row.instructions else []
    return [
        row.label,
        "hybrid" if row.is_hybrid else "rival",
        "-" if row.accuracy is None else f"{100 * row.accuracy:.2f} %",
        f"{row.bytes:,}",
        f"{row.ram:,}",
        *(_milliseconds(ms) for ms, _ in times),
        *(counts or ["-", "-"]),
        f"{row.energy_pj / 1e6:.3g}",
        " / ".join(dict.fromkeys(engine for _, engine in times)),
    ]


def _milliseconds(value: float) -> str:
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"


def sources(race: Race) -> list[str]:
    """Returns where the numbers come from, a line each, and whether to trust the times."""
    about = {key: ", ".join(text) if isinstance(text, list) else text for key, text in race.times.items()}
    rounds, busy = about.pop("rounds"), float(about.pop(BUSY))
    measured = [one for row in race.rows for counts in row.ms.values() for one in counts.values()]
    spreads = sorted((high - low) / median for median, low, high in measured)
    doubt = ", so the times are doubtful" if busy > NOISY else ""
    return [
        f"times: {_listed(about)}; median of {rounds} interleaved rounds, whose 10th and 90th percentile are "
        f"{spreads[len(spreads) // 2]:.0%} of it apart in the middle and {spreads[-1]:.0%} at most; "
        f"other programs kept up to {busy:.2f} processors busy meanwhile{doubt}",
        f"instructions: {_listed(race.counts)}",
        f"energy: of the profile {race.energy}",
        f"engines: hybrids run in {RUNTIME} and in LCE's interpreter in each of its modes (on ARM in {RUNTIME} alone), "
        f"the others in LiteRT with XNNPACK, and in {RUNTIME} where that would run any of their operators; each number "
        "is that of the fastest, named in the last column for one thread and, where it differs, for two",
    ]


def _listed(values: dict[str, str]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())


def _plot(path: Path, race: Race) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4.2), layout="constrained")
    for axes, task in zip(figure.subplots(1, len(_TASKS)), _TASKS, strict=True):
        for is_hybrid, label in ((True, "hybrid"), (False, "int8")):
            rows = [row for row in race.of(task) if row.is_hybrid == is_hybrid]
            axes.scatter(
                [row.bytes / 1000 for row in rows],
                [row.fewest("cortex-a72")[0] / 1e6 for row in rows],
                color=_COLOURS[is_hybrid],
                label=label,
            )
            for row in rows:
                at = row.bytes / 1000, row.fewest("cortex-a72")[0] / 1e6
                axes.annotate(row.label, at, xytext=(3, 3), textcoords="offset points", fontsize=5)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("kB")
        axes.set_title(task, fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("million instructions, Cortex-A72")
    figure.axes[0].legend()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
