"""The options that say of a model from elsewhere what neither its file nor a data set can."""

from collections.abc import Callable
from pathlib import Path

import click

from hybrid_tf.errors import HybridTFError


def model_options(command: Callable) -> Callable:
    """A decorator for what `deploy.told.read_told` reads: `mean`, `std`, `classes` and `scores`."""
    for decorate in (
        click.option(
            "--scores",
            type=click.Choice(["logits", "probabilities"]),
            help="what a model gives  [default: as its last operator shows]",
        ),
        click.option(
            "--classes", type=click.Path(path_type=Path), metavar="FILE", help="of a model: its classes, one a line"
        ),
        click.option("--std", metavar="NUMBERS", help="of a model: see --mean"),
        click.option(
            "--mean",
            metavar="NUMBERS",
            help="of a model: its input is (pixel - mean) / std, pixels 0 to 255; one number, or one a channel  "
            "[default: as its layers show, or --dataset]",
        ),
    ):
        command = decorate(command)
    return command


def check_is_model(source: Path, **told: object) -> None:
    """Raises HybridTFError when a run, `source`, is given options that are for models: it knows all of this itself."""
    given = [f"--{name}" for name, value in told.items() if value is not None]
    if given:
        raise HybridTFError(
            f"{', '.join(given)}: {source} is a run, which knows what it was trained with: leave that out"
        )
