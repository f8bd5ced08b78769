"""The commands that choose a network: the search for the best that a device can afford."""

from pathlib import Path
from typing import Any

import click

from hybrid_tf.cli.analysis import AS_JSON
from hybrid_tf.cli.options import QuietCommand, given, setting_options
from hybrid_tf.config import Config

_NETWORKS = ("resnet20", "vgg11")
# Settings that the space decides, and those that would change what its costs are of.
_CHOSEN = ("network", "plan", "width", "head", "input_size", "shifts")
_NOT_SEARCHED = ("classes", "resume_from", "start_from", "int8_aware")


@click.command(cls=QuietCommand)
@click.option(
    "--budget",
    "budgets",
    multiple=True,
    metavar="COST<=NUMBER[UNIT]",
    help="of file, flash, ram (peak activations), macs, energy, ms@BENCH.json; can be repeated",
)
@click.option("--board", metavar="NAME", help="takes flash and RAM of a board of `hybrid-tf micro-report` as budgets")
@click.option("--trials", type=click.IntRange(1), default=30, show_default=True, help="networks to train")
@click.option("--network", "networks", multiple=True, help=f"can be repeated  [default: {', '.join(_NETWORKS)}]")
@click.option("--plan", "plans", multiple=True, help="can be repeated  [default: each network's own]")
@click.option(
    "--input-size", "input_sizes", multiple=True, type=int, help="can be repeated  [default: the data set's own]"
)
@click.option("--best", type=click.IntRange(1), default=3, show_default=True, help="networks to show commands for")
@click.option("--storage", metavar="URL", help="database of the trials, for several computers  [default: in --out]")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="folder of the search; it goes on there")
@AS_JSON
@setting_options(Config(gradient="approx"), without=(*_CHOSEN, *_NOT_SEARCHED))
def search(
    budgets: tuple[str, ...],
    board: str | None,
    trials: int,
    networks: tuple[str, ...],
    plans: tuple[str, ...],
    input_sizes: tuple[int, ...],
    best: int,
    storage: str | None,
    out: Path,
    as_json: bool,
    **options: Any,
) -> None:
    r"""Search the networks that meet budgets for the most accurate: plans, widths, int8 or float32.

    What cannot fit is never trained. The same command goes on with a search that was stopped; run it several times at
    once and the processes share the trials. It ends in a page, search.html in --out, and verified files.

    \b
    Examples: hybrid-tf search --dataset digits --budget "file<=40kB" --trials 12 --out runs/search
              hybrid-tf search --dataset fashion_mnist --board "BBC micro:bit V2" --out runs/micro
              hybrid-tf search --dataset images --budget "file<=100kB" --budget "ms@BENCH.json<=2" --out runs/fast
    """
    from hybrid_tf.models.plan import Plan
    from hybrid_tf.models.registry import find_network
    from hybrid_tf.search.budgets import read_budgets
    from hybrid_tf.search.results import PAGE, result_of
    from hybrid_tf.search.search import start_search
    from hybrid_tf.search.space import Space
    from hybrid_tf.tables import show

    wanted = read_budgets(budgets, board)
    config = Config.from_dict({"gradient": "approx"} | given(options))
    space = Space(
        tuple(find_network(name).name for name in dict.fromkeys(networks or _NETWORKS)),
        tuple(dict.fromkeys(str(Plan.parse(plan)) for plan in plans)),
        tuple(dict.fromkeys(input_sizes)),
    )
    found = start_search(out, config, wanted, space, trials, storage)
    found.run()
    result = result_of(found, best)
    show(as_json, result.to_dict(), result.table(), *result.lines(), f"page: {out / PAGE}")


@click.command(cls=QuietCommand)
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--images", type=click.IntRange(1), default=1000, show_default=True, help="held-out images to measure on")
@click.option("--figure", type=click.Path(path_type=Path), help="draw it to a PNG file, too")
@AS_JSON
def sensitivity(folder: Path, images: int, figure: Path | None, as_json: bool) -> None:
    r"""Show which layers and sections of a trained network deserve precision, and what plan follows.

    Three scores: principal components of the activations, the loss with one section restored, and a gradient score.
    docs/search.md says what each is.

    \b
    Example: hybrid-tf sensitivity runs/first --figure sensitivity.png
    """
    from hybrid_tf.runs.run import load_run
    from hybrid_tf.search.sensitivity import plot
    from hybrid_tf.search.sensitivity import sensitivity as scores
    from hybrid_tf.tables import show

    found = scores(load_run(folder), images)
    if figure:
        plot(found, figure)
    lines = [f"{score} suggests the plan {plan}" for score, plan in found.suggestions.items()]
    show(as_json, found.to_dict(), *found.tables(), *lines)


COMMANDS = (search, sensitivity)
