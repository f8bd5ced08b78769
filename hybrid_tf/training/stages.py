"""The stages of a run: epochs that share a network and a schedule."""

from typing import NamedTuple

from hybrid_tf.config import Config
from hybrid_tf.models.plan import FULL_PRECISION, Plan


class Stage(NamedTuple):
    """Epochs `first` to `last` - 1 of a run, counted from 0, that share a network and a learning-rate schedule."""

    first: int
    last: int
    binary_kernels: bool


def stages_of(config: Config) -> list[Stage]:
    """Returns the stages of a run: one, or with `two_stage` two, of which the first has no binary kernels."""
    epochs = config.run_epochs
    if not config.two_stage or Plan.parse(config.plan) == FULL_PRECISION:
        return [Stage(0, epochs, True)]
    first = min(max(round(config.two_stage * epochs), 1), epochs - 1)
    return [Stage(0, first, False), Stage(first, epochs, True)]
