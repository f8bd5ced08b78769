"""The main job in a few minutes: a hybrid VGG-19, trained on handwritten digits, as a verified .tflite file.

make demo
"""

from pathlib import Path

import click

from hybrid_tf.cli.options import QuietCommand, run_command
from hybrid_tf.config import Config

RUN = Path("runs/demo")
SETTINGS = Config(network="vgg19", plan="residual", dataset="digits", epochs=6, learning_rate=0.002)


@click.command(cls=QuietCommand, help=__doc__)
@click.option("--out", type=click.Path(path_type=Path), default=RUN, show_default=True, help="run folder")
def demo(out: Path) -> None:
    """Trains, converts, verifies and prints the table."""
    from hybrid_tf.study.comparison import row_of, rows_table
    from hybrid_tf.tables import show
    from hybrid_tf.training.session import train

    click.echo("training a hybrid VGG-19 on 1,437 handwritten digits", err=True)
    run = train(SETTINGS, out, resume=True)
    click.echo("converting and verifying on the 360 test images", err=True)
    row = row_of([run], run.config.plan, samples=run.report.test_images)
    table = rows_table([row], "hybrid VGG-19 on digits: accuracy in Keras and of the file, sizes in bytes")
    show(
        False,
        None,
        table,
        f"run folder: {out}",
        f"memory by layer: {out}/summary.txt",
        f"next: .venv/bin/hybrid-tf predict {out}/model.tflite IMAGE...",
    )


if __name__ == "__main__":
    run_command(demo)
