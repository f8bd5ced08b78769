"""What a candidate costs, before it is trained: the size of its file, and what its graph says of RAM, MACs and energy.

The size is that of the file which a conversion with random weights gives; sizes are kept in the folder of the search. A
search for a width foresees sizes from the graphs, and makes files only of what may fit: the rest of a file, what is
not in the graph, hardly depends on the width.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from hybrid_tf.analysis.cost import Cost, cost
from hybrid_tf.analysis.energy_profiles import DEFAULT, energy_profile
from hybrid_tf.compiler import Metadata
from hybrid_tf.compiler.model_graph import model_graph
from hybrid_tf.data import Dataset
from hybrid_tf.deploy.conversion import file_size
from hybrid_tf.micro.report import KERNEL_BYTES
from hybrid_tf.models.spec import NetworkSpec
from hybrid_tf.search.budgets import LATENCY, Budget, excess
from hybrid_tf.search.latency import LatencyTable
from hybrid_tf.search.space import INT8, WIDTHS, Candidate
from hybrid_tf.system.files import read_json, write_json
from hybrid_tf.version import versions

_UNKNOWN_DIGEST = hashlib.sha256(b"not trained yet").hexdigest()
SIZES = ("file", "flash")


@dataclass(frozen=True)
class Costs:
    """Costs of candidates for one data set.

    Attributes:
        budgets: budgets of the search.
        tables: latency tables of the budgets, by path.
        dataset: data set whose images and classes the networks are for.
        folder: folder in which sizes of files are kept.
    """

    budgets: tuple[Budget, ...]
    tables: dict[str, LatencyTable]
    dataset: Dataset
    folder: Path
    _costs: dict[Candidate, Cost] = field(default_factory=dict)

    def exact(self, candidate: Candidate) -> dict[str, float]:
        """Returns every budgeted cost of a candidate, by the budget's name. Raises HybridTFError as conversion does."""
        sizes = [budget.cost for budget in self.budgets if budget.cost in SIZES]
        return self._all(candidate, self.file_bytes(candidate) if sizes else 0)

    def widest(self, candidate: Candidate, share: float = 1.0) -> tuple[Candidate, dict[str, float]] | None:
        """Returns the widest form of a candidate that keeps within a share of every budget, with its costs.

        None where even the narrowest does not.
        """
        budgets = [replace(budget, limit=budget.limit * share) for budget in self.budgets]
        beside = 0.0  # what the file has beside its graph's weights and parameters, at a width that was converted
        highest = len(WIDTHS) - 1
        while (number := self._widest_foreseen(candidate, budgets, beside, highest)) is not None:
            found = candidate.with_width(WIDTHS[number])
            costs = self.exact(found)
            if excess(budgets, costs) <= 1:
                return found, costs
            beside, highest = self._beside(found), number - 1
        return None

    def file_bytes(self, candidate: Candidate) -> int:
        """Returns the bytes of a candidate's file. Raises HybridTFError when it cannot be converted."""
        metadata = self._metadata(candidate)
        key = hashlib.sha256(json.dumps([asdict(candidate), asdict(metadata)], sort_keys=True).encode()).hexdigest()
        path = self.folder / f"{key[:32]}.json"
        if path.exists():
            return int(read_json(path)["bytes"])
        found = file_size(self._spec(candidate).build(), metadata, int8=candidate.precision == INT8)
        write_json(path, {"candidate": asdict(candidate), "bytes": found, "versions": versions()})
        return found

    def cost(self, candidate: Candidate) -> Cost:
        """Returns what the graph of a candidate says of its cost."""
        if candidate not in self._costs:
            graph = model_graph(self._spec(candidate).build(), int8=candidate.precision == INT8)
            self._costs[candidate] = cost(graph, str(candidate), [energy_profile(DEFAULT)])
        return self._costs[candidate]

    def nearest(self, candidates: Sequence[Candidate]) -> tuple[Candidate, dict[str, float]]:
        """Returns which of some candidates exceeds its budgets the least, and its costs.

        All are compared by their graphs, and a file is made of the nearest alone.
        """
        best = min(candidates, key=lambda one: excess(self.budgets, self._all(one, self._graph_bytes(one))))
        return best, self.exact(best)

    def _widest_foreseen(
        self, candidate: Candidate, budgets: Sequence[Budget], beside: float, highest: int
    ) -> int | None:
        """Returns the number of the largest width up to `highest` that fits, as far as the graph says."""

        def fits(number: int) -> bool:
            one = candidate.with_width(WIDTHS[number])
            return excess(budgets, self._all(one, self._graph_bytes(one) + beside)) <= 1

        if highest < 0 or not fits(0):
            return None
        low, high = 0, highest + 1  # the first fits, and the second does not or is not wanted
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        return low

    def _all(self, candidate: Candidate, file_bytes: float) -> dict[str, float]:
        found = self.cost(candidate)
        kernels = KERNEL_BYTES if found.macs("binary") else 0
        values = {"file": file_bytes, "flash": file_bytes + kernels, "ram": found.peak.bytes}
        values |= {"macs": sum(row.macs for row in found.rows), "energy": found.energies[0].total}
        return {
            budget.name: self.tables[budget.table].milliseconds(found.rows)
            if budget.cost == LATENCY
            else float(values[budget.cost])
            for budget in self.budgets
        }

    def _graph_bytes(self, candidate: Candidate) -> float:
        return sum(row.weight_bytes + row.parameter_bytes for row in self.cost(candidate).rows)

    def _beside(self, candidate: Candidate) -> float:
        return self.file_bytes(candidate) - self._graph_bytes(candidate)

    def _spec(self, candidate: Candidate) -> NetworkSpec:
        return candidate.spec(self.dataset.image_shape[2], len(self.dataset.class_names))

    def _metadata(self, candidate: Candidate) -> Metadata:
        """Returns metadata as long as those of a run, whose digest of weights is not known yet."""
        data = self.dataset
        return Metadata(
            class_names=data.class_names,
            mean=data.normalisation.mean,
            std=data.normalisation.std,
            input_shape=(candidate.input_size, candidate.input_size, data.image_shape[2]),
            network=candidate.network,
            plan=candidate.plan,
            dataset=data.name,
            weights=_UNKNOWN_DIGEST,
        )
