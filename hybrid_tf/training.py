"""Training: one loop around `model.fit`, from settings to a run folder."""

import sys
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf

from hybrid_tf.analysis.summary import Summary, summarise, summary_text
from hybrid_tf.config import Config, option
from hybrid_tf.data import Dataset, train_batches
from hybrid_tf.distillation import Distillation, check_teacher, load_teacher
from hybrid_tf.divergence import MARK, DivergedError, first_not_finite
from hybrid_tf.errors import HybridTFError
from hybrid_tf.evaluate import BATCH_SIZE, evaluate, one_hot
from hybrid_tf.files import write_json, write_text
from hybrid_tf.history import Recorder, plot_curves, write_error
from hybrid_tf.interruption import deferred
from hybrid_tf.layers import Signs
from hybrid_tf.lock import locked
from hybrid_tf.optimisation import compile_model, loss_of
from hybrid_tf.plan import FULL_PRECISION, Plan
from hybrid_tf.recalibration import recalibrate
from hybrid_tf.run import BEST, CONFIG, LAST, REPORT, Run, dataset_of, load_run
from hybrid_tf.weights import load_weights, save_weights

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
            the loss is no longer finite, another process trains there, or the folder cannot be written.
        KeyboardInterrupt: on Ctrl-C or SIGTERM, after the step under way and with a checkpoint; it says how to go on.
    """
    with locked(Path(folder)):
        return _train(config, Path(folder), resume)


def _train(config: Config, folder: Path, resume: bool) -> Run:
    stored = load_run(folder) if (folder / CONFIG).exists() else None
    if stored:
        _check_resumable(stored, config, resume)
        if stored.finished:
            return stored
    tf.keras.utils.set_random_seed(config.seed)
    dataset = dataset_of(config)
    teacher = load_teacher(config.teacher) if config.teacher else None
    digest = teacher.digest if teacher else ""
    run = Run(folder, config, _class_names(config, dataset), dataset.image_shape, dataset.normalisation, digest)
    if stored and stored.teacher_digest != digest:
        raise HybridTFError(
            f"the weights of --teacher {config.teacher} are not those that {folder} was started with: restore them, or "
            "choose another --out"
        )
    model = run.build(binary_kernels=_stages(config)[0].binary_kernels)
    if teacher:
        check_teacher(teacher.run, run)
    summary = summarise_run(run)
    run.save()
    write_text(folder / SUMMARY, summary_text(run.build(), summary))
    start = time.monotonic()
    model, recorder = _fit(run, model, dataset, teacher and teacher.run)
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
        signs=Signs(config.gradient, shifts=config.shifts),
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


class _Stage(NamedTuple):
    """Epochs `first` to `last` - 1 of a run, counted from 0, that share a network and a learning-rate schedule."""

    first: int
    last: int
    binary_kernels: bool


def _stages(config: Config) -> list[_Stage]:
    epochs = config.run_epochs
    if not config.two_stage or Plan.parse(config.plan) == FULL_PRECISION:
        return [_Stage(0, epochs, True)]
    first = min(max(round(config.two_stage * epochs), 1), epochs - 1)
    return [_Stage(0, first, False), _Stage(first, epochs, True)]


def _fit(run: Run, model: tf.keras.Model, dataset: Dataset, teacher: Run | None) -> tuple[tf.keras.Model, Recorder]:
    """Trains what is left of a run, from the fresh network of its first stage to that of its last."""
    stages = _stages(run.config)
    recorder = Recorder(run.folder, first_counted=stages[-1].first)
    done = recorder.position()
    for stage in stages:
        if stage.first > 0:
            model, before = run.build(binary_kernels=stage.binary_kernels), model
            model.set_weights(before.get_weights())
        if done <= (stage.last, 0):  # else the checkpoint is of a later stage
            _fit_stage(run, stage, model, dataset, teacher, recorder, done)
    return model, recorder


def _fit_stage(
    run: Run,
    stage: _Stage,
    model: tf.keras.Model,
    dataset: Dataset,
    teacher: Run | None,
    recorder: Recorder,
    done: tuple[int, int],
) -> None:
    """Trains `model` through a stage of the run, of which `done` epochs and steps are behind the last checkpoint."""
    config = run.config
    first_epoch = max(stage.first, done[0])
    _, steps = _train_batches(config, dataset, first_epoch, stage.last)
    trained = Distillation(model, teacher, run) if teacher else model
    compile_model(trained, config, steps * (stage.last - stage.first))
    recorder.follow(model, trained)
    if done > (stage.first, 0):
        recorder.restore()
    if first_epoch == stage.last:
        return
    classes = len(run.class_names)
    validation = dataset.validation and one_hot(dataset.validation.batches(BATCH_SIZE, run.normalisation), classes)

    def fit(epoch: int, last: int) -> None:
        batches, _ = _train_batches(config, dataset, epoch, last)
        trained.fit(
            one_hot(batches.skip(recorder.steps), classes),
            steps_per_epoch=steps - recorder.steps,
            epochs=last,
            initial_epoch=epoch,
            validation_data=validation,
            callbacks=[recorder, tf.keras.callbacks.TensorBoard(run.folder / TENSORBOARD, write_graph=False)],
            verbose=1 if sys.stderr.isatty() else 2,
        )

    with redirect_stdout(sys.stderr), dataset.train.clear_errors(), deferred() as recorder.interrupted:
        try:  # standard output is for results
            if recorder.steps:  # the epochs that follow have more steps than what is left of this one
                fit(first_epoch, first_epoch + 1)
            if len(recorder.rows) < stage.last:
                fit(len(recorder.rows), stage.last)
        except (tf.errors.OpError, DivergedError) as error:
            _explain(error, run, model, dataset, recorder)
            raise


def _explain(error: Exception, run: Run, model: tf.keras.Model, dataset: Dataset, recorder: Recorder) -> None:
    """Raises the HybridTFError that says what went wrong in a step, if it is known."""
    if isinstance(error, DivergedError) or MARK in error.message:
        epoch = len(recorder.rows)
        batches, _ = _train_batches(run.config, dataset, epoch, epoch + 1)
        images, labels = next(iter(one_hot(batches.skip(recorder.steps), len(run.class_names))))
        where = first_not_finite(model, loss_of(run.config), images, labels)
        raise HybridTFError(
            f"the training diverged in epoch {epoch + 1}, step {recorder.steps + 1}, where {where} is the first that "
            f"is not finite: lower --learning-rate; the weights of the epochs before are in {run.folder}"
        ) from error
    if "No space left on device" in error.message or isinstance(error, tf.errors.PermissionDeniedError):
        raise write_error(run.folder, error) from error


def _train_batches(config: Config, dataset: Dataset, first_epoch: int, last_epoch: int) -> tuple[tf.data.Dataset, int]:
    return train_batches(
        dataset,
        batch_size=config.batch_size,
        seed=config.seed,
        first_epoch=first_epoch,
        epochs=last_epoch,
        augmentation=dataset.augmentation if config.augmentation == "auto" else config.augmentation,
    )


def _report(
    run: Run, model: tf.keras.Model, dataset: Dataset, recorder: Recorder, summary: Summary, seconds: float
) -> None:
    save_weights(model, run.folder / LAST)
    plot_curves(run.folder, recorder.rows)
    load_weights(model, run.folder / BEST)
    best = recorder.best
    accuracy = best.get("val_accuracy")
    if run.config.recalibrate:
        accuracy = _recalibrate(run, model, dataset)
    result = evaluate(model, dataset.test, run.normalisation)
    report: dict[str, Any] = {
        "network": run.config.network,
        "plan": run.config.plan,
        "dataset": run.config.dataset,
        "seed": run.config.seed,
        "epochs": run.config.run_epochs,
        "best_epoch": best["epoch"],
        "validation_accuracy": accuracy,
        "test_accuracy": result["accuracy"],
        "test_loss": result["loss"],
        "test_images": result["images"],
        "seconds": round(seconds, 1),  # of the last start, when the run was resumed
    }
    report |= {key: summary.to_dict()[key] for key in ("weights", "compression", "parameters", "larq_bytes")}
    write_json(run.folder / REPORT, report)


def _recalibrate(run: Run, model: tf.keras.Model, dataset: Dataset) -> float | None:
    """Recalibrates the best weights; returns their accuracy on the validation images, None without such images."""
    epochs = run.config.run_epochs
    batches, _ = _train_batches(run.config, dataset, epochs, epochs + run.config.recalibrate)  # images not seen so far
    recalibrate(model, batches.take(run.config.recalibrate))
    save_weights(model, run.folder / BEST)
    return evaluate(model, dataset.validation, run.normalisation)["accuracy"] if dataset.validation else None
