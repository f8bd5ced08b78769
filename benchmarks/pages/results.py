"""The tables of docs/results.md: what ResNet-20, ResNet-18 and VGG-19 cost under every plan.

python -m benchmarks.pages.results
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmarks.pages.generated import check_blocks, write_blocks
from benchmarks.pages.markdown_tables import markdown_table
from hybrid_tf.cli.options import QuietCommand, run_command

if TYPE_CHECKING:
    from hybrid_tf.analysis.cost import Cost

PAGE = Path(__file__).parents[2] / "docs" / "results.md"
NETWORKS = (  # name, input, classes, the stages that hold most weights
    ("resnet20", (32, 32, 3), 10, "2,3"),
    ("resnet18", (224, 224, 3), 1000, "3,4"),
    ("vgg19", (32, 32, 3), 100, "4,5,head"),
)
PROFILES = ("horowitz-45nm", "horowitz-45nm-dram")
COMMAND = "python -m benchmarks.pages.results"


@click.command(cls=QuietCommand, help=__doc__)
def results() -> None:
    """Writes the tables of each network."""
    check_blocks(PAGE, COMMAND, [name for name, *_ in NETWORKS])
    blocks = {}
    for name, shape, classes, stages in NETWORKS:
        plans = ["full_precision", "xnor", "residual", f"sections={stages}", f"residual+sections={stages}"]
        click.echo(f"{name}: {', '.join(plans)}", err=True)
        blocks[name] = _tables(name, shape, classes, plans)
    write_blocks(PAGE, COMMAND, blocks)
    click.echo(f"wrote {PAGE}")


def _tables(name: str, shape: tuple[int, int, int], classes: int, plans: list[str]) -> str:
    from hybrid_tf.analysis.energy_profiles import energy_profile
    from hybrid_tf.analysis.network_cost import INT8, network_costs
    from hybrid_tf.deploy.conversion import file_size
    from hybrid_tf.graphs.memory import size
    from hybrid_tf.models.spec import NetworkSpec

    profiles = [energy_profile(profile) for profile in PROFILES]
    spec = NetworkSpec(name, input_shape=shape, classes=classes)
    file_bytes = {plan: file_size(spec.with_plan(plan).build()) for plan in plans}
    file_bytes |= {plan + INT8: file_size(spec.with_plan(plan).build(), int8=True) for plan in plans}
    found = network_costs(spec, plans, profiles, file_bytes=file_bytes, int8=True)
    costs, int8_costs = found[::2], found[1::2]
    memory = [
        [
            f"`{cost.name}`",
            size(cost.weight_bits / 8),
            _times(cost.compressions()["weights"]),
            size(cost.larq_bits / 8),
            _times(cost.compressions()["larq"]),
            size(cost.file_bytes),
            _times(cost.compressions()["file"]),
            size(cost.peak.bytes),
        ]
        for cost in costs
    ]
    energy = [
        [f"`{cost.name}`", f"{cost.macs('binary'):,}", f"{cost.macs('float32'):,}", *_energies(cost)] for cost in costs
    ]
    int8 = [
        [
            f"`{cost.name.removesuffix(INT8)}`",
            size(cost.weight_bits / 8),
            _times(cost.compressions()["weights"]),
            size(cost.file_bytes),
            _times(cost.compressions()["file"]),
            size(cost.peak.bytes),
            *_energies(cost),
        ]
        for cost in int8_costs
    ]
    columns = [text for profile in PROFILES for text in (f"energy, {profile}", "efficiency")]
    return "\n".join(
        [
            markdown_table(
                ["plan", "weights", "compression", "larq", "compression", "file", "compression", "peak activations"],
                memory,
            ),
            markdown_table(["plan", "binary MACs", "float32 MACs", *columns], energy),
            markdown_table(
                ["plan, int8", "weights", "compression", "file", "compression", "peak activations", *columns],
                int8,
            ),
        ]
    )


def _energies(cost: "Cost") -> list[str]:
    """Returns the energy of one image and the efficiency under each profile."""
    from hybrid_tf.analysis.energy import picojoules

    efficiencies = cost.efficiencies()
    return [text for spent in cost.energies for text in (picojoules(spent.total), _times(efficiencies[spent.profile]))]


def _times(ratio: float | None) -> str:
    return "1" if ratio is None else f"{ratio:.2f}"  # full precision has no twin


if __name__ == "__main__":
    run_command(results)
