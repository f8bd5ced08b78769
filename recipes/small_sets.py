"""What helps with 30 images a class: VGG-11 residual at a quarter of its width, 25 epochs each, on 1,000 test images.

  python recipes/small_sets.py
  python recipes/small_sets.py --list
  python recipes/small_sets.py "digits plain" "digits strong"

The sets are folders of images that it makes of Fashion-MNIST and of digits, in runs/small_sets/images; the networks
that are started from were trained on all images of the other set. docs/small-sets.md has the table. It goes on where it
was stopped. Time on two cores: half a minute to a minute a run, of which there are three an entry.
"""

from pathlib import Path

from hybrid_tf.cli.recipe import run_study
from hybrid_tf.config import Config
from hybrid_tf.study.comparison import Entry

FOLDER = Path("runs/small_sets")
IMAGES = FOLDER / "images"
PER_CLASS = 30
RARE = 6  # images of every second class in the uneven set
TEST_IMAGES = 1000
UNEVEN = "-uneven"
COMMON = {"network": "vgg11", "head": "compact", "width": 0.25, "input_size": 32, "channels": 1}
SMALL = COMMON | {"epochs": 25, "batch_size": 8}
SETS = {  # the usual augmentation of each, the strong one, and what is started from
    "digits": ("crop", "strong", "all of fashion_mnist"),
    "fashion_mnist": ("crop-flip", "strong-flip", "all of digits"),
}
SOURCES = {
    "all of fashion_mnist": {"dataset": "fashion_mnist", "epochs": 2, "batch_size": 64},
    "all of digits": {"dataset": "digits", "epochs": 20, "batch_size": 64},
}


def _entry(dataset: str, name: str, augmentation: str, start: str | None = None, **settings: object) -> Entry:
    config = Config.from_dict(SMALL | {"dataset": str(IMAGES / dataset), "augmentation": augmentation} | settings)
    return Entry(f"{dataset} {name}", config, seeds=3, start=start)


def _entries(dataset: str, usual: str, strong: str, other: str) -> list[Entry]:
    return [
        _entry(dataset, "plain", usual),
        _entry(dataset, "strong", strong),
        _entry(dataset, "started", usual, other),
        _entry(dataset, "started, strong", strong, other),
        _entry(dataset + UNEVEN, "plain", usual),
        _entry(dataset + UNEVEN, "balanced", usual, class_weights="balanced"),
    ]


ENTRIES = [
    *(Entry(name, Config.from_dict(COMMON | settings)) for name, settings in SOURCES.items()),
    *(entry for dataset, (usual, strong, other) in SETS.items() for entry in _entries(dataset, usual, strong, other)),
]


def write_sets() -> None:
    """Makes the folders of images, those that are not there: an even and an uneven training set for each data set."""
    for dataset in SETS:
        for name, rare in ((dataset, PER_CLASS), (dataset + UNEVEN, RARE)):
            if not (IMAGES / name).exists():
                _write_set(dataset, IMAGES / name, rare)


def _write_set(dataset: str, folder: Path, rare: int) -> None:
    """Writes 30 training images of each class, of every second one only `rare`, and 1,000 test images.

    The test images are the data set's own; of digits, which has fewer, some of the other training images.
    """
    import numpy as np
    from PIL import Image

    from hybrid_tf.data import load_dataset
    from hybrid_tf.system.files import atomic_folder

    source = load_dataset(dataset, input_size=(32, 32), channels=1, validation=0)
    images, labels = source.train.take(source.train.size)
    first = [np.flatnonzero(labels == label)[:PER_CLASS] for label in range(len(source.class_names))]
    others = np.delete(np.arange(len(labels)), np.concatenate(first))
    own = source.test.take(TEST_IMAGES)
    tests = [np.concatenate(pair) for pair in zip(own, (images[others], labels[others]), strict=True)]
    train = np.concatenate([chosen[: rare if label % 2 else None] for label, chosen in enumerate(first)])
    with atomic_folder(folder) as temporary:
        for part, pixels, classes in (
            ("train", images[train], labels[train]),
            ("test", *(array[:TEST_IMAGES] for array in tests)),
        ):
            for number, (image, label) in enumerate(zip(pixels, classes, strict=True)):
                target = temporary / part / source.class_names[label].replace("/", "-")
                target.mkdir(parents=True, exist_ok=True)
                Image.fromarray(image[..., 0]).save(target / f"{number:04}.png")


if __name__ == "__main__":
    run_study(__doc__, "30 images a class, 25 epochs each", ENTRIES, FOLDER, write_sets)
