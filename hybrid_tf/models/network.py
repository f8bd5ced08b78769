"""A row of the registry of networks."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import tensorflow as tf

from hybrid_tf.errors import unknown
from hybrid_tf.models.spec import NetworkSpec


@dataclass(frozen=True)
class Network:
    """A registered network.

    Attributes:
        name: what users write.
        build: makes the Keras model of a spec whose head is named, [N, H, W, C] to logits [N, classes].
        layers: maps a head to the stage of each layer that a plan can make binary, by the layer's name.
        heads: the heads to choose from, the default first.
        input_size: height and width that the network was published for.
    """

    name: str
    build: Callable[[NetworkSpec], tf.keras.Model]
    layers: Callable[[str], dict[str, str]]
    heads: tuple[str, ...]
    input_size: int

    def stages(self, head: str) -> list[str]:
        """Returns the names of the stages that a plan can make binary, in order."""
        return list(dict.fromkeys(self.layers(head).values()))

    def model(self, spec: NetworkSpec) -> tf.keras.Model:
        """Returns the Keras model of `spec`. Raises HybridTFError for a head, stage or layer that does not exist."""
        head = self.heads[0] if spec.head is None else spec.head
        if head not in self.heads:
            raise unknown(f"head of {self.name}", head, self.heads)
        spec.plan.check(self.layers(head))
        return self.build(replace(spec, head=head))
