"""Training: one loop around `model.fit`, from settings to a run folder."""

import sys
import tempfile
import time
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf

from hybrid_tf.analysis.summary import Summary, summarise, summary_text
from hybrid_tf.config import Config, option
from hybrid_tf.data import Dataset, Share, train_batches
from hybrid_tf.errors import HybridTFError
from hybrid_tf.models.layers import Signs
from hybrid_tf.models.plan import FULL_PRECISION, Plan
from hybrid_tf.runs.evaluation import BATCH_SIZE, evaluate, one_hot
from hybrid_tf.runs.run import BEST, CONFIG, LAST, REPORT, Run, dataset_of, load_run
from hybrid_tf.runs.weights import load_weights, save_weights
from hybrid_tf.system.files import write_json, write_text
from hybrid_tf.system.lock import locked
from hybrid_tf.training.distillation import Distillation, check_teacher, load_teacher
from hybrid_tf.training.distribution import LOST, Workers, workers
from hybrid_tf.training.divergence import MARK, DivergedError, first_not_finite
from hybrid_tf.training.fine_tuning import int8_aware, load_start
from hybrid_tf.training.interruption import deferred
from hybrid_tf.training.mixed_precision import check_hardware, layers_in_mixed_precision
from hybrid_tf.training.optimizers import compile_model, loss_of
from hybrid_tf.training.recalibration import recalibrate
from hybrid_tf.training.recorder import Recorder, plot_curves, write_error

SUMMARY = "summary.txt"
TENSORBOARD = "tensorboard"


def train(config: Config, folder: str | Path, *, resume: bool = False, strategy: str | None = None) -> Run:
    """Trains a network and leaves a run folder behind.

    Args:
        config: the settings.
        folder: where the run folder goes.
        resume: continue the run in `folder` from its last checkpoint; start it when there is none. The finished history
            has the numbers of an unbroken run.
        strategy: one of `hybrid_tf.training.distribution.STRATEGIES`, to train on several processors.

    Returns:
        The finished run. A worker that is not the chief returns when the training is done; the chief's report, in the
        same folder, may take longer.

    Raises:
        HybridTFError: when `folder` holds another run, the data set cannot be had, a setting does not fit the network,
            the loss is no longer finite, another process trains there, or the folder cannot be written.
        KeyboardInterrupt: on Ctrl-C or SIGTERM, after the step under way and with a checkpoint; it says how to go on.
    """
    together = workers(strategy)
    with locked(Path(folder)) if together.is_chief else nullcontext():
        return _train(config, Path(folder), resume, together)


def _train(config: Config, folder: Path, resume: bool, together: Workers) -> Run:
    if config.mixed_precision:
        check_hardware()
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
    for name, given in {"teacher": teacher, "int8_aware": config.int8_aware}.items():
        if given and together.replicas > 1:
            raise HybridTFError(f"{option(name)} trains on one processor: leave --strategy out")
    together.check_batch_size(min(config.batch_size, dataset.train.size))
    with together.strategy.scope():
        model = _build(run, _stages(config)[0])
    if teacher:
        check_teacher(teacher.run, run)
    load_start(model, config)
    summary = summarise_run(run)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:  # every worker has to write checkpoints, and one alone is kept
        output = folder if together.is_chief else Path(scratch)
        recorder = Recorder(folder, output, first_counted=_stages(config)[-1].first)
        done = recorder.position()
        together.check_agreement(stored is not None, *done)
        if together.is_chief:
            run.save()
            write_text(folder / SUMMARY, summary_text(run.build(), summary))
        with int8_aware(run, model, dataset):
            model = _fit(run, model, dataset, teacher and teacher.run, recorder, done, together)
        save_weights(model, recorder.output / LAST)
    if together.is_chief:
        model = model if together.replicas == 1 and not config.mixed_precision else run.build()
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


def _build(run: Run, stage: _Stage) -> tf.keras.Model:
    """Returns the network that is trained in a stage, with fresh weights."""
    with layers_in_mixed_precision(run.config.mixed_precision):
        return run.build(binary_kernels=stage.binary_kernels)


def _fit(
    run: Run,
    model: tf.keras.Model,
    dataset: Dataset,
    teacher: Run | None,
    recorder: Recorder,
    done: tuple[int, int],
    together: Workers,
) -> tf.keras.Model:
    """Trains what is left of a run, from the fresh network of its first stage to that of its last, which it returns.

    Epochs and steps `done` are behind the last checkpoint.
    """
    for stage in _stages(run.config):
        with together.strategy.scope():
            if stage.first > 0:
                model, before = _build(run, stage), model
                model.set_weights(before.get_weights())
            if done <= (stage.last, 0):  # else the checkpoint is of a later stage
                _fit_stage(run, stage, model, dataset, teacher, recorder, done, together)
    return model


def _fit_stage(
    run: Run,
    stage: _Stage,
    model: tf.keras.Model,
    dataset: Dataset,
    teacher: Run | None,
    recorder: Recorder,
    done: tuple[int, int],
    together: Workers,
) -> None:
    """Trains `model` through a stage of the run, in the scope of the strategy."""
    config = run.config
    first_epoch = max(stage.first, done[0])
    _, steps = _train_batches(config, dataset, first_epoch, stage.last)
    together.synchronise(model)
    trained = Distillation(model, teacher, run) if teacher else model
    compile_model(trained, config, steps * (stage.last - stage.first))
    recorder.follow(model, trained)
    if done > (stage.first, 0):
        recorder.restore()
    if first_epoch == stage.last:
        return
    classes = len(run.class_names)
    callbacks = [recorder]
    if together.is_chief:
        callbacks.append(tf.keras.callbacks.TensorBoard(run.folder / TENSORBOARD, write_graph=False))
    validation = {}
    if dataset.validation:
        # Every replica evaluates all images, which gives the means of one, because parts would differ in size.
        batches = one_hot(dataset.validation.batches(BATCH_SIZE, run.normalisation), classes)
        validation["validation_data"] = together.distributed(lambda: batches)
        validation["validation_steps"] = len(batches)

    def fit(epoch: int, last: int) -> None:
        def batches() -> tf.data.Dataset:
            found, _ = _train_batches(config, dataset, epoch, last, together.share)
            return one_hot(found.skip(recorder.steps), classes)

        trained.fit(
            together.distributed(batches, min(config.batch_size, dataset.train.size)),
            steps_per_epoch=steps - recorder.steps,
            epochs=last,
            initial_epoch=epoch,
            callbacks=callbacks,
            verbose=(1 if sys.stderr.isatty() else 2) if together.is_chief else 0,
            **validation,
        )

    # A worker that stopped by itself would leave the others waiting.
    stopping = deferred() if together.count == 1 else nullcontext(bool)
    with redirect_stdout(sys.stderr), dataset.train.clear_errors(), stopping as recorder.interrupted:
        try:  # standard output is for results
            if recorder.steps:  # the epochs that follow have more steps than what is left of this one
                fit(first_epoch, first_epoch + 1)
            if len(recorder.rows) < stage.last:
                fit(len(recorder.rows), stage.last)
        except (tf.errors.OpError, DivergedError) as error:
            _explain(error, run, model, dataset, recorder, together)
            raise


def _explain(
    error: Exception, run: Run, model: tf.keras.Model, dataset: Dataset, recorder: Recorder, together: Workers
) -> None:
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
    if together.count > 1 and isinstance(error, LOST):
        raise HybridTFError(
            f"a worker was lost ({error.message.splitlines()[0][:200]}): start all of them again with --resume, which "
            "continues at the last whole epoch"
        ) from error


def _train_batches(
    config: Config,
    dataset: Dataset,
    first_epoch: int,
    last_epoch: int,
    share: Share = Share(),  # noqa: B008  it cannot be changed
) -> tuple[tf.data.Dataset, int]:
    return train_batches(
        dataset,
        batch_size=config.batch_size,
        seed=config.seed,
        first_epoch=first_epoch,
        epochs=last_epoch,
        augmentation=dataset.augmentation if config.augmentation == "auto" else config.augmentation,
        share=share,
    )


def _report(
    run: Run, model: tf.keras.Model, dataset: Dataset, recorder: Recorder, summary: Summary, seconds: float
) -> None:
    plot_curves(run.folder, recorder.rows)
    load_weights(model, run.folder / BEST)
    best = recorder.best
    accuracy = best.get("val_accuracy")
    if run.config.recalibrate:
        _recalibrate(run, model, dataset)
    if dataset.validation and (run.config.recalibrate or run.config.mixed_precision):  # other scores than in training
        accuracy = evaluate(model, dataset.validation, run.normalisation)["accuracy"]
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


def _recalibrate(run: Run, model: tf.keras.Model, dataset: Dataset) -> None:
    """Recalibrates the best weights."""
    epochs = run.config.run_epochs
    batches, _ = _train_batches(run.config, dataset, epochs, epochs + run.config.recalibrate)  # images not seen so far
    recalibrate(model, batches.take(run.config.recalibrate))
    save_weights(model, run.folder / BEST)
