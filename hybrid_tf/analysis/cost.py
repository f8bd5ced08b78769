"""The cost of a graph: memory of its weights and activations, multiply-accumulates and energy, beside its twin's.

The full-precision twin is the same network with nothing binary. TensorFlow is not needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from hybrid_tf.analysis.energy import Energy, energy, picojoules
from hybrid_tf.analysis.energy_profiles import EnergyProfile
from hybrid_tf.graphs.file_graph import damage_in, file_graph
from hybrid_tf.graphs.graph import MAC_KINDS, PRECISIONS, Graph, LayerProfile
from hybrid_tf.graphs.memory import Peak, peak_memory, size, weight_bits
from hybrid_tf.tables import table
from hybrid_tf.tflite.flatbuffer import parse_tflite, read_bytes

NOTE = "The energies are a model, not a measurement: they compare plans, and say nothing of a particular device."


@dataclass(frozen=True)
class Cost:
    """What one network under one plan, or one file, costs for one image.

    Attributes:
        name: text of the plan, or path of the file.
        rows: row of every operator, in order.
        peak: peak of the activation memory.
        energies: energy of one image under each energy profile.
        larq_bits: memory of all parameters in bits, as `larq.models.summary` counts it; `None` for a file and for int8.
        file_bytes: size of the converted file in bytes; `None` when there is none.
        twin: cost of the full-precision twin; `None` when it is not known, or this is it.
    """

    name: str
    rows: tuple[LayerProfile, ...]
    peak: Peak
    energies: tuple[Energy, ...]
    larq_bits: int | None = None
    file_bytes: int | None = None
    twin: "Cost | None" = None

    def weights(self, precision: str) -> int:
        """Returns the number of weights of a precision."""
        return sum(row.weights for row in self.rows if row.precision == precision)

    def macs(self, kind: str) -> int:
        """Returns the number of multiply-accumulates of a kind."""
        return sum(row.macs for row in self.rows if row.mac_kind == kind)

    @property
    def weight_bits(self) -> int:
        """Memory of the kernels in bits, as the paper (arXiv 1902.00460) counts it."""
        return weight_bits(self.rows)

    def compressions(self) -> dict[str, float | None]:
        """Returns the full-precision twin's memory over this one's: as the paper counts it, as larq does, in files."""
        twin = self.twin
        if twin is None:
            return {"weights": None, "larq": None, "file": None}
        return {
            "weights": _ratio(twin.weight_bits, self.weight_bits),
            "larq": _ratio(twin.larq_bits, self.larq_bits),
            "file": _ratio(twin.file_bytes, self.file_bytes),
        }

    def efficiencies(self) -> dict[str, float | None]:
        """Returns the full-precision twin's energy over this one's under each profile."""
        twins = {found.profile: found.total for found in self.twin.energies} if self.twin else {}
        return {found.profile: _ratio(twins.get(found.profile), found.total) for found in self.energies}

    def to_dict(self) -> dict[str, Any]:
        """Returns the numbers as JSON values: sizes in bytes, energies in pJ, ratios to the full-precision twin."""
        efficiencies = self.efficiencies()
        return {
            "name": self.name,
            "weights": {precision: self.weights(precision) for precision in PRECISIONS},
            "weight_bytes": self.weight_bits / 8,
            "larq_bytes": None if self.larq_bits is None else self.larq_bits / 8,
            "file_bytes": self.file_bytes,
            "compression": self.compressions(),
            "macs": {kind: self.macs(kind) for kind in MAC_KINDS},
            "peak_activation_bytes": self.peak.bytes,
            "peak_activation_at": self.peak.operation,
            "energy": [found.to_dict() | {"efficiency": efficiencies[found.profile]} for found in self.energies],
        }


def _ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None


def cost(
    graph: Graph, name: str, profiles: Sequence[EnergyProfile], twin: Cost | None = None, **sizes: int | None
) -> Cost:
    """Returns the cost of a graph.

    Args:
        graph: graph of the network, see `model_graph` and `file_graph`.
        name: text of the plan, or path of the file.
        profiles: energy profiles, each with constants of the energy model.
        twin: cost of the full-precision twin.
        sizes: `larq_bits` and `file_bytes`, where they are known.
    """
    rows = tuple(graph.rows())
    energies = tuple(energy(rows, profile) for profile in profiles)
    return Cost(name, rows, peak_memory(graph), energies, twin=twin, **sizes)


def file_cost(path: Path, profiles: Sequence[EnergyProfile], twin: Cost | None = None) -> Cost:
    """Returns the cost of a `.tflite` file. Raises HybridTFError when it cannot be read or has several subgraphs."""
    content = read_bytes(path)
    file = parse_tflite(content, path)
    with damage_in(path):
        return cost(file_graph(file), str(path), profiles, twin, file_bytes=len(content))


def cost_tables(title: str, costs: Sequence[Cost]) -> list[Table]:
    """Returns tables of memory, of multiply-accumulates, and of energy under each profile; a row for each cost.

    A column "twin's" says how many times as much the full-precision twin takes of what the column before says.
    """
    kinds = [kind for kind in MAC_KINDS if any(item.macs(kind) for item in costs)]
    memory, macs = [], []
    for item in costs:
        cells = [item.name]
        bits = {"weights": item.weight_bits, "larq": item.larq_bits, "file": item.file_bytes and 8 * item.file_bytes}
        for accounting, ratio in item.compressions().items():
            count = bits[accounting]
            cells += ["-" if count is None else size(count / 8), _times(ratio)]
        memory.append([*cells, size(item.peak.bytes)])
        macs.append([item.name, *(f"{item.macs(kind):,}" for kind in kinds)])
    columns = ["weights", "twin's", "larq", "twin's", "file", "twin's", "activations"]
    found = [table(f"{title}: memory", ["", *columns], memory), table("MACs of one image", ["", *kinds], macs)]
    for number, first in enumerate(costs[0].energies):
        rows = []
        for item in costs:
            spent = item.energies[number]
            parts = [*(spent.compute[kind] for kind in kinds), spent.weights, spent.activations, spent.total]
            rows.append([item.name, *map(picojoules, parts), _times(item.efficiencies()[first.profile])])
        columns = [*(f"{kind} MACs" for kind in kinds), "weights", "activations", "total", "twin's"]
        found.append(table(f"energy of one image, {first.profile}", ["", *columns], rows))
    return found


def _times(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.2f}x"
