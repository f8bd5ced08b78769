"""A run: what one training leaves behind in its folder, and all that evaluation, conversion and devices need."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import tensorflow as tf

from hybrid_tf.config import LARGEST_SIZE, SMOKE_IMAGES, Config
from hybrid_tf.data import Dataset, Normalisation, load_dataset
from hybrid_tf.data.manifest import TEST, Manifest, count_of
from hybrid_tf.errors import HybridTFError
from hybrid_tf.models.plan import Plan
from hybrid_tf.models.spec import BinarizationConfig, NetworkSpec
from hybrid_tf.runs.kinds import kind_of
from hybrid_tf.runs.names import BEST, CONFIG, MANIFEST, REPORT
from hybrid_tf.runs.report import Report
from hybrid_tf.runs.resuming import resume_command
from hybrid_tf.runs.weights import load_weights
from hybrid_tf.system.files import read_json, write_json
from hybrid_tf.system.notices import say, warn
from hybrid_tf.version import versions

FORMAT = 1


@dataclass(frozen=True)
class Run:
    """A training run and its folder.

    Attributes:
        folder: path of the run folder.
        config: settings of the run.
        class_names: name of each output of the network, in order.
        image_shape: height, width and channels of an image.
        normalisation: normalisation of the network's inputs.
        teacher_digest: SHA-256 of the teacher's file of weights; empty without a teacher.
    """

    folder: Path
    config: Config
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    normalisation: Normalisation
    teacher_digest: str = ""

    @property
    def finished(self) -> bool:
        """Whether training came to its end."""
        return (self.folder / REPORT).exists()

    @property
    def report(self) -> Report:
        """The report of a finished run. Raises HybridTFError when it is not finished, or the report is damaged."""
        path = self.folder / REPORT
        if not self.finished:
            raise HybridTFError(f"run {self.folder} is not finished: `{resume_command(self.folder)}` continues it")
        stored = read_json(path)
        try:
            return Report.from_dict(stored)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise HybridTFError(f"{path} is damaged ({error!r}): restore it or train again") from error

    @property
    def spec(self) -> NetworkSpec:
        """What the run's network is."""
        config = self.config
        return NetworkSpec(
            config.network,
            Plan.parse(config.plan),
            self.image_shape,
            len(self.class_names),
            config.width,
            config.head,
            BinarizationConfig(config.gradient, shifts=config.shifts),
        )

    def save(self) -> None:
        """Writes `config.json`. Raises HybridTFError when the folder cannot be written."""
        write_json(
            self.folder / CONFIG,
            {
                "format": FORMAT,
                "versions": versions(),
                "settings": self.config.to_dict(),
                "class_names": list(self.class_names),
                "image_shape": list(self.image_shape),
                "normalisation": self.normalisation.to_dict(),
                "teacher_digest": self.teacher_digest,
            },
        )

    def load_model(self, weights: str = BEST) -> tf.keras.Model:
        """Returns the run's network with the weights of one of its files.

        Raises:
            HybridTFError: when the file is absent, damaged, or belongs to another network.
        """
        model = self.spec.build()
        load_weights(model, self.folder / weights)
        return model

    def load_dataset(self, dataset: str | None = None) -> Dataset:
        """Returns the data set the run was trained on, split as it was then, or another one.

        Labels and normalisation are the run's.

        Says on standard error what has changed in a folder of images, and how many of the test images were trained on.

        Args:
            dataset: name or path of another data set, or of the run's when its folder was moved.

        Raises:
            HybridTFError: as `load_dataset` does, and for classes that the run's network does not know.
        """
        other = {} if dataset is None else {"dataset": dataset, "skip_unreadable": True}  # nothing is trained on it
        config = self.config.with_changes(**other)
        found = dataset_of(config, self.image_shape).for_classes(self.class_names)
        found = replace(found, normalisation=self.normalisation)  # else that of what lies there now
        before = self.manifest
        if before and found.manifest:
            for note in found.manifest.notes if dataset else ():
                say(f"note: {note}")
            if dataset is None and (changes := before.changes(found.manifest)):
                warn(f"{found.name} is not as it was when {self.folder} was trained: {changes}")
            tested = found.manifest.of(TEST)
            if seen := before.trained_on(file.digest for file in tested):
                warn(f"{seen:,} of the {count_of(tested)} to test on were trained on: new ones will do worse")
        return found

    @property
    def manifest(self) -> Manifest | None:
        """What was in the folder of images that the run is trained on; `None` for other data sets."""
        path = self.folder / MANIFEST
        return Manifest.load(path, Path(self.config.dataset)) if path.exists() else None

    def keep_manifest(self, now: Manifest | None) -> None:
        """Stores what is in the folder of images, or checks that it is what a resumed run began with.

        Raises:
            HybridTFError: saying what has changed.
        """
        before = self.manifest
        if before and now and (changes := before.changes(now)):
            raise HybridTFError(
                f"{now.root} is not as it was when {self.folder} began: {changes}: restore it, or choose another --out"
            )
        if now and not before:
            now.save(self.folder / MANIFEST)


def dataset_of(config: Config, image_shape: tuple[int, int, int] | None = None) -> Dataset:
    """Returns the data set that `config` names, in a smoke run only a part of it.

    With an `image_shape`, height, width and channels, images have that shape, whatever the settings say.
    """
    size = None if config.input_size is None else (config.input_size, config.input_size)
    return load_dataset(
        config.dataset,
        input_size=image_shape[:2] if image_shape else size,
        channels=image_shape[2] if image_shape else config.channels,
        validation=config.validation,
        seed=config.seed,
        limit=SMOKE_IMAGES if config.smoke else None,
        skip_unreadable=config.skip_unreadable,
        background=config.background,
    )


def load_run(folder: str | Path) -> Run:
    """Returns the run in `folder`.

    Raises:
        HybridTFError: when there is none, or its `config.json` is damaged or of a newer version.
    """
    folder = Path(folder)
    if not (folder / CONFIG).exists():
        what = f"it is {kind_of(folder)}" if folder.is_file() else f"it has no {CONFIG}"
        raise HybridTFError(f"{folder} is not a run folder: {what}; train one with `hybrid-tf train`")
    stored = read_json(folder / CONFIG)
    try:
        if type(stored["format"]) is not int or stored["format"] < 1:
            raise ValueError(f"format {stored['format']}")
        if stored["format"] > FORMAT:
            raise HybridTFError(f"{folder} was written by a newer hybrid-tf: update this one")
        run = Run(
            folder=folder,
            config=Config.from_dict(stored["settings"]),
            class_names=tuple(stored["class_names"]),
            image_shape=tuple(stored["image_shape"]),
            normalisation=Normalisation.from_dict(stored["normalisation"]),
            teacher_digest=stored["teacher_digest"],
        )
        _check(run)
        return run
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise HybridTFError(f"{folder / CONFIG} is damaged ({error!r}): restore it or train again") from error


def _check(run: Run) -> None:
    """Raises ValueError for what no training writes: the folder may come from anywhere."""
    shape, numbers = run.image_shape, run.normalisation
    if not all(isinstance(name, str) for name in run.class_names):
        raise ValueError("class_names")
    if not (
        len(shape) == 3
        and all(type(size) is int and 1 <= size <= LARGEST_SIZE for size in shape[:2])
        and shape[2] in (1, 3)
    ):
        raise ValueError("image_shape")
    if not (
        len(numbers.mean) == len(numbers.std) == shape[2]
        and all(map(math.isfinite, (*numbers.mean, *numbers.std)))
        and min(numbers.std) > 0
    ):
        raise ValueError("normalisation")
