"""The first lines of a training, on standard error: what is trained, on what, how long, and where it goes."""

from hybrid_tf.config import Config, option
from hybrid_tf.data import Dataset
from hybrid_tf.data.manifest import Manifest
from hybrid_tf.data.scan import UNEVEN
from hybrid_tf.runs.run import Run
from hybrid_tf.system.notices import say, warn
from hybrid_tf.training.class_weights import class_weights
from hybrid_tf.training.transfer import Transfer, transfer_text

_NAMED = 5  # highest and lowest class weights that are named one by one


def say_opening(run: Run, dataset: Dataset, steps: int, size_chosen: bool, transfer: Transfer | None) -> None:
    """Says what a training is about to do.

    Args:
        run: run that is trained.
        dataset: data set that it is trained on.
        steps: number of steps of an epoch.
        size_chosen: whether the batch size was chosen from the number of images.
        transfer: what is taken over from another run, if anything.
    """
    config = run.config
    shape = "x".join(map(str, run.image_shape))
    how = option("input_size") if config.input_size else f"as the data set is, {option('input_size')} changes it"
    counts = {"to train on": dataset.train, "held out": dataset.validation, "to test": dataset.test}
    images = ", ".join(f"{part.size if part else 0:,} {name}" for name, part in counts.items())
    batch_size = f"batch size {config.batch_size}{' (chosen from the number of images)' if size_chosen else ''}"
    augmentation = dataset.augmentation if config.augmentation == "auto" else config.augmentation
    names = ", ".join(dataset.class_names[:_NAMED]) + (", ..." if len(dataset.class_names) > _NAMED else "")
    say(f"data: {dataset.name}, {len(dataset.class_names)} classes ({names}); images: {images}; {shape} ({how})")
    say(
        f"network: {config.network}, plan {run.spec.plan}, width {config.width}; {config.run_epochs} epochs of {steps} "
        f"steps, {batch_size}; augmentation {augmentation}"
    )
    if config.resume_from:
        how = ", with the rounding of int8" if config.int8_aware else ""
        say(f"start: the best weights of {config.resume_from}, fine-tuned for {config.run_epochs} epochs{how}")
    if transfer:
        say(f"start: {transfer_text(transfer, run)}")
    weights = class_weights(config, dataset, len(run.class_names))
    if weights is not None:
        found = sorted(zip(weights, run.class_names, strict=True), reverse=True)
        shown = [f"{name} {weight:.2f}" for weight, name in found]
        shown = shown if len(shown) <= 2 * _NAMED else [*shown[:_NAMED], "...", *shown[-_NAMED:]]
        say(f"class weights: {', '.join(shown)}")
    if dataset.manifest:
        _say_notes(config, run.image_shape[2], dataset.manifest)
    say(f"run folder: {run.folder}")


def _say_notes(config: Config, channels: int, manifest: Manifest) -> None:
    """Says what is worth to know of a folder of images, and when its colours are not used."""
    for note in manifest.notes:
        if not (note.startswith(UNEVEN) and config.class_weights == "balanced"):
            say(f"note: {note}")
    coloured = sum(not file.grey for file in manifest.files)
    if channels == 1 and coloured:
        because = f", as the network of --start-from {config.start_from} takes" if config.start_from else ""
        warn(f"{coloured:,} images in colour are read as grey ones{because}: a network with --channels 3 sees colours")
