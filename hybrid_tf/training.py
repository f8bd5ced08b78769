"""Training: one loop around `model.fit`, from settings to a run folder."""

import sys
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import tensorflow as tf

from hybrid_tf.analysis.summary import Summary, summarise, summary_text
from hybrid_tf.config import Config, option
from hybrid_tf.data import Dataset, train_batches
from hybrid_tf.errors import HybridTFError
from hybrid_tf.evaluate import BATCH_SIZE, evaluate, one_hot
from hybrid_tf.files import atomic_path, write_json, write_text
from hybrid_tf.history import Recorder, plot_curves
from hybrid_tf.optimisation import compile_model
from hybrid_tf.run import BEST, CONFIG, LAST, REPORT, Run, dataset_of, load_run, load_weights

SUMMARY = "summary.txt"
TENSORBOARD = "tensorboard"


def train(config: Config, folder: str | Path, *, resume: bool = False) -> Run:
    """Trains a network and leaves a run folder behind.

    Args:
        config: the settings.
        folder: where the run folder goes.
        resume: continue the run in `folder` from its last checkpoint; start it when there is none. The finished history
            has the numbers of an unbroken run.

    Returns:
        The finished run.

    Raises:
        HybridTFError: when `folder` holds another run, the data set cannot be had, a setting does not fit the network,
            the loss is no longer finite, or the folder cannot be written.
    """
    folder = Path(folder)
    if (folder / CONFIG).exists():
        run = load_run(folder)
        _check_resumable(run, config, resume)
        if run.finished:
            return run
    tf.keras.utils.set_random_seed(config.seed)
    dataset = dataset_of(config)
    run = Run(folder, config, _class_names(config, dataset), dataset.image_shape, dataset.normalisation)
    model = run.build()
    summary = summarise_run(run)
    run.save()
    write_text(folder / SUMMARY, summary_text(model, summary))
    start = time.monotonic()
    recorder = _fit(run, model, dataset)
    _report(run, model, dataset, recorder, summary, time.monotonic() - start)
    return run


def summarise_run(run: Run) -> Summary:
    """Returns the summary of a run's network."""
    config = run.config
    return summarise(
        config.network,
        config.plan,
        input_shape=run.image_shape,
        classes=len(run.class_names),
        width=config.width,
        head=config.head,
    )


def _check_resumable(run: Run, config: Config, resume: bool) -> None:
    if not resume:
        raise HybridTFError(f"{run.folder} already holds a run: continue it with --resume, or choose another --out")
    stored, wanted = run.config.to_dict(), config.to_dict()
    for name in stored:
        if stored[name] != wanted[name]:
            raise HybridTFError(
                f"{run.folder} was started with {option(name)} {stored[name]}, not {wanted[name]}: "
                "resume it with the same settings, or choose another --out"
            )


def _class_names(config: Config, dataset: Dataset) -> tuple[str, ...]:
    """A name for each output; outputs beyond the data set's classes are numbered."""
    names = dataset.class_names
    classes = len(names) if config.classes is None else config.classes
    if classes < len(names):
        raise HybridTFError(f"--classes {classes} is too few: data set '{dataset.name}' has {len(names)} classes")
    return (*names, *(f"class_{number}" for number in range(len(names), classes)))


def _fit(run: Run, model: tf.keras.Model, dataset: Dataset) -> Recorder:
    config = run.config
    sizes = {"batch_size": config.batch_size, "epochs": config.run_epochs, "seed": config.seed}
    augmentation = dataset.augmentation if config.augmentation == "auto" else config.augmentation
    _, steps = train_batches(dataset, first_epoch=0, augmentation=augmentation, **sizes)
    compile_model(model, config, steps)
    recorder = Recorder(model, run.folder)
    first_epoch = recorder.restore()
    if first_epoch == config.run_epochs:
        return recorder
    batches, _ = train_batches(dataset, first_epoch=first_epoch, augmentation=augmentation, **sizes)
    classes = len(run.class_names)
    validation = dataset.validation and one_hot(dataset.validation.batches(BATCH_SIZE, run.normalisation), classes)
    with redirect_stdout(sys.stderr), dataset.train.clear_errors():  # standard output is for results
        model.fit(
            one_hot(batches, classes),
            steps_per_epoch=steps,
            epochs=config.run_epochs,
            initial_epoch=first_epoch,
            validation_data=validation,
            callbacks=[recorder, tf.keras.callbacks.TensorBoard(run.folder / TENSORBOARD, write_graph=False)],
            verbose=1 if sys.stderr.isatty() else 2,
        )
    return recorder


def _report(
    run: Run, model: tf.keras.Model, dataset: Dataset, recorder: Recorder, summary: Summary, seconds: float
) -> None:
    with atomic_path(run.folder / LAST) as path:
        model.save_weights(path)
    plot_curves(run.folder, recorder.rows)
    load_weights(model, run.folder / BEST)
    best, result = recorder.best, evaluate(model, dataset.test, run.normalisation)
    report: dict[str, Any] = {
        "network": run.config.network,
        "plan": run.config.plan,
        "dataset": run.config.dataset,
        "seed": run.config.seed,
        "epochs": run.config.run_epochs,
        "best_epoch": best["epoch"],
        "validation_accuracy": best.get("val_accuracy"),
        "test_accuracy": result["accuracy"],
        "test_loss": result["loss"],
        "test_images": result["images"],
        "seconds": round(seconds, 1),  # of the last start, when the run was resumed
    }
    report |= {key: summary.to_dict()[key] for key in ("weights", "compression", "parameters", "larq_bytes")}
    write_json(run.folder / REPORT, report)
