import os

import numpy as np
import pytest
from PIL import Image

from hybrid_tf import HybridTFError
from hybrid_tf.data import load_dataset, load_image, train_batches

TWO_CLASSES = {"cat": 20, "dog": 10}


def test_one_level_is_divided_80_to_20(image_folder):
    root = image_folder({"dog": 10, "cat": 20, "ant": 2, ".hidden": 3})
    (root / "cat" / "notes.txt").write_text("no image")
    (root / "cat" / ".0.png").write_text("hidden")
    dataset = load_dataset(str(root), validation=0)
    assert dataset.class_names == ("ant", "cat", "dog")
    assert dataset.name == str(root)
    assert dataset.image_shape == (32, 32, 3)
    assert dataset.augmentation == "crop-flip"
    np.testing.assert_array_equal(np.bincount(dataset.train.take(99)[1]), [1, 16, 8])
    np.testing.assert_array_equal(np.bincount(dataset.test.take(99)[1]), [1, 4, 2])
    assert len(set(dataset.train.take(8)[1])) > 1  # mixed, not sorted by class


@pytest.mark.parametrize("test_name", ["test", "validation", "val"])
def test_two_levels(image_folder, test_name):
    root = image_folder({"train/cat": 10, "train/dog": 10, f"{test_name}/cat": 3, f"{test_name}/dog": 1})
    dataset = load_dataset(str(root), validation=0.2)
    assert (dataset.train.size, dataset.validation.size, dataset.test.size) == (16, 4, 4)
    np.testing.assert_array_equal(np.bincount(dataset.validation.take(9)[1]), [2, 2])
    np.testing.assert_array_equal(np.bincount(dataset.test.take(9)[1]), [3, 1])


def test_train_alone_is_divided(image_folder):
    assert load_dataset(str(image_folder({"train/cat": 10, "train/dog": 10}))).test.size == 4


def test_images_are_those_of_load_image(image_folder):
    root = image_folder(TWO_CLASSES, size=(30, 50), suffix=".jpg")
    dataset = load_dataset(str(root), input_size=(28, 28), validation=0)
    files = {load_image(path, (28, 28, 3)).tobytes(): path.parent.name for path in root.glob("*/*")}
    for image, label in zip(*dataset.train.take(99), strict=True):
        assert files[image.tobytes()] == dataset.class_names[label]


@pytest.mark.parametrize(("size", "expected"), [((48, 40), (48, 40)), ((256, 256), (256, 256)), ((257, 100), (64, 64))])
def test_default_size_when_all_are_equal(image_folder, size, expected):
    assert load_dataset(str(image_folder({"a": 2, "b": 2}, size=size)), validation=0).image_shape == (*expected, 3)


def test_default_size_and_channels_when_mixed(image_folder):
    root = image_folder({"a": 2, "b": 2}, mode="L")
    assert load_dataset(str(root), validation=0).image_shape == (32, 32, 1)
    assert load_dataset(str(root), validation=0, channels=3).image_shape == (32, 32, 3)
    Image.new("RGB", (40, 20)).save(root / "a" / "other.png")
    assert load_dataset(str(root), validation=0).image_shape == (64, 64, 3)


def test_default_size_follows_the_exif_orientation(image_folder):
    root = image_folder({"a": 0, "b": 0})
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("a/0.jpg", "a/1.jpg", "b/0.jpg", "b/1.jpg"):
        Image.new("RGB", (40, 20)).save(root / name, exif=exif)
    assert load_dataset(str(root), validation=0).image_shape == (40, 20, 3)


def test_a_path_relative_to_home_or_here(image_folder, monkeypatch):
    root = image_folder({"pets/cat": 5, "pets/dog": 5})
    monkeypatch.setenv("HOME", str(root))
    monkeypatch.chdir(root)
    assert load_dataset("~/pets").name == load_dataset("pets").name == str(root / "pets")


def test_streaming_gives_the_same_as_memory(image_folder, monkeypatch, request):
    root = image_folder({"train/cat": 20, "train/dog": 12, "test/cat": 4, "test/dog": 4}, size=(40, 30))
    memory = load_dataset(str(root), input_size=(32, 32), seed=2)
    request.getfixturevalue("streaming")
    streamed = load_dataset(str(root), input_size=(32, 32), seed=2)
    assert type(memory.train) is not type(streamed.train)
    assert streamed.normalisation == memory.normalisation
    for name in ("train", "validation", "test"):
        for ours, theirs in zip(getattr(memory, name).take(99), getattr(streamed, name).take(99), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    arguments = {"batch_size": 8, "seed": 1, "first_epoch": 0, "epochs": 1, "augmentation": "none"}
    (ours, steps), (theirs, streamed_steps) = (train_batches(each, **arguments) for each in (memory, streamed))
    assert steps == streamed_steps == 3
    for (image, label), (other_image, other_label) in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(label, other_label)
        np.testing.assert_allclose(image, other_image, atol=1e-5)


def test_a_limit_reads_only_some_files_into_memory(image_folder, streaming, monkeypatch):
    root = image_folder({"train/cat": 30, "train/dog": 30, "test/cat": 30, "test/dog": 30})
    monkeypatch.setattr("hybrid_tf.data.load.MEMORY_LIMIT", 15 * 32 * 32 * 3)
    dataset = load_dataset(str(root), limit=5)
    assert type(dataset.train).__name__ == "InMemory"
    assert (dataset.train.size, dataset.validation.size, dataset.test.size) == (5, 5, 5)


def error_of(root, **arguments):
    with pytest.raises(HybridTFError) as caught:
        load_dataset(str(root), **arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_absent_folder(tmp_path):
    assert f"there is no folder {tmp_path / 'absent'}" in error_of(tmp_path / "absent")


def test_no_images(tmp_path):
    assert f"there are no images in {tmp_path}: expected <class>/<image>" in error_of(tmp_path)
    (tmp_path / "cat").mkdir()
    assert "there are no images in" in error_of(tmp_path)


def test_one_class(image_folder):
    assert "has one class, 'cat': at least two are needed" in error_of(image_folder({"cat": 5}))


@pytest.mark.parametrize("count", [0, 1])
def test_a_class_with_too_few_images(image_folder, count):
    message = error_of(image_folder({"cat": 5, "dog": count}))
    assert f"class 'dog' in {image_folder({})} has {count} images: at least 2 are needed" in message


def test_a_test_class_that_is_not_trained(image_folder):
    root = image_folder({"train/cat": 5, "train/dog": 5, "test/cat": 2, "test/eel": 2})
    assert f"class 'eel' is in {root / 'test'} but not in {root / 'train'}" in error_of(root)


@pytest.mark.parametrize("stream", [False, True])
def test_a_file_that_is_no_image(image_folder, stream, request):
    if stream:
        request.getfixturevalue("streaming")
    root = image_folder(TWO_CLASSES)
    (root / "cat" / "bad.png").write_text("no image")
    assert f"{root / 'cat' / 'bad.png'} is not an image that can be read" in error_of(root)


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def test_a_truncated_image(image_folder):
    root = image_folder(TWO_CLASSES)
    truncate(root / "dog" / "3.png")
    assert f"{root / 'dog' / '3.png'} is a damaged image" in error_of(root)


def test_a_truncated_image_found_while_streaming(image_folder, streaming, monkeypatch):
    monkeypatch.setattr("hybrid_tf.data.streaming._MEASURED_IMAGES", 1)
    root = image_folder(TWO_CLASSES)
    dataset = load_dataset(str(root), validation=0)
    for path in root.glob("*/*.png"):
        truncate(path)
    batches, _ = train_batches(dataset, batch_size=4, seed=0, first_epoch=0, epochs=1, augmentation="crop")
    message = r"\.png is a damaged image \([^\n]+\): repair or remove it$"
    with pytest.raises(HybridTFError, match=message), dataset.train.clear_errors():
        list(batches)


def test_clear_errors_leaves_other_errors_alone(image_folder, streaming):
    import tensorflow as tf

    dataset = load_dataset(str(image_folder(TWO_CLASSES)))
    with pytest.raises(tf.errors.InvalidArgumentError), dataset.train.clear_errors():
        tf.reshape(tf.zeros(3), (2, 2))


def test_decompression_bomb(image_folder, monkeypatch):
    root = image_folder(TWO_CLASSES)
    Image.new("L", (300, 300)).save(root / "cat" / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20_000)
    assert f"{root / 'cat' / 'bomb.png'} has more than 40,000 pixels" in error_of(root)


def test_a_share_that_leaves_nothing(image_folder):
    assert "leaves a part empty" in error_of(image_folder(TWO_CLASSES), validation=0.01)
