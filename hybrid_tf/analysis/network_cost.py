"""The cost of a registered network under its plans, without training or converting it."""

from collections.abc import Mapping, Sequence

import larq
import tensorflow as tf

from hybrid_tf.analysis.cost import Cost, cost
from hybrid_tf.analysis.energy_profiles import EnergyProfile
from hybrid_tf.compiler.model_graph import model_graph
from hybrid_tf.models.plan import FULL_PRECISION
from hybrid_tf.models.spec import NetworkSpec

INT8 = ", int8"  # behind the name of a plan whose full-precision sections are int8
PLANS = ("full_precision", "xnor", "residual")


def model_cost(
    model: tf.keras.Model,
    name: str,
    profiles: Sequence[EnergyProfile],
    twin: Cost | None = None,
    file_bytes: int | None = None,
    *,
    int8: bool = False,
) -> Cost:
    """Returns the cost of a model, and of its file if that has been made.

    With `int8` its full-precision sections are int8.

    Raises:
        HybridTFError: as `model_graph` does.
    """
    larq_bits = None if int8 else larq.models.ModelProfile(model).memory
    graph = model_graph(model, int8=int8)
    return cost(graph, name, profiles, twin, larq_bits=larq_bits, file_bytes=file_bytes)


def network_costs(
    spec: NetworkSpec,
    plans: Sequence[str],
    profiles: Sequence[EnergyProfile],
    *,
    file_bytes: Mapping[str, int] | None = None,
    int8: bool = False,
) -> list[Cost]:
    """Returns the cost of a registered network under each plan, in the order of `plans`.

    With `int8` the cost with int8 in place of float32 follows each of them, under the plan's name with ", int8".

    Args:
        spec: specification of the network, under any plan.
        plans: texts of the plans.
        profiles: energy profiles, each with constants of the energy model.
        file_bytes: sizes of converted files in bytes, by name of the cost, where there are any.
        int8: whether to add the costs with int8.

    Raises:
        HybridTFError: for a wrong plan, and as `NetworkSpec.build` does.
    """
    specs = [spec.with_plan(plan) for plan in plans]  # a mistake in the last plan shows before the first is built
    files = file_bytes or {}
    baseline = str(FULL_PRECISION)
    twin = model_cost(spec.twin().build(), baseline, profiles, file_bytes=files.get(baseline))
    costs = []
    for one in specs:
        model, label = one.build(), str(one.plan)
        costs.append(twin if label == baseline else model_cost(model, label, profiles, twin, files.get(label)))
        if int8:
            label += INT8
            costs.append(model_cost(model, label, profiles, twin, files.get(label), int8=True))
    return costs
