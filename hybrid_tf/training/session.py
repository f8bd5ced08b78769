"""A training session: one loop around `model.fit`, from settings to a run folder."""

import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext, redirect_stdout
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path
from typing import Any

import tensorflow as tf

from hybrid_tf.analysis.summary import Summary, summarise
from hybrid_tf.config import Config, option
from hybrid_tf.data import WHOLE, Dataset, Shard, epoch_steps, train_batches
from hybrid_tf.errors import HybridTFError
from hybrid_tf.runs.evaluation import BATCH_SIZE, evaluate, one_hot
from hybrid_tf.runs.history import plot_curves
from hybrid_tf.runs.lock import locked
from hybrid_tf.runs.names import BEST, CONFIG, LAST, REPORT, SUMMARY, TENSORBOARD
from hybrid_tf.runs.report import Parameters, Report, Weights
from hybrid_tf.runs.resuming import resume_command
from hybrid_tf.runs.run import Run, dataset_of, load_run
from hybrid_tf.runs.weights import load_weights, save_weights
from hybrid_tf.system.files import write_json, write_text
from hybrid_tf.training.batch_size import LARGEST, chosen_batch_size
from hybrid_tf.training.class_weights import class_weights, weighted
from hybrid_tf.training.distillation import Distillation, check_teacher, load_teacher
from hybrid_tf.training.distribution import LOST, Workers, workers_of
from hybrid_tf.training.divergence import MARK, DivergedError, first_not_finite
from hybrid_tf.training.fine_tuning import int8_aware, load_start
from hybrid_tf.training.interruption import deferred
from hybrid_tf.training.mixed_precision import check_hardware, layers_in_mixed_precision
from hybrid_tf.training.opening import say_opening
from hybrid_tf.training.optimizers import compile_model, loss_of
from hybrid_tf.training.recalibration import recalibrate
from hybrid_tf.training.recorder import Position, Recorder, ignored, never, write_error
from hybrid_tf.training.resuming import check_settings, with_moved_images
from hybrid_tf.training.stages import Stage, stages_of
from hybrid_tf.training.transfer import Transfer, take_over


def train(
    config: Config,
    folder: str | Path,
    *,
    resume: bool = False,
    strategy: str | None = None,
    after_epoch: Callable[[dict[str, float]], None] = ignored,
) -> Run:
    """Trains a network and leaves a run folder behind.

    Args:
        config: settings of the run.
        folder: path of the run folder.
        resume: whether to continue the run in `folder` from its last checkpoint, or start it when there is none. The
            finished history has the numbers of an unbroken run.
        strategy: name of the strategy for several processors, one of `hybrid_tf.training.distribution.STRATEGIES`.
        after_epoch: function that is called with the history row of each epoch, once its checkpoint is written. What it
            raises ends the training there.

    Returns:
        The finished run. A worker that is not the chief returns when the training is done; the chief's report, in the
        same folder, may take longer.

    Raises:
        HybridTFError: when `folder` holds another run, the data set cannot be had, a setting does not fit the network,
            the loss is no longer finite, another process trains there, or the folder cannot be written.
        KeyboardInterrupt: on Ctrl-C or SIGTERM, after the step under way and with a checkpoint; it says how to go on.
    """
    workers, folder = workers_of(strategy), Path(folder)
    with locked(folder) if workers.is_chief else nullcontext():
        try:
            return _train(config.with_absolute_paths(), folder, resume, workers, after_epoch)
        except KeyboardInterrupt as stop:
            if stop.args or not (folder / CONFIG).exists():
                raise
            raise KeyboardInterrupt(f"stopped: `{resume_command(folder)}` continues at the last checkpoint") from stop


def _train(
    config: Config, folder: Path, resume: bool, workers: Workers, after_epoch: Callable[[dict[str, float]], None]
) -> Run:
    if config.mixed_precision:
        check_hardware()
    stored = load_run(folder) if (folder / CONFIG).exists() else None
    if stored:
        if not resume:
            raise HybridTFError(
                f"{folder} already holds a run: `{resume_command(folder)}` continues it, or choose another --out"
            )
        check_settings(stored, config.to_dict())
        if stored.finished:
            return stored
        config = with_moved_images(stored.config, config.dataset).with_absolute_paths()
    tf.keras.utils.set_random_seed(config.seed)
    dataset = dataset_of(config)
    for other in filter(None, (config.resume_from, config.teacher)):  # whose outputs are these classes, in their order
        dataset = dataset.for_classes(load_run(other).class_names)
    size_chosen = config.batch_size is None
    if size_chosen:
        config = config.with_changes(batch_size=LARGEST if config.smoke else chosen_batch_size(dataset.train.size))
    teacher = load_teacher(config.teacher) if config.teacher else None
    digest = teacher.digest if teacher else ""
    run = Run(folder, config, _class_names(config, dataset), dataset.image_shape, dataset.normalisation, digest)
    if stored and stored.teacher_digest != digest:
        raise HybridTFError(
            f"the weights of --teacher {config.teacher} are not those that {folder} was started with: restore them, or "
            "choose another --out"
        )
    for name, given in {"teacher": teacher, "int8_aware": config.int8_aware}.items():
        if given and workers.replicas > 1:
            raise HybridTFError(f"{option(name)} trains on one processor: leave --strategy out")
    workers.check_batch_size(min(config.batch_size, dataset.train.size))
    stages = stages_of(config)
    with workers.strategy.scope():
        model = _build(run, stages[0])
    if teacher:
        check_teacher(teacher.run, run)
    load_start(model, config)
    transfer = take_over(model, run)
    summary = summarise(run.spec)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:  # every worker has to write checkpoints, and one alone is kept
        output = folder if workers.is_chief else Path(scratch)
        recorder = Recorder(folder, output, stages[-1].first, config.patience, after_epoch)
        session = Session(run, dataset, teacher and teacher.run, transfer, workers, recorder, recorder.position())
        workers.check_agreement(stored is not None, *session.position)
        if workers.is_chief:
            run.keep_manifest(dataset.manifest)
            say_opening(run, dataset, session.steps, size_chosen, transfer)
            run.save()
            write_text(folder / SUMMARY, summary.text())
        with int8_aware(run, model, dataset):
            model = session.fit(model)
        save_weights(model, recorder.output / LAST)
    if workers.is_chief:
        model = model if workers.replicas == 1 and not config.mixed_precision else run.spec.build()
        session.report(model, summary, time.monotonic() - start)
    return run


def _class_names(config: Config, dataset: Dataset) -> tuple[str, ...]:
    """A name for each output; outputs beyond the data set's classes are numbered."""
    names = dataset.class_names
    classes = len(names) if config.classes is None else config.classes
    if classes < len(names):
        raise HybridTFError(f"--classes {classes} is too few: data set '{dataset.name}' has {len(names)} classes")
    free = (name for number in count(len(names)) if (name := f"class_{number}") not in names)
    return (*names, *islice(free, classes - len(names)))


def _build(run: Run, stage: Stage) -> tf.keras.Model:
    """Returns the network that is trained in a stage, with fresh weights."""
    binarization = replace(run.spec.binarization, binary_kernels=stage.binary_kernels)
    with layers_in_mixed_precision(run.config.mixed_precision):
        return replace(run.spec, binarization=binarization).build()


def _stop(model: tf.keras.Model) -> None:
    model.stop_training = True


def _sizes(summary: Summary) -> dict[str, Any]:
    """Returns what a report says of the network alone."""
    found = summary.to_dict()
    return {
        "weights": Weights(**found["weights"]),
        "compression": found["compression"],
        "parameters": Parameters(**found["parameters"]),
        "larq_bytes": found["larq_bytes"],
    }


@dataclass(frozen=True)
class Session:
    """A training under way, from its start or from its last checkpoint to its end.

    Attributes:
        run: run that is trained, with its folder.
        dataset: data set that the run is trained on.
        teacher: finished run that is imitated, if any.
        transfer: what is taken over from another run, if anything.
        workers: processes that train together.
        recorder: recorder of the epochs.
        position: position of the last checkpoint.
    """

    run: Run
    dataset: Dataset
    teacher: Run | None
    transfer: Transfer | None
    workers: Workers
    recorder: Recorder
    position: Position

    @property
    def steps(self) -> int:
        """Number of steps of an epoch."""
        return epoch_steps(self.dataset, self.run.config.batch_size)

    def fit(self, model: tf.keras.Model) -> tf.keras.Model:
        """Trains what is left of the run, from the fresh network of its first stage to that of its last.

        Returns the latter.
        """
        for stage in stages_of(self.run.config):
            with self.workers.strategy.scope():
                if stage.first > 0:
                    model, before = _build(self.run, stage), model
                    model.set_weights(before.get_weights())
                if self.position <= Position(stage.last, 0):  # else the checkpoint is of a later stage
                    self._fit_stage(stage, model)
        return model

    def report(self, model: tf.keras.Model, summary: Summary, seconds: float) -> None:
        """Writes what the best weights give on the test images, which ends the run.

        Args:
            model: Keras model of the run's network, with any weights.
            summary: summary of the run's network.
            seconds: duration of the training in seconds.
        """
        run, config = self.run, self.run.config
        plot_curves(run.folder, self.recorder.rows)
        load_weights(model, run.folder / BEST)
        best = self.recorder.best
        accuracy = best.get("val_accuracy")
        if config.recalibrate:
            batches, _ = self._batches(config.run_epochs, config.run_epochs + config.recalibrate)  # not seen so far
            recalibrate(model, batches.take(config.recalibrate))
            save_weights(model, run.folder / BEST)
        if self.dataset.validation and (config.recalibrate or config.mixed_precision):  # other scores than in training
            accuracy = evaluate(model, self.dataset.validation, run.normalisation)["accuracy"]
        result = evaluate(model, self.dataset.test, run.normalisation)
        report = Report(
            network=config.network,
            plan=config.plan,
            dataset=config.dataset,
            seed=config.seed,
            epochs=len(self.recorder.rows),
            best_epoch=best["epoch"],
            validation_accuracy=accuracy,
            test_accuracy=result["accuracy"],
            test_loss=result["loss"],
            test_images=result["images"],
            seconds=round(seconds, 1),
            planned_epochs=config.run_epochs,
            validation_images=self.dataset.validation.size if self.dataset.validation else 0,
            **_sizes(summary),
        )
        write_json(run.folder / REPORT, report.to_dict())

    def _fit_stage(self, stage: Stage, model: tf.keras.Model) -> None:
        """Trains `model` through a stage of the run, in the scope of the strategy."""
        run, recorder = self.run, self.recorder
        first_epoch = max(stage.first, self.position.epochs)
        steps = self.steps
        self.workers.synchronise(model)
        trained = Distillation(model, self.teacher, run) if self.teacher else model
        compile_model(trained, run.config, steps * (stage.last - stage.first), self._transferred(model))
        recorder.follow(model, trained)
        if self.position > Position(stage.first, 0):
            recorder.restore()
        if first_epoch == stage.last or recorder.out_of_patience:
            return
        callbacks = [recorder]
        if self.workers.is_chief:
            callbacks.append(tf.keras.callbacks.TensorBoard(run.folder / TENSORBOARD, write_graph=False))
        options = {"callbacks": callbacks, **self._validation()}
        # A worker that stopped by itself would leave the others waiting.
        stopping = deferred() if self.workers.count == 1 else nullcontext(never)
        with redirect_stdout(sys.stderr), self.dataset.train.clear_errors(), stopping as recorder.interrupted:
            try:  # standard output is for results
                if recorder.steps:  # the epochs that follow have more steps than what is left of this one
                    alone = tf.keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: _stop(trained))
                    self._fit_epochs(
                        trained, first_epoch, stage.last, steps, options | {"callbacks": [*callbacks, alone]}
                    )
                if len(recorder.rows) < stage.last and not recorder.out_of_patience:
                    self._fit_epochs(trained, len(recorder.rows), stage.last, steps, options)
            except (tf.errors.OpError, DivergedError) as error:
                self._explain(error, model)
                raise

    def _fit_epochs(self, trained: tf.keras.Model, first: int, last: int, steps: int, options: dict[str, Any]) -> None:
        """Trains epochs `first` to `last` - 1, of so many steps, the first from where the recorder is in it."""
        workers, recorder, classes = self.workers, self.recorder, len(self.run.class_names)
        weights = class_weights(self.run.config, self.dataset, classes)

        def batches() -> tf.data.Dataset:
            found, _ = self._batches(first, last, workers.shard)
            return weighted(one_hot(found.skip(recorder.steps), classes), weights)

        trained.fit(
            workers.distributed(batches, min(self.run.config.batch_size, self.dataset.train.size)),
            steps_per_epoch=steps - recorder.steps,
            epochs=last,
            initial_epoch=first,
            verbose=(1 if sys.stderr.isatty() else 2) if workers.is_chief else 0,
            **options,
        )

    def _transferred(self, model: tf.keras.Model) -> list[tf.Variable]:
        """Returns the weights of `model` that come from another run and train slowly."""
        layers = self.transfer.layers if self.transfer else ()
        return [weight for name in layers for weight in model.get_layer(name).trainable_weights]

    def _validation(self) -> dict[str, Any]:
        """Returns what `fit` evaluates after each epoch."""
        if not self.dataset.validation:
            return {}
        # Every replica evaluates all images, which gives the means of one, because parts would differ in size.
        found = self.dataset.validation.batches(BATCH_SIZE, self.run.normalisation)
        batches = one_hot(found, len(self.run.class_names))
        return {"validation_data": self.workers.distributed(lambda: batches), "validation_steps": len(batches)}

    def _explain(self, error: Exception, model: tf.keras.Model) -> None:
        """Raises the HybridTFError that says what went wrong in a step, if it is known."""
        run, recorder = self.run, self.recorder
        if isinstance(error, DivergedError) or MARK in error.message:
            epoch = len(recorder.rows)
            batches, _ = self._batches(epoch, epoch + 1)
            images, labels = next(iter(one_hot(batches.skip(recorder.steps), len(run.class_names))))
            where = first_not_finite(model, loss_of(run.config), images, labels)
            raise HybridTFError(
                f"the training diverged in epoch {epoch + 1}, step {recorder.steps + 1}, where {where} is the first "
                f"that is not finite: lower --learning-rate; the weights of the epochs before are in {run.folder}"
            ) from error
        if "No space left on device" in error.message or isinstance(error, tf.errors.PermissionDeniedError):
            raise write_error(run.folder, error) from error
        if self.workers.count > 1 and isinstance(error, LOST):
            raise HybridTFError(
                f"a worker was lost ({error.message.splitlines()[0][:200]}): `{resume_command(run.folder)} "
                "--strategy multi-worker`, started on all of them, continues at the last whole epoch"
            ) from error

    def _batches(self, first_epoch: int, last_epoch: int, shard: Shard = WHOLE) -> tuple[tf.data.Dataset, int]:
        """Returns the training batches of these epochs, and how many an epoch has."""
        config = self.run.config
        return train_batches(
            self.dataset,
            batch_size=config.batch_size,
            seed=config.seed,
            first_epoch=first_epoch,
            epochs=last_epoch,
            augmentation=self.dataset.augmentation if config.augmentation == "auto" else config.augmentation,
            shard=shard,
        )
