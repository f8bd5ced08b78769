"""What a registered network is, and what every family shares."""

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from hybrid_tf.models.layers import Signs, Units, units_for
from hybrid_tf.models.plan import Plan


@dataclass(frozen=True)
class Setting:
    """Everything a network is built from besides its own table row.

    Attributes:
        plan: which sections are binary.
        input_shape: height, width, channels.
        classes: outputs of the last layer (logits).
        width: multiplies the channels of every hidden layer.
        head: one of the network's heads.
        signs: how its binary layers are trained.
    """

    plan: Plan
    input_shape: tuple[int, int, int]
    classes: int
    width: float
    head: str
    signs: Signs

    def channels(self, count: int) -> int:
        """Returns `count` times the width, rounded to a multiple of 8 (what binary kernels work best with)."""
        return max(8, round(count * self.width / 8) * 8)

    def units(self, stage: str) -> Units:
        """Returns what `stage` is built from."""
        return units_for(self.plan, stage, self.signs)


@dataclass(frozen=True)
class Network:
    """A row of the registry.

    Attributes:
        name: as users write it.
        build: makes the Keras model, [N, H, W, C] to logits [N, classes].
        layers: stage of each layer that a plan can make binary, by the layer's name, for a head.
        heads: the heads to choose from, the default first.
        input_size: height and width the network was published for.
    """

    name: str
    build: Callable[[Setting], tf.keras.Model]
    layers: Callable[[str], dict[str, str]]
    heads: tuple[str, ...]
    input_size: int

    def stages(self, head: str) -> list[str]:
        """Returns the names of the stages that a plan can make binary, in order."""
        return list(dict.fromkeys(self.layers(head).values()))
