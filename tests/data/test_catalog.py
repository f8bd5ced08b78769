import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import requests

from hybrid_tf import HybridTFError
from hybrid_tf.data import fashion_mnist_debian, load_dataset, train_batches


@pytest.fixture
def offline(monkeypatch):
    def fail(*_, **__):
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "head", fail)


def error_of(name, **arguments):
    with pytest.raises(HybridTFError) as caught:
        load_dataset(name, **arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(("name", "classes"), [("cifar10", 10), ("cifar100", 100)])
def test_cifar(prepared, name, classes):
    dataset = load_dataset(name, data_dir=prepared)
    assert dataset.image_shape == (32, 32, 3)
    assert len(dataset.class_names) == classes
    assert dataset.augmentation == "crop-flip"
    assert (dataset.train.size, dataset.validation.size, dataset.test.size) == (180, 20, 30)
    if name == "cifar10":
        assert dataset.class_names[:2] == ("airplane", "automobile")
        np.testing.assert_array_equal(np.bincount(dataset.validation.take(20)[1]), [2] * 10)


def test_another_size_and_grey(prepared):
    assert load_dataset("cifar10", data_dir=prepared, input_size=(28, 40), channels=1).image_shape == (28, 40, 1)


def test_data_dir_may_come_from_tfds(prepared, monkeypatch):
    monkeypatch.setattr("tensorflow_datasets.core.constants.DATA_DIR", str(prepared))
    assert load_dataset("cifar10").train.size == 180
    monkeypatch.setenv("HOME", str(prepared.parent))
    assert load_dataset("cifar10", data_dir=f"~/{prepared.name}").train.size == 180


@pytest.mark.slow
def test_imagenet_streams(prepared, streaming):
    dataset = load_dataset("imagenet2012", data_dir=prepared)
    assert type(dataset.train).__name__ == "Streaming"
    assert dataset.image_shape == (224, 224, 3)
    assert len(dataset.class_names) == 1000
    assert dataset.augmentation == "resized-crop-flip"
    assert dataset.normalisation.mean == (123.675, 116.28, 103.53)
    assert (dataset.train.size, dataset.validation.size, dataset.test.size) == (54, 6, 12)
    assert set(dataset.test.take(12)[1]) == set(range(12))  # its validation split: the test split has no labels
    train, held_out = (set(part.take(99)[1]) for part in (dataset.train, dataset.validation))
    assert not train & held_out and len(train | held_out) == 60
    batches, steps = train_batches(
        dataset, batch_size=16, seed=0, first_epoch=0, epochs=1, augmentation=dataset.augmentation
    )
    batches = list(batches)
    assert len(batches) == steps == 3
    assert batches[0][0].shape == (16, 224, 224, 3)


def test_a_streamed_set_that_is_limited_is_read_into_memory(prepared, monkeypatch):
    monkeypatch.setattr("hybrid_tf.data.load.MEMORY_LIMIT", 12 * 224 * 224 * 3)
    dataset = load_dataset("imagenet2012", data_dir=prepared, limit=4)
    assert type(dataset.train).__name__ == "InMemory"
    assert (dataset.train.size, dataset.validation.size, dataset.test.size) == (4, 4, 4)


def test_evaluation_takes_the_centre_of_the_resized_image(prepared, streaming):
    import tensorflow as tf

    dataset = load_dataset("imagenet2012", data_dir=prepared, input_size=(32, 32), validation=0)
    records = dataset.test._records
    record = next(iter(records.read(None)))
    whole, fitted = records.whole(*record)[0], records.fitted(*record)[0]
    height, width = whole.shape[:2]
    scale = 32 * 256 / 224 / min(height, width)
    resized = tf.image.resize(whole, (round(height * scale), round(width * scale)), antialias=True).numpy()
    top, left = (resized.shape[0] - 32) // 2, (resized.shape[1] - 32) // 2
    np.testing.assert_allclose(fitted, resized[top : top + 32, left : left + 32], atol=0.51)


@pytest.mark.parametrize("stream", [False, True])
def test_a_set_with_only_train_is_divided_the_same_way_for_every_seed(prepared, stream, request):
    if stream:
        request.getfixturevalue("streaming")
    first, second = (load_dataset("cats_vs_dogs", data_dir=prepared, input_size=(32, 32), seed=s) for s in (0, 1))
    assert (first.train.size, first.validation.size, first.test.size) == (29, 3, 8)
    np.testing.assert_array_equal(first.test.take(8)[0], second.test.take(8)[0])


def test_the_same_images_streamed_and_in_memory(prepared, request):
    memory = load_dataset("cifar10", data_dir=prepared, validation=0)
    request.getfixturevalue("streaming")
    streamed = load_dataset("cifar10", data_dir=prepared, validation=0)
    for ours, theirs in ((memory.train, streamed.train), (memory.test, streamed.test)):
        assert {image.tobytes() for image in ours.take(999)[0]} == {image.tobytes() for image in theirs.take(999)[0]}


def test_unknown_names():
    message = error_of("cifar11")
    assert message.startswith("unknown data set 'cifar11': did you mean 'cifar10'? valid: digits, ")
    assert message.endswith("any other image data set of TensorFlow Datasets, or the path of a folder")
    assert "did you mean 'eurosat'?" in error_of("eurosatt")  # known to TFDS alone


def test_sets_that_do_not_fit():
    assert "data set 'coco' has no images with one class each" in error_of("coco")


def test_without_training_images(prepared):
    assert "has no training images: choose another (it has test)" in error_of("imagenet_v2", data_dir=prepared)


def test_configurations_have_a_slash(tmp_path, offline):
    assert "data set 'eurosat' is not prepared in" in error_of("eurosat/rgb", data_dir=tmp_path)
    (tmp_path / "eurosat").mkdir()  # which is not to blame
    assert "cannot open 'eurosat/nope'" in error_of("eurosat/nope", data_dir=tmp_path)


def test_not_prepared_and_no_network(tmp_path, offline, capfd):
    message = error_of("cifar10", data_dir=tmp_path)
    assert message == (
        f"data set 'cifar10' is not prepared in {tmp_path}/cifar10/3.0.2 and www.cs.toronto.edu cannot be reached: "
        "connect to the internet and run again, or run `tfds build cifar10`"
    )
    assert capfd.readouterr().out == ""


def test_fashion_mnist_offline_names_the_debian_package(tmp_path, offline, monkeypatch):
    monkeypatch.setattr(fashion_mnist_debian, "FOLDER", tmp_path / "absent")
    message = error_of("fashion_mnist", data_dir=tmp_path)
    assert message.endswith("or install Debian's copy: `apt-get install dataset-fashion-mnist`")


@pytest.mark.parametrize(
    ("failure", "fix"),
    [
        (requests.ConnectionError("reset\nby peer"), "(reset by peer): connect to the internet and run again, or run"),
        (OSError(28, "No space left on device"), "No space left on device): see that there is room and that you may"),
        (ValueError("bad"), "(bad): `tfds build cifar10` shows the details"),
    ],
)
def test_a_preparation_that_fails(tmp_path, monkeypatch, failure, fix):
    def fail(*_, **__):
        raise failure

    monkeypatch.setattr(requests, "head", lambda *_, **__: None)
    monkeypatch.setattr("tensorflow_datasets.image_classification.cifar.Cifar10.download_and_prepare", fail)
    message = error_of("cifar10", data_dir=tmp_path)
    assert message.startswith(f"cannot prepare 'cifar10' in {tmp_path}/cifar10/3.0.2 (")
    assert fix in message


def test_a_source_file_that_is_not_the_published_one(tmp_path, monkeypatch):
    (tmp_path / "debian").mkdir()
    for name in fashion_mnist_debian._MODIFIED:
        (tmp_path / "debian" / f"{name}.gz").write_bytes(b"other content")
    monkeypatch.setattr(fashion_mnist_debian, "FOLDER", tmp_path / "debian")
    message = error_of("fashion_mnist", data_dir=tmp_path)
    assert "a source file is not the published one: reinstall dataset-fashion-mnist and run again" in message


def test_manual_downloads(tmp_path):
    message = error_of("imagenet2012", data_dir=tmp_path)
    manual = tmp_path / "downloads" / "manual"
    assert message == (
        "imagenet2012 needs a manual download: register at https://image-net.org/download-images, "
        f"put ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar into {manual}, and run again"
    )
    manual.mkdir(parents=True)
    (manual / "ILSVRC2012_img_val.tar").touch()
    assert f"put ILSVRC2012_img_train.tar into {manual}" in error_of("imagenet2012", data_dir=tmp_path)
    (manual / "ILSVRC2012_img_val.tar").unlink()
    assert f"resisc45 needs a manual download into {manual}" in error_of("resisc45", data_dir=tmp_path)


@pytest.fixture
def copy_of_cifar10(prepared, tmp_path):
    return Path(shutil.copytree(prepared / "cifar10", tmp_path / "cifar10")) / "3.0.2"


def delete(path):
    path.unlink()


def truncate(path):
    path.write_bytes(path.read_bytes()[:-500])


def flip_bits(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [delete, truncate, flip_bits])
def test_damaged_records(copy_of_cifar10, damage, tmp_path):
    damage(copy_of_cifar10 / "cifar10-train.tfrecord-00001-of-00003")
    message = error_of("cifar10", data_dir=tmp_path)
    assert message == (f"the prepared data set in {copy_of_cifar10} is damaged: delete that folder and run again")


def test_damage_found_while_training(copy_of_cifar10, tmp_path, streaming):
    dataset = load_dataset("cifar10", data_dir=tmp_path)
    flip_bits(copy_of_cifar10 / "cifar10-train.tfrecord-00001-of-00003")
    batches, _ = train_batches(dataset, batch_size=8, seed=0, first_epoch=0, epochs=1, augmentation="crop")
    with pytest.raises(HybridTFError, match="is damaged: delete that folder"), dataset.train.clear_errors():
        list(batches)


def test_records_that_are_missing(copy_of_cifar10, tmp_path):
    info = json.loads((copy_of_cifar10 / "dataset_info.json").read_text())
    for split in info["splits"]:
        split["shardLengths"] = [str(int(length) + 1) for length in split["shardLengths"]]
    (copy_of_cifar10 / "dataset_info.json").write_text(json.dumps(info))
    message = error_of("cifar10", data_dir=tmp_path)
    assert message.startswith(f"the prepared data set in {copy_of_cifar10} is damaged")


def test_damaged_description(copy_of_cifar10, tmp_path):
    (copy_of_cifar10 / "dataset_info.json").write_text("{")
    assert error_of("cifar10", data_dir=tmp_path) == (
        f"the prepared data set in {copy_of_cifar10.parent} is damaged: delete that folder and run again"
    )
    (copy_of_cifar10 / "dataset_info.json").unlink()
    assert f"the prepared data set in {copy_of_cifar10} is incomplete" in error_of("cifar10", data_dir=tmp_path)


def test_importing_the_package_is_cheap():
    import subprocess

    code = "import sys, hybrid_tf.data; sys.exit('tensorflow' in sys.modules or 'sklearn' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
