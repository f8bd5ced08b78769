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
        name: name of the network, as users write it.
        build: function from a spec whose head is named to its Keras model, images [N, H, W, C] to logits [N, classes].
        layers: function from a head to the stage of each layer that a plan can make binary, by name of the layer.
        heads: names of the heads to choose from, the default first.
        input_size: height and width in pixels that the network was published for.
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
        """Returns the Keras model of `spec`; raises HybridTFError as `NetworkSpec.build` does."""
        head = self.heads[0] if spec.head is None else spec.head
        if head not in self.heads:
            raise unknown(f"head of {self.name}", head, self.heads)
        spec.check_sizes()
        spec.plan.check(self.layers(head))
        return self.build(replace(spec, head=head))
