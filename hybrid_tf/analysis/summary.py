"""A network's summary: its layers, and the memory of its weights against that of its full-precision twin."""

import io
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import larq
from rich.console import Console
from rich.table import Table

from hybrid_tf.compiler.model_graph import model_graph
from hybrid_tf.graphs.graph import FULL_PRECISION_BITS, LayerProfile
from hybrid_tf.graphs.memory import size, weight_bits
from hybrid_tf.models.layers import weight_layers
from hybrid_tf.models.spec import NetworkSpec


@dataclass(frozen=True)
class Summary:
    """The layers of a network and the memory of their weights.

    Attributes:
        spec: specification of the network.
        layers: row of each convolution and dense layer.
        twin_weights: number of weights of the full-precision twin.
        parameters: numbers of all parameters, batch norm and biases included: `trainable` and `total`.
        larq_bits: memory of all parameters in bits, as `larq.models.summary` counts it.
        larq_text: what `larq.models.summary` prints.
    """

    spec: NetworkSpec
    layers: tuple[LayerProfile, ...]
    twin_weights: int
    parameters: dict[str, int]
    larq_bits: int
    larq_text: str

    def weights(self, precision: str) -> int:
        """Returns the number of weights stored as `binary` or `full_precision`."""
        return sum(row.weights for row in self.layers if row.precision == precision)

    @property
    def bits(self) -> int:
        """Memory of the weights, in bits: 1 for a binary weight, 32 for any other (arXiv 1902.00460)."""
        return weight_bits(self.layers)

    @property
    def compression(self) -> float:
        """Memory of the full-precision twin's weights over that of these."""
        return self.twin_weights * FULL_PRECISION_BITS / self.bits

    def to_dict(self) -> dict[str, Any]:
        """Returns the summary as plain JSON values; sizes in bytes."""
        return {
            "network": self.spec.network,
            "plan": str(self.spec.plan),
            "input_shape": list(self.spec.input_shape),
            "classes": self.spec.classes,
            "weights": {
                "full_precision": self.weights("full_precision"),
                "binary": self.weights("binary"),
                "bytes": self.bits // 8,
                "full_precision_twin": self.twin_weights,
            },
            "compression": round(self.compression, 4),
            "parameters": self.parameters,
            "larq_bytes": self.larq_bits // 8,
            "layers": [row.to_dict() for row in self.layers],
        }

    def table(self) -> Table:
        """Returns a table of the layers."""
        shape = "x".join(map(str, self.spec.input_shape))
        table = Table(title=f"{self.spec.network}, plan {self.spec.plan}, input {shape}")
        for name in ("layer", "kind", "precision"):
            table.add_column(name)
        for name in ("output", "weights", "memory", "MACs"):
            table.add_column(name, justify="right")
        for row in self.layers:
            table.add_row(
                row.name,
                row.kind,
                row.precision,
                "x".join(map(str, row.output_shape)),
                f"{row.weights:,}",
                size(row.weights * row.bits / 8),
                f"{row.macs:,}",
                style="cyan" if row.precision == "binary" else "",
            )
        return table

    def text(self) -> str:
        """Returns `larq.models.summary` of the network and then our own, as plain text."""
        text = io.StringIO()
        console = Console(file=text, width=120)
        console.print(self.table())
        console.print(self.totals())
        return self.larq_text + text.getvalue()

    def totals(self) -> str:
        """Returns the totals as lines of text."""
        return (
            f"weights: {self.weights('full_precision'):,} full precision, {self.weights('binary'):,} binary\n"
            f"memory of the weights: {size(self.bits / 8)}, full-precision twin "
            f"{size(self.twin_weights * FULL_PRECISION_BITS / 8)}, compression {self.compression:.2f}x"
        )


def summarise(spec: NetworkSpec) -> Summary:
    """Returns the summary of a registered network. Raises HybridTFError as `NetworkSpec.build` does."""
    twin = spec.twin().build()
    model = twin if spec == spec.twin() else spec.build()
    larq_text = io.StringIO()
    with redirect_stdout(larq_text):
        larq.models.summary(model)
    return Summary(
        spec=spec,
        layers=tuple(model_graph(model).layers()),
        twin_weights=sum(layer.kernel.shape.num_elements() for layer in weight_layers(twin)),
        parameters={
            "trainable": sum(weight.shape.num_elements() for weight in model.trainable_weights),
            "total": model.count_params(),
        },
        larq_bits=larq.models.ModelProfile(model).memory,
        larq_text=larq_text.getvalue(),
    )
