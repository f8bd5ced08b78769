import os
import subprocess
import sys

import numpy as np
import pytest

from hybrid_tf.data import fashion_mnist_debian, load_dataset
from tests.support.shared import made_once

pytestmark = pytest.mark.slow

if not fashion_mnist_debian.FOLDER.exists():
    pytest.skip("needs `apt-get install dataset-fashion-mnist`", allow_module_level=True)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Prepared by two processes at the same time."""

    def prepare(folder):
        program = "from hybrid_tf.data import load_dataset; print(load_dataset('fashion_mnist').train.size)"
        environment = os.environ | {"TFDS_DATA_DIR": str(folder)}
        command = [sys.executable, "-c", program]
        processes = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        assert [process.communicate()[0] for process in processes] == ["54000\n"] * 2
        assert not list((folder / "fashion_mnist").glob("incomplete*"))

    return load_dataset("fashion_mnist", data_dir=made_once(tmp_path_factory, "fashion_mnist", prepare))


def test_prepared_by_tfds_from_debians_files(dataset):
    assert (dataset.train.size, dataset.validation.size, dataset.test.size) == (54_000, 6_000, 10_000)
    assert dataset.image_shape == (28, 28, 1)
    assert dataset.class_names[0] == "T-shirt/top" and dataset.class_names[9] == "Ankle boot"
    assert dataset.augmentation == "crop-flip"
    assert dataset.normalisation.mean == (pytest.approx(72.94, abs=0.3),)  # published: 0.2860 * 255
    assert dataset.normalisation.std == (pytest.approx(90.02, abs=0.3),)  # and 0.3530 * 255


def test_the_images_are_debians(dataset):
    import gzip

    def published(name, header):
        return np.frombuffer(gzip.decompress((fashion_mnist_debian.FOLDER / name).read_bytes()), np.uint8)[header:]

    images = published("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28, 1)
    labels = published("t10k-labels-idx1-ubyte.gz", 8)
    known = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
    for image, label in zip(*dataset.test.take(500), strict=True):
        assert known[image.tobytes()] == label


def test_classes_are_held_out_evenly(dataset):
    np.testing.assert_array_equal(np.bincount(dataset.validation.take(6_000)[1]), [600] * 10)
