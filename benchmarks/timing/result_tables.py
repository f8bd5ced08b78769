"""A measurement as tables, for the terminal and for the page."""

from typing import Any

from benchmarks.pages.markdown_tables import Table
from benchmarks.timing.goals import goals
from benchmarks.timing.measurement import Measurement

NOISY = 0.1  # spread between rounds, or processors busy elsewhere


def latency_table(measured: Measurement, threads: int) -> Table:
    """Returns the latency of each engine with so many threads, and how many times faster our fastest one is."""
    best = measured.best(threads)
    rows = [
        [
            row.engine,
            _milliseconds(row.median_ms),
            _milliseconds(row.p95_ms),
            f"{100 * row.spread:.0f} %",
            "1" if row is best else f"{row.median_ms / best.median_ms:.2f}",
        ]
        for row in measured.of(threads)
    ]
    columns = ["engine", "median ms", "95 % within ms", "spread", "ours is faster, times"]
    return Table(f"{measured.network.title}: {_threads(threads)}", columns, rows)


def goal_table(measured: Measurement) -> Table:
    """Returns our fastest engine against its rivals."""
    rows = [
        [goal.text, f"{goal.measured:.2f}", "-" if goal.wanted is None else f"{goal.wanted:g}", goal.verdict]
        for goal in goals(measured)
    ]
    return Table(f"{measured.network.title}: ours is faster than", ["", "times", "goal", "reached"], rows)


def agreement_table(measured: Measurement) -> Table:
    """Returns how far the scores of engines are apart."""
    rows = [
        [row.engine, row.reference, f"{100 * row.top1:.0f} %", f"{row.max_difference:.1e}"]
        for row in measured.agreements
    ]
    return Table(f"{measured.network.title}: scores", ["engine", "compared with", "same class", "difference"], rows)


def step_table(measured: Measurement) -> Table:
    """Returns what each step of our fastest engine takes."""
    total = sum(step["mean_ms"] for step in measured.steps)
    rows = [
        [
            step["operators"],
            step["output"].partition(";")[0].removeprefix(f"{measured.network.name}/"),
            _millions(step["binary_macs"]),
            _millions(step["float_macs"]),
            f"{step['mean_ms']:.4f}",
            f"{100 * step['mean_ms'] / total:.1f} %",
            _rate(step),
        ]
        for step in measured.steps
    ]
    columns = ["operators", "output", "million binary MACs", "million float MACs", "mean ms", "share", "billion MACs/s"]
    return Table(f"{measured.network.title}: steps of ours", columns, rows)


def warnings(measured: Measurement) -> list[str]:
    """Returns what makes a measurement doubtful, one sentence each."""
    found = []
    noisy = [row for row in measured.latencies if row.spread > NOISY]
    if noisy:
        worst = max(noisy, key=lambda row: row.spread)
        found.append(
            f"{len(noisy)} of {len(measured.latencies)} latencies differ by more than {NOISY:.0%} between rounds, "
            f"'{worst.engine}' with {_threads(worst.threads)} by {worst.spread:.0%}: the machine is noisy"
        )
    if measured.busy_elsewhere > NOISY:
        found.append(
            f"other programs kept {measured.busy_elsewhere:.2f} processors busy meanwhile: stop them and measure again"
        )
    return found


def _milliseconds(value: float) -> str:
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"


def _threads(count: int) -> str:
    return "one thread" if count == 1 else f"{count} threads"


def _millions(macs: int) -> str:
    return f"{macs / 1e6:.2f}" if macs else ""


def _rate(step: dict[str, Any]) -> str:
    macs = step["binary_macs"] + step["float_macs"]
    return f"{macs / step['mean_ms'] / 1e6:.0f}" if macs and step["mean_ms"] > 0 else ""
