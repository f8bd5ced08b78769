import io

import numpy as np
import pytest
from PIL import Image

import hybrid_tf  # noqa: F401  (chooses legacy Keras before TensorFlow is imported)
from hybrid_tf.data import load
from tests.support.shared import made_once

CIFAR10_CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


@pytest.fixture
def streaming(monkeypatch):
    """Makes every data set too large for memory."""
    monkeypatch.setattr(load, "MEMORY_LIMIT", 0)


@pytest.fixture
def image_folder(tmp_path):
    """Returns a function that writes `counts` = {"path/of/class": number of images} and returns their root."""

    def write(counts, size=(32, 32), mode="RGB", suffix=".png"):
        random = np.random.default_rng(0)
        for where, count in counts.items():
            (tmp_path / where).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                shape = size if mode == "L" else (*size, 3)
                pixels = random.integers(0, 256, shape, np.uint8)
                Image.fromarray(pixels).save(tmp_path / where / f"{number}{suffix}")
        return tmp_path

    return write


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """Returns a folder in which TFDS itself has written small sets of random images under well-known names."""
    return made_once(tmp_path_factory, "tensorflow_datasets", write_small_sets)


def write_small_sets(root):
    import tensorflow_datasets as tfds

    from hybrid_tf.data.tfds_prepare import quiet

    tfds.disable_progress_bar()
    random = np.random.default_rng(0)

    def image(height, width, jpeg=False):
        pixels = random.integers(0, 256, (height, width, 3), np.uint8)
        if not jpeg:
            return pixels
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG")
        return io.BytesIO(file.getvalue())

    def any_size(count, label):
        sizes = random.integers(40, 300, (count, 2))
        return {i: {"image": image(*size, jpeg=True), "label": label(i)} for i, size in enumerate(sizes)}

    def fixed_size(count, classes):
        return {i: {"image": image(32, 32), "label": i % classes} for i in range(count)}

    contents = {
        "cifar10": {"train": fixed_size(200, 10), "test": fixed_size(30, 10)},
        "cifar100": {"train": fixed_size(200, 100), "test": fixed_size(30, 100)},
        "imagenet2012": {
            "train": any_size(60, lambda i: i % 1000),
            "validation": any_size(12, lambda i: i),
            "test": any_size(5, lambda i: -1),  # as published: without labels
        },
        "cats_vs_dogs": {"train": any_size(40, lambda i: i % 2)},
        "imagenet_v2": {"test": any_size(4, lambda i: i)},
    }
    for name, splits in contents.items():
        builder = tfds.builder(name, data_dir=root)
        if name == "cifar10":  # whose names TFDS reads from what it downloads
            builder.info.features["label"].names = CIFAR10_CLASSES
        extra = {
            key: 0 if key == "coarse_label" else "" for key in builder.info.features if key not in ("image", "label")
        }
        examples = {
            split: [(i, {**example, **extra}) for i, example in content.items()] for split, content in splits.items()
        }
        with quiet():
            tfds.dataset_builders.store_as_tfds_dataset(
                name,
                version=str(builder.version),
                config=builder.builder_config,
                features=builder.info.features,
                split_datasets=examples,
                data_dir=root,
                download_config=tfds.download.DownloadConfig(num_shards=3),
            )
