"""What races: for each size of image the hybrid networks, and the int8 networks that a user would pick instead."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hybrid_tf.errors import HybridTFError, unknown
from hybrid_tf.models.spec import NetworkSpec
from hybrid_tf.pretrained import load_pretrained, pretrained_names
from hybrid_tf.runs.names import CONFIG, FILE, INT8_FILE, REPORT
from hybrid_tf.runs.run import load_run
from hybrid_tf.system.notices import warn

if TYPE_CHECKING:
    import tensorflow as tf

    from hybrid_tf.runs.run import Run

Shape = tuple[int, int, int]
_APPLICATIONS_SIDE = 32  # the least that Keras' applications take


@dataclass(frozen=True)
class Application:
    """A network of Keras' applications.

    Attributes:
        name: its function in `tf.keras.applications`.
        width: multiplies the channels (`alpha`).
        input_shape: of an image; one that is too small for the network gets a border of zeros.
        classes: number of outputs.
    """

    name: str
    width: float
    input_shape: Shape
    classes: int

    def build(self) -> "tf.keras.Model":
        """Returns the model, from normalised images to probabilities."""
        import tensorflow as tf

        image = tf.keras.Input(self.input_shape)
        border = max(0, _APPLICATIONS_SIDE - self.input_shape[0]) // 2
        options = {"include_preprocessing": False} if self.name.startswith("MobileNetV3") else {}
        padded = tf.keras.layers.ZeroPadding2D(border)(image) if border else image
        make = getattr(tf.keras.applications, self.name)
        network = make(
            input_shape=tuple(padded.shape[1:]), alpha=self.width, weights=None, classes=self.classes, **options
        )
        return tf.keras.Model(image, network(padded))


@dataclass(frozen=True)
class Entry:
    """A file that races.

    Attributes:
        name: what tables call it.
        is_hybrid: whether it has binary layers; the others are its rivals.
        int8: whether its full-precision sections are int8.
        network: what it is, or is made of, with random weights.
        path: of a trained network's file; `None` where it is to be made.
    """

    name: str
    is_hybrid: bool
    int8: bool
    network: NetworkSpec | Application
    path: Path | None = None


@dataclass(frozen=True)
class Task:
    """Images of one size, and what races on them.

    Attributes:
        name: such as `28x28x1`.
        input_shape: of an image.
        classes: number of outputs of the networks that are made.
        hybrids: names in the registry, for the plan `residual`.
        thin: names in the registry and widths, for the plan `full_precision`.
        applications: names of Keras' applications and widths.
    """

    input_shape: Shape
    classes: int
    hybrids: tuple[str, ...]
    thin: tuple[tuple[str, float], ...]
    applications: tuple[tuple[str, float], ...]

    @property
    def name(self) -> str:
        """The size of its images."""
        return "x".join(map(str, self.input_shape))

    def entries(self, runs: Path | None = None) -> list[Entry]:
        """Returns what races: trained networks first, the shipped ones and those in the folder `runs`.

        Raises:
            HybridTFError: when a run is damaged, or has no int8 file.
        """
        trained = [*self._trained(runs)]
        made = [
            Entry(f"{name} residual", True, int8, self._spec(name, "residual"))
            for name in self.hybrids
            for int8 in (False, True)
        ]
        for name, width in self.thin:
            made.append(Entry(f"{name} x{width:g}", False, True, self._spec(name, "full_precision", width)))
        for name, width in self.applications:
            network = Application(name, width, self.input_shape, self.classes)
            made.append(Entry(f"{name} x{width:g}", False, True, network))
        known = {_kind(entry) for entry in trained}
        return trained + [entry for entry in made if _kind(entry) not in known]

    def _spec(self, name: str, plan: str, width: float = 1.0) -> NetworkSpec:
        return NetworkSpec(name, plan, input_shape=self.input_shape, classes=self.classes, width=width)

    def _trained(self, folder: Path | None) -> list[Entry]:
        found = [(name, load_pretrained(name)) for name in pretrained_names()]
        if folder:
            found += [(path.name, load_run(path)) for path in _run_folders(folder)]
        return [entry for name, run in found if run.image_shape == self.input_shape for entry in _entries(name, run)]


TASKS = {
    task.name: task
    for task in (
        Task(
            (28, 28, 1),
            10,
            (),
            (("resnet20", 0.25), ("resnet20", 0.5), ("resnet20", 0.75)),
            (("MobileNetV2", 0.35), ("MobileNetV3Small", 0.5)),
        ),
        Task(
            (32, 32, 3),
            10,
            ("resnet20", "resnet18", "vgg19"),
            (("resnet20", 0.5), ("resnet20", 1.0), ("resnet18", 0.25), ("resnet18", 0.5)),
            (("MobileNetV2", 0.35), ("MobileNetV2", 1.0), ("MobileNetV3Small", 1.0)),
        ),
        Task(
            (224, 224, 3),
            1000,
            ("resnet18",),
            (("resnet18", 0.25), ("resnet18", 0.5)),
            (
                ("MobileNetV2", 0.35),
                ("MobileNetV2", 0.5),
                ("MobileNetV2", 1.0),
                ("MobileNetV3Small", 0.75),
                ("MobileNetV3Small", 1.0),
            ),
        ),
    )
}


def find_task(name: str) -> Task:
    """Returns a task. Raises HybridTFError when there is none of that name."""
    if name not in TASKS:
        raise unknown("task", name, TASKS)
    return TASKS[name]


def _kind(entry: Entry) -> tuple[str, str, float, bool]:
    """Returns what a trained network and one with random weights have in common when they cost the same."""
    plan = str(entry.network.plan) if isinstance(entry.network, NetworkSpec) else ""
    name = entry.network.network if isinstance(entry.network, NetworkSpec) else entry.network.name
    return name, plan, entry.network.width, entry.int8


def _run_folders(folder: Path) -> list[Path]:
    """Returns the finished runs: `folder` itself, or those in it. What is not finished is said."""
    runs = [folder] if (folder / CONFIG).exists() else sorted(path.parent for path in folder.glob(f"*/{CONFIG}"))
    finished = [run for run in runs if (run / REPORT).exists()]
    if not finished:
        raise HybridTFError(f"{folder} has no finished run: train one into it, or leave --runs away")
    for run in runs:
        if run not in finished:
            warn(f"{run} is not finished and does not race")
    return finished


def _entries(name: str, run: "Run") -> list[Entry]:
    """Returns the files of a trained network: of a hybrid both, of full precision that which a user would pick."""
    is_hybrid = run.report.weights.binary > 0
    kinds = (False, True) if is_hybrid else (True,)
    entries = [Entry(name, is_hybrid, int8, run.spec, run.folder / (INT8_FILE if int8 else FILE)) for int8 in kinds]
    for entry in entries:
        if entry.path and not entry.path.exists():
            option = " --int8" if entry.int8 else ""
            raise HybridTFError(f"{entry.path} is missing: hybrid-tf convert {run.folder}{option}")
    return entries
