"""The space of a search: networks, widths, plans, precisions, input sizes and shifts, and the candidates in it.

Costs grow with the width, so the width is not searched itself: a candidate is the widest that keeps within a share of
every budget. Whatever is proposed fits, and the same share means the same for every network.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from hybrid_tf.models.plan import FULL_PRECISION, Plan
from hybrid_tf.models.spec import BinarizationConfig, NetworkSpec

if TYPE_CHECKING:
    from hybrid_tf.models.network import Network

WIDTHS = (0.0625, 0.125, 0.1875, 0.25, 0.3125, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0, 1.25, 1.5, 2.0)
FLOAT32, INT8 = PRECISIONS = ("float32", "int8")
FIXED_PLANS = ("full_precision", "residual", "xnor")
LEAST_SHARE = 0.3


@dataclass(frozen=True)
class Candidate:
    """A network that can be trained and converted.

    Attributes:
        network, plan, width: as in a `Config`.
        precision: precision of what is not binary in the file, one of PRECISIONS.
        input_size: height and width of an image in pixels.
        shifts: whether additions of binary stages are followed by a PReLU and a shift.
    """

    network: str
    plan: str
    width: float
    precision: str
    input_size: int
    shifts: bool = False

    @property
    def head(self) -> str | None:
        """The head with the fewest weights, which comes last, where there are several."""
        heads = _row(self.network).heads
        return heads[-1] if len(heads) > 1 else None

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a training that make the candidate."""
        return {
            "network": self.network,
            "plan": self.plan,
            "width": self.width,
            "head": self.head,
            "input_size": self.input_size,
            "shifts": self.shifts,
        }

    def spec(self, channels: int, classes: int) -> NetworkSpec:
        """Returns what the network is, for images of so many channels and so many classes."""
        shape = (self.input_size, self.input_size, channels)
        binarization = BinarizationConfig(shifts=self.shifts)
        return NetworkSpec(self.network, Plan.parse(self.plan), shape, classes, self.width, self.head, binarization)

    def with_width(self, width: float) -> "Candidate":
        """Returns the candidate at another width."""
        return replace(self, width=width)

    def __str__(self) -> str:
        shifts = ", shifts" if self.shifts else ""
        return f"{self.network} {self.plan}, width {self.width:g}, {self.precision}, {self.input_size} px{shifts}"


class Chooser(Protocol):
    """What proposes values: a trial of Optuna."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Returns one of the choices."""

    def suggest_float(self, name: str, low: float, high: float) -> float:
        """Returns a number of a range."""


@dataclass(frozen=True)
class Space:
    """What a search chooses from.

    Attributes:
        networks: names of the networks.
        plans: texts of the plans; empty for those of `network_plans`.
        input_sizes: heights and widths of images in pixels.
    """

    networks: tuple[str, ...]
    plans: tuple[str, ...]
    input_sizes: tuple[int, ...]

    def plans_of(self, network: str) -> tuple[str, ...]:
        """Returns the plans of a network that are searched."""
        return self.plans or network_plans(network)

    def suggest(self, trial: Chooser) -> tuple[Candidate, float]:
        """Returns what a trial proposes: a candidate, of any width, and the share of the budgets that it may take."""
        network = trial.suggest_categorical("network", self.networks)
        plan = trial.suggest_categorical(f"plan of {network}", self.plans_of(network))
        precision = trial.suggest_categorical("precision", PRECISIONS)
        input_size = trial.suggest_categorical("input_size", self.input_sizes)
        has_binary = plan != str(FULL_PRECISION)
        shifts = has_binary and trial.suggest_categorical("shifts", (False, True))
        share = trial.suggest_float("share", LEAST_SHARE, 1.0)
        return Candidate(network, plan, WIDTHS[0], precision, input_size, shifts), share

    def fixed_plans(self) -> list[dict[str, Any]]:
        """Returns what the fixed plans are as values of `suggest`: each in int8, with the whole of the budgets.

        The search begins with them, the first plan of all networks first.
        """
        starts = []
        for plan in FIXED_PLANS:
            for network in self.networks:
                if plan in self.plans_of(network):
                    starts.append(
                        {
                            "network": network,
                            f"plan of {network}": plan,
                            "precision": INT8,
                            "input_size": self.input_sizes[0],
                            "share": 1.0,
                        }
                        | ({} if plan == str(FULL_PRECISION) else {"shifts": False})
                    )
        return starts

    def narrowest(self) -> list[Candidate]:
        """Returns the narrowest candidate of every network, plan and precision, int8 first, at the smallest images."""
        size = min(self.input_sizes)
        return [
            Candidate(network, plan, WIDTHS[0], precision, size)
            for network in self.networks
            for plan in self.plans_of(network)
            for precision in reversed(PRECISIONS)
        ]


def _row(network: str) -> "Network":
    from hybrid_tf.models.registry import find_network  # it needs TensorFlow, which what reads trials can do without

    return find_network(network)


def network_plans(network: str) -> tuple[str, ...]:
    """Returns the plans of a network that are worth a search.

    They are the fixed plans, `residual` for the last stages alone, and `residual` that keeps the first convolution of
    each stage behind the first, where the paper's successor (arXiv 1906.01493) finds the layers that deserve precision.
    """
    row = _row(network)
    layers = {layer: stage for layer, stage in row.layers(row.heads[-1]).items() if not layer.endswith("_shortcut")}
    stages = list(dict.fromkeys(layers.values()))
    last = [f"residual+sections={','.join(stages[first:])}" for first in range(1, len(stages))]
    firsts = [next(layer for layer in layers if layers[layer] == stage) for stage in stages[1:]]
    kept = [f"residual+keep={','.join(sorted(firsts))}"] if len(layers) > len(firsts) > 0 else []
    return (*FIXED_PLANS, *last, *kept)
