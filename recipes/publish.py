"""Makes a trained network to ship out of a finished run: a small run folder with its files and a model card.

  python recipes/publish.py runs/fashion_mnist/resnet20-residual-0 resnet20-residual
  python recipes/publish.py runs/mine mine --int8-run runs/mine-int8

Kernels of binary layers are stored as their signs; without binary layers, all kernels are rounded to 8 significant
bits. Everything is measured on what was stored. With --int8-run the int8 file is that of a run that
`hybrid-tf train --resume-from RUN --int8-aware` made; without, what was stored is calibrated. Time on two cores: two
minutes.
"""

from pathlib import Path

import click

from hybrid_tf.cli.options import QuietCommand, run_command


@click.command(cls=QuietCommand, help="\b\n" + __doc__)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("name")
@click.option("--int8-run", type=click.Path(path_type=Path), help="int8-aware fine-tuning of RUN, for the int8 file")
@click.option("--into", type=click.Path(path_type=Path), help="[default: where those that are shipped are]")
def main(run: Path, name: str, int8_run: Path | None, into: Path | None) -> None:
    """Publishes a run."""
    from hybrid_tf.study.publish import publish

    click.echo(f"wrote {publish(run, name, int8_run, into)}")


if __name__ == "__main__":
    run_command(main)
