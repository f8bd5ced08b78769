"""Finished runs side by side: what each plan gives, and what it costs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.table import Table

from hybrid_tf.analysis.cost import Cost
from hybrid_tf.analysis.energy import picojoules
from hybrid_tf.analysis.energy_profiles import EnergyProfile
from hybrid_tf.analysis.network_cost import INT8, model_cost
from hybrid_tf.config import Config
from hybrid_tf.deploy.freshness import warn_of_stale_files
from hybrid_tf.deploy.kept_evaluation import forget_images, run_evaluation
from hybrid_tf.deploy.metrics import Evaluation
from hybrid_tf.errors import HybridTFError
from hybrid_tf.graphs.graph import LayerProfile
from hybrid_tf.graphs.memory import size
from hybrid_tf.runs.history import read_history
from hybrid_tf.runs.names import BEST, FILE, INT8_FILE
from hybrid_tf.runs.report import Report
from hybrid_tf.runs.resuming import resume_command
from hybrid_tf.runs.run import Run, load_run
from hybrid_tf.system.notices import warn
from hybrid_tf.tables import percent, table


@dataclass(frozen=True)
class RunCost:
    """A finished run with its cost, as the page shows it.

    Attributes:
        name: text of the plan, `, int8` behind it for the run's int8 file.
        folder: path of the run folder.
        int8: whether it is the run's int8 file; else it is the network.
        config: settings of the run.
        report: report of the run.
        history: history row of each epoch of the run.
        cost: cost of the run's network.
        file_bytes: size of the run's `.tflite` in bytes; `None` when it is not converted.
        evaluation: what it gives on the test images; `None` where that was not asked for, or could not be measured.
        missing: why it could not be measured; empty where it was, or was not asked for.
    """

    name: str
    folder: Path
    int8: bool
    config: Config
    report: Report
    history: list[dict[str, float]]
    cost: Cost
    file_bytes: int | None
    evaluation: Evaluation | None = None
    missing: str = ""

    @property
    def accuracy(self) -> float | None:
        """Top-1 accuracy on the test images, 0 to 1; `None` for an int8 file that could not be measured."""
        if self.int8:
            return self.evaluation and self.evaluation.accuracy
        return self.report.test_accuracy

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


def run_costs(folders: Sequence[Path], profile: EnergyProfile, *, evaluated: bool = False) -> list[RunCost]:
    """Returns finished runs with their costs, the one of its int8 file behind each that has one.

    int8 files are evaluated, as only that tells their accuracy; where it is not possible, a warning says why.

    Args:
        folders: paths of the run folders.
        profile: energy profile with the constants of the model.
        evaluated: whether to evaluate the networks, too.

    Raises:
        HybridTFError: when a run cannot be read, or none is finished; others are left out, and said.
    """
    forget_images()
    folders = list(dict.fromkeys(map(Path, folders)))
    loaded = [load_run(folder) for folder in folders]
    for run in loaded:
        if not run.finished:
            warn(f"left out, as it is not finished: {run.folder}; `{resume_command(run.folder)}` continues it")
    loaded = [run for run in loaded if run.finished]
    if not loaded:
        raise HybridTFError("none of the runs is finished: continue one of them")
    folders = [run.folder for run in loaded]
    found = [_costs(run, profile, evaluated) for run in loaded]
    if len({run.config.network for run in loaded}) > 1:
        found = [
            [replace(cost, name=f"{run.config.network} {cost.name}") for cost in costs]
            for run, costs in zip(loaded, found, strict=True)
        ]
    names = [run.name for runs in found for run in runs]
    if len(set(names)) < len(names):  # the same plan twice: tell the runs apart by their folders
        short = [folder.name for folder in folders]
        labels = short if len(set(short)) == len(short) else list(map(str, folders))
        found = [
            [replace(run, name=f"{run.name} ({label})") for run in runs]
            for runs, label in zip(found, labels, strict=True)
        ]
    return [run for runs in found for run in runs]


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


def _costs(run: Run, profile: EnergyProfile, evaluated: bool) -> list[RunCost]:
    report = run.report
    warn_of_stale_files(run.folder)
    twin = model_cost(run.spec.twin().build(), "full_precision", [profile])
    history = read_history(run.folder)
    if not history:
        raise HybridTFError(f"run {run.folder} has no history: train it again")
    name, model = run.config.plan, run.spec.build()
    found = []
    for int8, file in ((False, run.folder / FILE), (True, run.folder / INT8_FILE)):
        if int8 and not file.exists():
            continue
        label = name + INT8 if int8 else name
        evaluation, missing = _evaluation(run, int8) if int8 or evaluated else (None, "")
        found.append(
            RunCost(
                name=label,
                folder=run.folder,
                int8=int8,
                config=run.config,
                report=report,
                history=history,
                cost=model_cost(model, label, [profile], twin, int8=int8),
                file_bytes=file.stat().st_size if file.exists() else None,
                evaluation=evaluation,
                missing=missing,
            )
        )
    return found


def _evaluation(run: Run, int8: bool) -> tuple[Evaluation | None, str]:
    """Returns an evaluation, or why there is none: the rest of a report does without."""
    try:
        return run_evaluation(run, int8=int8), ""
    except HybridTFError as error:
        warn(f"{run.folder / (INT8_FILE if int8 else BEST)} is not evaluated: {error}")
        return None, str(error)
