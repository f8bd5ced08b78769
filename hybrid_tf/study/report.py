"""One self-contained HTML page about runs: what each plan gives, and what it costs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from rich.table import Table

from hybrid_tf.analysis.cost import Cost
from hybrid_tf.analysis.energy import picojoules
from hybrid_tf.analysis.energy_profiles import EnergyProfile
from hybrid_tf.analysis.network_cost import INT8, model_cost
from hybrid_tf.deploy.freshness import warn_of_stale_files
from hybrid_tf.errors import HybridTFError
from hybrid_tf.graphs.graph import LayerProfile
from hybrid_tf.graphs.memory import size
from hybrid_tf.runs.history import read_history
from hybrid_tf.runs.names import FILE, INT8_FILE
from hybrid_tf.runs.report import Report
from hybrid_tf.runs.run import Run, load_run
from hybrid_tf.study.figures import Series, lines, pareto_front, scatter
from hybrid_tf.system.files import write_text
from hybrid_tf.tables import percent, table
from hybrid_tf.version import __version__


@dataclass(frozen=True)
class RunCost:
    """A finished run with its cost, as the page shows it.

    Attributes:
        name: text of the plan, `, int8` behind it for the run's int8 file.
        report: report of the run.
        history: history row of each epoch of the run.
        cost: cost of the run's network.
        file_bytes: size of the run's `.tflite` in bytes; `None` when it is not converted.
        accuracy: top-1 accuracy on the test images, 0 to 1; `None` for an int8 file, where the run does not know it.
    """

    name: str
    report: Report
    history: list[dict[str, float]]
    cost: Cost
    file_bytes: int | None
    accuracy: float | None

    @property
    def layers(self) -> list[LayerProfile]:
        """The convolutions and dense layers."""
        return [row for row in self.cost.rows if row.macs]

    @property
    def weight_bytes(self) -> float:
        """Memory of the weights, as the paper counts it."""
        return self.cost.weight_bits / 8

    @property
    def stages(self) -> list[dict[str, Any]]:
        """Memory of the weights of each stage, by precision, in bytes."""
        found = []
        for stage, rows in groupby(self.layers, key=lambda row: row.stage):
            parts: dict[str, float] = {}
            for row in rows:
                parts[row.precision] = parts.get(row.precision, 0) + row.weights * row.bits / 8
            found.append({"name": stage, "parts": sorted(parts.items()), "bytes": sum(parts.values())})
        return found

    @property
    def efficiency(self) -> float:
        """Energy of the full-precision twin over this one's."""
        return self.cost.efficiencies()[self.cost.energies[0].profile]

    def to_dict(self) -> dict[str, Any]:
        """Returns the report of the run and its cost as JSON values."""
        return {
            "name": self.name,
            "report": self.report.to_dict(),
            "cost": self.cost.to_dict(),
            "file_bytes": self.file_bytes,
            "accuracy": self.accuracy,
        }

    @property
    def energy_parts(self) -> list[tuple[str, float]]:
        """Energy of one image in pJ, by MAC kind, and of the memory traffic."""
        spent = self.cost.energies[0]
        return [*((kind, value) for kind, value in spent.compute.items() if value), ("traffic", _traffic(self.cost))]


def _traffic(cost: Cost) -> float:
    return cost.energies[0].weights + cost.energies[0].activations


def run_costs(folders: Sequence[Path], profile: EnergyProfile) -> list[RunCost]:
    """Returns finished runs with their costs, the one of its int8 file behind each that has one.

    Args:
        folders: paths of the run folders.
        profile: energy profile with the constants of the model.

    Raises:
        HybridTFError: when a run cannot be read or is not finished.
    """
    found = [_costs(load_run(folder), profile) for folder in folders]
    names = [run.name for runs in found for run in runs]
    if len(set(names)) < len(names):  # the same plan twice: tell the runs apart by their folders
        found = [
            [replace(run, name=f"{run.name} ({folder.name})") for run in runs]
            for runs, folder in zip(found, folders, strict=True)
        ]
    return [run for runs in found for run in runs]


def write_report(runs: Sequence[RunCost], path: Path, profile: EnergyProfile) -> None:
    """Writes the page about `runs` to `path`; it needs no network and no other file.

    Args:
        runs: runs with their costs, as `run_costs` gives them.
        path: path of the HTML file.
        profile: energy profile that `runs` were costed with.

    Raises:
        HybridTFError: when the file cannot be written.
    """
    environment = Environment(
        loader=PackageLoader("hybrid_tf.study", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    write_text(path, environment.get_template("report.html").render(_values(runs, profile)))


def comparison_table(runs: Sequence[RunCost]) -> Table:
    """Returns a table with a row for each run."""
    columns = ["plan", "test accuracy", "weights", "compression", "file", "peak activations", "energy", "efficiency"]
    rows = [
        [
            run.name,
            percent(run.accuracy),
            size(run.weight_bytes),
            f"{run.cost.compressions()['weights']:.2f}x",
            "-" if run.file_bytes is None else size(run.file_bytes),
            size(run.cost.peak.bytes),
            picojoules(run.cost.energies[0].total),
            f"{run.efficiency:.2f}x",
        ]
        for run in runs
    ]
    return table("runs; energy is a model, not a measurement", columns, rows)


def _costs(run: Run, profile: EnergyProfile) -> list[RunCost]:
    report = run.report
    warn_of_stale_files(run.folder)
    twin = model_cost(run.spec.twin().build(), "full_precision", [profile])
    history = read_history(run.folder)
    if not history:
        raise HybridTFError(f"run {run.folder} has no history: train it again")
    files = [run.folder / FILE, run.folder / INT8_FILE]
    sizes = [file.stat().st_size if file.exists() else None for file in files]
    name, model = run.config.plan, run.spec.build()
    found = [RunCost(name, report, history, model_cost(model, name, [profile], twin), sizes[0], report.test_accuracy)]
    if sizes[1] is not None:
        name += INT8
        found.append(
            RunCost(name, report, history, model_cost(model, name, [profile], twin, int8=True), sizes[1], None)
        )
    return found


def _values(runs: Sequence[RunCost], profile: EnergyProfile) -> dict[str, Any]:
    measured = [run for run in runs if run.accuracy is not None]
    accuracies = [100 * run.accuracy for run in measured]
    memories = [run.weight_bytes / 1000 for run in measured]
    energies = [run.cost.energies[0].total / 1e6 for run in measured]
    networks = sorted({f"{run.report.network} on {run.report.dataset}" for run in runs})
    return {
        "title": " and ".join(networks),
        "version": __version__,
        "runs": runs,
        "profile": profile,
        "largest_energy": max(run.cost.energies[0].total for run in runs),
        "has_int8": any(row.precision == "int8" for run in runs for row in run.layers),
        "memory_figure": _figure(measured, memories, accuracies, "memory of the weights (kB)"),
        "energy_figure": _figure(measured, energies, accuracies, "energy of one image (uJ)"),
        "loss_figure": _curves(measured, "loss", 1),
        "accuracy_figure": _curves(measured, "accuracy", 100),
        "size": size,
        "percent": percent,
        "energy": picojoules,
        "count": lambda number: f"{number:,}",
    }


def _figure(runs: Sequence[RunCost], costs: list[float], accuracies: list[float], label: str) -> str:
    points = [Series(run.name, [x], [y]) for run, x, y in zip(runs, costs, accuracies, strict=True)]
    return scatter(points, label, "test accuracy (%)", pareto_front(costs, accuracies))


def _curves(runs: Sequence[RunCost], name: str, factor: float) -> str:
    groups = []
    for run in runs:
        epochs = [row["epoch"] for row in run.history]
        keys = [key for key in (name, f"val_{name}") if key in run.history[0]]
        # Only the first has a label: the legend names each colour once.
        labels = (run.name, "_")
        groups.append(
            [
                Series(label, epochs, [factor * row[key] for row in run.history])
                for label, key in zip(labels, keys, strict=False)
            ]
        )
    return lines(groups, "epoch", f"{name} (%)" if factor == 100 else name)
