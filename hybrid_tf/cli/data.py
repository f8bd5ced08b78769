"""The command that says what is in a folder of images, before anything is trained on it."""

from pathlib import Path

import click

from hybrid_tf.cli.analysis import AS_JSON
from hybrid_tf.config import Config
from hybrid_tf.errors import HybridTFError


@click.command()  # nothing here needs TensorFlow
@click.argument("folder", metavar="FOLDER", type=click.Path(path_type=Path))
@click.option("--contact-sheet", type=click.Path(path_type=Path), help="PNG file for some images of each class")
@click.option("--validation", type=float, default=Config.validation, show_default=True, help="share to hold out")
@click.option("--seed", type=int, default=Config.seed, show_default=True, help="decides which images are held out")
@click.option(
    "--background",
    default=Config.background,
    show_default=True,
    help="colour behind transparent pixels on the contact sheet, a name or #rrggbb, as in the training",
)
@AS_JSON
def data(
    folder: Path, contact_sheet: Path | None, validation: float, seed: int, background: str, as_json: bool
) -> None:
    r"""Show what is in a folder of images: classes, splits, sizes, what is left out and why, what stops a training.

    \b
    Examples: hybrid-tf data photos
              hybrid-tf data photos --contact-sheet photos.png
              hybrid-tf data photos --json
    """
    from hybrid_tf.data.load import check_background, check_share
    from hybrid_tf.data.overview import MOST_CLASSES, draw_contact_sheet, overview, overview_tables
    from hybrid_tf.data.scan import scan_folder
    from hybrid_tf.tables import show

    if not folder.is_dir():
        raise HybridTFError(f"there is no folder {folder}: name one with a sub-folder for each class")
    check_share(validation)
    check_background(background)
    manifest = scan_folder(folder.resolve(), validation=validation, seed=seed, skip_unreadable=True, to_train=False)
    if contact_sheet:
        draw_contact_sheet(manifest, contact_sheet, background)
    shown = min(len(manifest.class_names), MOST_CLASSES)
    drawn = [f"wrote {contact_sheet}: {shown} of {len(manifest.class_names)} classes"] if contact_sheet else []
    found = overview(manifest)
    show(as_json, found, *overview_tables(manifest, found), *drawn)


COMMANDS = (data,)
