"""Makes docs/results.md: what ResNet-20, ResNet-18 and VGG-19 cost under every plan.

python -m benchmarks.pages.results
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

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
INTRODUCTION = """# What hybrid networks cost

Made by `python -m benchmarks.pages.results`; `hybrid-tf energy NETWORK` gives the same for other networks, sizes and
plans.

- *weights*: memory of the kernels, 1 bit for a binary weight and 32 for any other, as arXiv 1902.00460 counts it.
- *larq*: as `larq.models.summary` counts, with biases and the two numbers a channel that batch norm is folded into. (It
  also counts a `QuantDense` as 1 bit a weight, which LCE stores in 32; these networks have none.)
- *file*: the `.tflite`. Each *compression* is against the same network in full precision.
- *peak activations*: the most memory that the tensors between operators take at once, bit-packed where they are. Full-
  precision shortcuts and the first layers keep much of it: a hybrid saves flash and traffic more than RAM.
- *energy*: of one image, a model and not a measurement; efficiency is against full precision. The constants and their
  sources are in `hybrid_tf/analysis/energy_profiles.py`.
- *int8*: the third table of a network is of `hybrid-tf convert --int8`, which makes int8 of what is not binary
  ([int8](int8.md)); compression and efficiency are against full precision in float32. Small files hardly shrink,
  because the scales of all int8 tensors are in them, too.
"""


@click.command(cls=QuietCommand, help=__doc__)
def results() -> None:
    """Writes the page."""
    from hybrid_tf.system.files import write_text

    parts = [INTRODUCTION]
    for name, shape, classes, stages in NETWORKS:
        plans = ["full_precision", "xnor", "residual", f"sections={stages}", f"residual+sections={stages}"]
        click.echo(f"{name}: {', '.join(plans)}", err=True)
        parts.append(_section(name, shape, classes, plans))
    write_text(PAGE, "\n".join(parts))
    click.echo(f"wrote {PAGE}")


def _section(name: str, shape: tuple[int, int, int], classes: int, plans: list[str]) -> str:
    from hybrid_tf.analysis.energy_profiles import energy_profile
    from hybrid_tf.analysis.network_cost import INT8, network_costs
    from hybrid_tf.deploy import file_size
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
            f"## {name}, {'x'.join(map(str, shape))}, {classes} classes\n",
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
