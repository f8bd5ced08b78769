"""The table of docs/networks.md: the registered networks, and how much binary layers shrink each.

python -m benchmarks.pages.networks
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmarks.pages.generated import write_blocks
from benchmarks.pages.markdown_tables import markdown_table
from hybrid_tf.cli.options import QuietCommand, run_command

if TYPE_CHECKING:
    from hybrid_tf.models.network import Network

PAGE = Path(__file__).parents[2] / "docs" / "networks.md"
COMMAND = "python -m benchmarks.pages.networks"
_COLUMNS = ["network", "stages", "heads", "published input size", "weights", "memory", "`residual`", "compression"]


@click.command(cls=QuietCommand, help=__doc__)
def networks() -> None:
    """Writes the table."""
    from hybrid_tf.models.registry import find_network, network_names

    rows = [description(network) + _weights(network.name) for network in map(find_network, network_names())]
    write_blocks(PAGE, COMMAND, {"networks": markdown_table(_COLUMNS, rows)})
    click.echo(f"wrote {PAGE}")


def description(network: "Network") -> list[str]:
    """Returns the cells of a network's row that need no model."""
    return [
        f"`{network.name}`",
        ", ".join(f"`{stage}`" for stage in network.stages(network.heads[0])),
        ", ".join(f"`{head}`" for head in network.heads),
        f"{network.input_size}x{network.input_size}",
    ]


def _weights(name: str) -> list[str]:
    """Returns the other cells: of the network for small images."""
    from hybrid_tf.analysis.summary import summarise
    from hybrid_tf.graphs.graph import FULL_PRECISION_BITS
    from hybrid_tf.graphs.memory import size
    from hybrid_tf.models.spec import NetworkSpec

    found = summarise(NetworkSpec(name, "residual", input_shape=(32, 32, 3), classes=10))
    full_precision = found.twin_weights * FULL_PRECISION_BITS / 8
    return [f"{found.twin_weights:,}", size(full_precision), size(found.bits / 8), f"{found.compression:.2f}"]


if __name__ == "__main__":
    run_command(networks)
