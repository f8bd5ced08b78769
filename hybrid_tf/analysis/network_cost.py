"""What a registered network costs under its plans, without training or converting it."""

from collections.abc import Mapping, Sequence

import larq
import tensorflow as tf

from hybrid_tf.analysis.cost import Cost, cost
from hybrid_tf.analysis.energy_profiles import EnergyProfile
from hybrid_tf.analysis.keras_graph import keras_graph
from hybrid_tf.models import build_model
from hybrid_tf.plan import FULL_PRECISION, Plan

PLANS = ("full_precision", "xnor", "residual")


def model_cost(
    model: tf.keras.Model,
    name: str,
    profiles: Sequence[EnergyProfile],
    twin: Cost | None = None,
    file_bytes: int | None = None,
) -> Cost:
    """Returns the cost of a functional or sequential model, and of its file if that has been made.

    Raises:
        HybridTFError: as `keras_graph` does.
    """
    larq_bits = larq.models.ModelProfile(model).memory
    return cost(keras_graph(model), name, profiles, twin, larq_bits=larq_bits, file_bytes=file_bytes)


def network_costs(
    name: str,
    plans: Sequence[str],
    profiles: Sequence[EnergyProfile],
    *,
    input_shape: tuple[int, int, int] = (32, 32, 3),
    classes: int = 10,
    width: float = 1.0,
    head: str | None = None,
    file_bytes: Mapping[str, int] | None = None,
) -> list[Cost]:
    """Returns the cost of a registered network under each plan, in the order of `plans`.

    Args:
        name: a registered network.
        plans: plans as text.
        profiles: constants of the energy model.
        input_shape: as for `hybrid_tf.build_model`.
        classes: as for `hybrid_tf.build_model`.
        width: as for `hybrid_tf.build_model`.
        head: as for `hybrid_tf.build_model`.
        file_bytes: sizes of converted files by plan, where there are any.

    Raises:
        HybridTFError: as `hybrid_tf.build_model` does.
    """
    options = {"input_shape": tuple(input_shape), "classes": classes, "width": width, "head": head}
    parsed = [Plan.parse(plan) for plan in plans]  # a mistake in the last plan shows before the first is built
    files = file_bytes or {}

    def measure(plan: Plan, twin: Cost | None) -> Cost:
        return model_cost(build_model(name, plan, **options), str(plan), profiles, twin, files.get(str(plan)))

    twin = measure(FULL_PRECISION, None)
    return [twin if plan == FULL_PRECISION else measure(plan, twin) for plan in parsed]
