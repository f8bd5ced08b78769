"""The settings of a training run: one dataclass, read by recipes, the command line and run folders alike."""

import math
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from hybrid_tf.errors import HybridTFError, unknown
from hybrid_tf.system.files import folder_of

DEFAULT_LEARNING_RATES = {"adam": 0.004, "sgd": 0.1, "bop": 0.004}
OPTIMIZERS = tuple(DEFAULT_LEARNING_RATES)
SCHEDULES = ("cosine", "step")
AUGMENTATIONS = ("none", "flip", "crop", "crop-flip", "resized-crop-flip", "strong", "strong-flip")
CLASS_WEIGHTS = ("none", "balanced")
HEADS = ("paper", "compact")
GRADIENTS = ("ste", "approx", "swish")

LARGEST_SIZE = 4096  # pixels, height and width
SMOKE_EPOCHS = 2
SMOKE_IMAGES = 256

RUNS = ("resume_from", "start_from", "teacher")  # settings that name another run


def _setting(kind: type, default: Any, text: str, choices: tuple[str, ...] = ()) -> Any:
    return field(default=default, metadata={"kind": kind, "help": text, "choices": choices})


@dataclass(frozen=True)
class Config:
    """Everything that decides the numbers of a run. Defaults suit a small network on a small data set."""

    network: str = _setting(str, "resnet20", "network to train, see `hybrid-tf models`")
    plan: str = _setting(
        str, "residual", "full_precision, xnor, residual, sections=3,4, residual+sections=3,4, ...+keep=LAYER"
    )
    dataset: str = _setting(str, "digits", "digits, a TensorFlow Datasets name, or the path of a folder of images")
    epochs: int = _setting(int, 20, "passes over the training images")
    batch_size: int | None = _setting(
        int, None, "images a step; default: the largest of 64, 32, 16 and 8 that gives 20 steps an epoch, else 8"
    )
    width: float = _setting(float, 1.0, "multiplies the channels of every hidden layer")
    head: str | None = _setting(str, None, "VGG only: paper (4096-4096-classes) or compact (one dense layer)", HEADS)
    classes: int | None = _setting(int, None, "outputs of the network; default: the data set's classes")
    input_size: int | None = _setting(
        int, None, "height and width that images are resized to; default: the data set's own"
    )
    channels: int | None = _setting(int, None, "1 for grey, 3 for RGB images; default: the data set's own")
    optimizer: str = _setting(
        str,
        "adam",
        "adam, sgd with Nesterov momentum 0.9, or bop: Bop for binary kernels and adam for the rest",
        OPTIMIZERS,
    )
    learning_rate: float | None = _setting(
        float, None, "learning rate at its highest; default: 0.004 for adam and bop, 0.1 for sgd"
    )
    schedule: str = _setting(str, "cosine", "cosine to 0; step: a tenth at 50 % and at 75 %", SCHEDULES)
    weight_decay: float = _setting(
        float, 0.0, "decoupled decay of full-precision kernels; binary ones have no scale to decay"
    )
    label_smoothing: float = _setting(float, 0.0, "share of the label spread over all classes")
    gradient: str = _setting(
        str, "ste", "what stands for the derivative of sign at the inputs of binary layers", GRADIENTS
    )
    shifts: bool = _setting(
        bool, False, "a PReLU and a shift for each channel behind the additions of binary stages (ReActNet)"
    )
    two_stage: float = _setting(
        float, 0.0, "share of the epochs in which binary layers keep full-precision weights; each stage has a schedule"
    )
    teacher: str | None = _setting(
        str, None, "finished run folder whose network is imitated, e.g. the full-precision twin (distillation)"
    )
    distillation: float = _setting(float, 0.9, "with a teacher: weight of its softened outputs, the rest the labels'")
    temperature: float = _setting(float, 4.0, "with a teacher: what logits are divided by to soften outputs")
    attention: float = _setting(float, 0.0, "with a teacher: weight of its attention maps at the ends of the stages")
    recalibrate: int = _setting(
        int, 0, "batches of training images to measure batch norm's statistics on again when training is done"
    )
    resume_from: str | None = _setting(
        str,
        None,
        "finished run folder to fine-tune on its own data: its settings, classes and best weights, 3 epochs, a 20th of "
        "its rate; for other data there is --start-from",
    )
    start_from: str | None = _setting(
        str,
        None,
        "finished run folder, or name of a shipped network, whose weights a training on other data starts from: its "
        "network, a last layer of your classes, the layers taken over at a tenth of the rate; to fine-tune a run there "
        "is --resume-from",
    )
    int8_aware: bool = _setting(
        bool, False, "with --resume-from: train with the rounding of `hybrid-tf convert --int8`"
    )
    mixed_precision: bool = _setting(
        bool, False, "train in bfloat16 where the hardware is faster at it; weights and files stay float32"
    )
    augmentation: str = _setting(
        str,
        "auto",
        "what training images go through; auto: the data set's usual; strong, for few images: also turned, scaled, "
        "recoloured and partly hidden; ...flip: mirrored, too",
        ("auto", *AUGMENTATIONS),
    )
    class_weights: str = _setting(
        str, "none", "balanced: images of rare classes count more, so that all classes count the same", CLASS_WEIGHTS
    )
    patience: int = _setting(
        int,
        0,
        "end after so many epochs without a better one on the held-out images; 0: never. The schedule is still that of "
        "all --epochs, so an end before them leaves out its slowest, often best part",
    )
    background: str = _setting(str, "white", "colour behind transparent pixels of a folder's images: a name or #rrggbb")
    skip_unreadable: bool = _setting(bool, False, "leave out files of a folder that cannot be read, and say which")
    validation: float = _setting(float, 0.1, "share of the training images held out to choose the best epoch")
    seed: int = _setting(int, 0, "decides initial weights, the order of images and their augmentation")
    smoke: bool = _setting(bool, False, f"{SMOKE_EPOCHS} epochs on {SMOKE_IMAGES} images: does everything work?")

    def __post_init__(self) -> None:
        for item in fields(self):
            value, kind, choices = getattr(self, item.name), item.metadata["kind"], item.metadata["choices"]
            if value is None and item.default is None:
                continue
            kinds = (int, float) if kind is float else kind
            if not isinstance(value, kinds) or (isinstance(value, bool) and kind is not bool):
                raise HybridTFError(f"{option(item.name)} must be of type {kind.__name__}, got {value!r}")
            if choices and value not in choices:
                raise unknown(item.name.replace("_", " "), str(value), choices)
        rules = {
            "epochs": self.epochs >= 1,
            "batch_size": self.batch_size is None or self.batch_size >= 1,
            "learning_rate": 0 < self.peak_learning_rate < math.inf,
            "weight_decay": 0 <= self.weight_decay < 1,
            "label_smoothing": 0 <= self.label_smoothing < 1,
            "two_stage": self.two_stage == 0 or (0 < self.two_stage < 1 and self.epochs > 1),
            "distillation": 0 <= self.distillation <= 1,
            "temperature": 0 < self.temperature < math.inf,
            "attention": 0 <= self.attention < math.inf,
            "recalibrate": self.recalibrate >= 0,
            "validation": 0 <= self.validation < 0.9,
            "patience": self.patience >= 0,
            "seed": 0 <= self.seed < 2**31,
            "input_size": self.input_size is None or 1 <= self.input_size <= LARGEST_SIZE,
            "channels": self.channels in (None, 1, 3),
        }
        for name, holds in rules.items():
            if not holds:
                raise HybridTFError(f"{option(name)} {getattr(self, name)} is out of range; see --help")
        if self.int8_aware and not self.resume_from:
            raise HybridTFError("--int8-aware fine-tunes a finished run: name it with --resume-from")
        if self.two_stage and self.resume_from:
            raise HybridTFError("--two-stage is for a training from its start: leave it or --resume-from out")
        if self.start_from and self.resume_from:
            raise HybridTFError(
                "--start-from is for other data, --resume-from for the data of the run it names: leave one of them out"
            )
        if self.patience and not self.validation:
            raise HybridTFError("--patience watches held-out images, and --validation 0 holds out none: leave one out")
        if self.recalibrate and self.int8_aware:
            raise HybridTFError(
                "--recalibrate changes the kernels that --int8-aware has rounded: leave one of them out"
            )
        if self.mixed_precision and self.int8_aware:
            raise HybridTFError(
                "--mixed-precision computes in bfloat16, and --int8-aware needs float32: leave one of them out"
            )

    @property
    def peak_learning_rate(self) -> float:
        """The learning rate at its highest."""
        return DEFAULT_LEARNING_RATES[self.optimizer] if self.learning_rate is None else self.learning_rate

    @property
    def run_epochs(self) -> int:
        """Epochs that are really run: fewer in a smoke run."""
        return min(self.epochs, SMOKE_EPOCHS) if self.smoke else self.epochs

    def with_absolute_paths(self) -> "Config":
        """Returns a copy whose folders have absolute paths, so that it means the same in every working directory.

        What `start_from` names stays as it is when there is no such folder: it is a shipped network.
        """
        paths = {name: Path(value) for name in RUNS if (value := getattr(self, name))}
        if folder := folder_of(self.dataset):
            paths["dataset"] = folder
        return self.with_changes(
            **{name: str(path.resolve()) for name, path in paths.items() if name != "start_from" or path.is_dir()}
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings as plain JSON values."""
        return asdict(self)

    def with_changes(self, **changes: Any) -> "Config":
        """Returns a copy with some settings changed. Raises HybridTFError as `from_dict` does."""
        return Config.from_dict(self.to_dict() | changes)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Config":
        """Returns the settings in `values`, defaults for the rest.

        Raises:
            HybridTFError: for a setting that does not exist (with the nearest that does), or a value of the wrong type
                or out of range.
        """
        names = [item.name for item in fields(cls)]
        for name in values:
            if name not in names:
                raise unknown("setting", name, names)
        return cls(**values)


def option(name: str) -> str:
    """Returns how the setting `name` is written on the command line."""
    return "--" + name.replace("_", "-")
