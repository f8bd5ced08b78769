"""One self-contained HTML page about finished runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybrid_tf.analysis.energy import picojoules
from hybrid_tf.analysis.energy_profiles import EnergyProfile
from hybrid_tf.config import option
from hybrid_tf.runs.history import readable_limit
from hybrid_tf.study.evaluation_page import EvaluationView
from hybrid_tf.study.figures import Series, legend_entry, lines, pareto_front, scatter
from hybrid_tf.study.page import write_page
from hybrid_tf.study.report import RunCost


@dataclass(frozen=True)
class Figure:
    """A figure with its text.

    Attributes:
        svg: figure as SVG.
        caption: sentences about it.
        legend: sign, colour and name of each run in it.
    """

    svg: str
    caption: str
    legend: list[tuple[str, str, str]]


def write_report(runs: Sequence[RunCost], path: Path, profile: EnergyProfile) -> None:
    """Writes the page about `runs` to `path`; it needs no network and no other file.

    Args:
        runs: runs with their costs, evaluated, as `run_costs` gives them.
        path: path of the HTML file.
        profile: energy profile that `runs` were costed with.

    Raises:
        HybridTFError: when the file cannot be written.
    """
    styles = {run.name: number for number, run in enumerate(runs)}
    write_page(
        path,
        "report.html",
        title=" and ".join(sorted({f"{run.report.network} on {Path(run.report.dataset).name}" for run in runs})),
        runs=runs,
        views=[EvaluationView(run.evaluation) if run.evaluation else None for run in runs],
        profile=profile,
        energy=picojoules,
        largest_energy=max(run.cost.energies[0].total for run in runs),
        has_int8=any(row.precision == "int8" for run in runs for row in run.layers),
        settings=_settings([run for run in runs if not run.int8]),
        cost_figures=[
            _against(runs, styles, "memory of the weights", "kB", [run.weight_bytes / 1e3 for run in runs]),
            _against(runs, styles, "energy of one image", "uJ", [run.cost.energies[0].total / 1e6 for run in runs]),
        ],
        training_figures=[_curves(runs, styles, "loss", 1), _curves(runs, styles, "accuracy", 100)],
    )


def _settings(runs: Sequence[RunCost]) -> dict[str, Any]:
    """Returns the settings that differ between runs, and those that all share, as they are named in commands."""
    every = [{option(name): _text(value) for name, value in run.config.to_dict().items()} for run in runs]
    differing = [name for name in every[0] if len({values[name] for values in every}) > 1]
    return {
        "differing": differing,
        "rows": [(run.name, [values[name] for name in differing]) for run, values in zip(runs, every, strict=True)],
        "shared": [(name, value) for name, value in every[0].items() if name not in differing],
    }


def _text(value: Any) -> str:
    return {None: "-", True: "yes", False: "no"}[value] if value is None or isinstance(value, bool) else str(value)


def _legend(runs: Sequence[RunCost], styles: dict[str, int]) -> list[tuple[str, str, str]]:
    return [(*legend_entry(styles[run.name]), run.name) for run in runs]


def _against(runs: Sequence[RunCost], styles: dict[str, int], what: str, unit: str, costs: Sequence[float]) -> Figure:
    known = [(run, cost, 100 * run.accuracy) for run, cost in zip(runs, costs, strict=True) if run.accuracy is not None]
    points = [Series(styles[run.name], [cost], [accuracy]) for run, cost, accuracy in known]
    front = pareto_front([cost for _, cost, _ in known], [accuracy for *_, accuracy in known])
    caption = f"Accuracy against the {what}" + ("; the dotted line is the Pareto front." if len(front) > 1 else ".")
    svg = scatter(points, f"{what} ({unit})", "test accuracy (%)", front if len(front) > 1 else ())
    return Figure(svg, caption, _legend([run for run, *_ in known], styles))


def _curves(runs: Sequence[RunCost], styles: dict[str, int], name: str, factor: float) -> Figure:
    trained = [run for run in runs if not run.int8]  # an int8 file has the history of its network
    keys, groups = (name, f"val_{name}"), []
    for run in trained:
        epochs, style = [row["epoch"] for row in run.history], styles[run.name]
        found = [key for key in keys if key in run.history[0]]
        groups.append([Series(style, epochs, [factor * row[key] for row in run.history]) for key in found])
    limit = readable_limit([y for group in groups for series in group for y in series.y])
    caption = name.capitalize()
    if any(len(group) > 1 for group in groups):
        caption += "; validation is dashed"
    if limit is not None:
        caption += f"; values above {limit:.3g} are cut off"
    svg = lines(groups, "epoch", f"{name} (%)" if factor == 100 else name, limit)
    return Figure(svg, f"{caption}.", _legend(trained, styles))
