import os

import numpy as np
import pytest
from PIL import Image

from hybrid_tf import HybridTFError
from hybrid_tf.config import Config
from hybrid_tf.data import load_dataset, load_image, train_batches
from hybrid_tf.data.image_files import image_files
from hybrid_tf.data.scan import scan_folder

TWO_CLASSES = {"cat": 20, "dog": 10}


def split_sizes(dataset):
    return {name: getattr(dataset, name).size for name in ("train", "validation", "test") if getattr(dataset, name)}


def splits_by_digest(dataset):
    return {file.digest: file.split for file in dataset.manifest.files}


def test_one_level_is_divided_by_content(image_folder):
    root = image_folder({"dog": 100, "cat": 200, ".hidden": 3})
    (root / "cat" / "notes.txt").write_text("no image")
    (root / "cat" / ".0.png").write_text("hidden")
    dataset = load_dataset(str(root))
    assert dataset.class_names == ("cat", "dog")
    assert dataset.name == str(root)
    assert dataset.image_shape == (32, 32, 3)
    assert dataset.augmentation == "crop-flip"
    sizes = split_sizes(dataset)
    assert sum(sizes.values()) == 300
    assert 40 <= sizes["test"] <= 80 and 12 <= sizes["validation"] <= 40  # a fifth, and a tenth of the rest, by chance
    assert len(set(dataset.train.take(8)[1])) > 1  # mixed, not sorted by class
    assert f"{sizes['test']} images of 300 are to test on" in " ".join(dataset.manifest.notes)
    assert set(dataset.manifest.left_out) == {("cat/.0.png", "hidden"), ("cat/notes.txt", "is not an image")}


def test_no_image_moves_when_others_come_or_go(image_folder):
    root = image_folder({"cat": 40, "dog": 40})
    before = splits_by_digest(load_dataset(str(root)))
    (root / "cat" / "3.png").unlink()
    (root / "dog" / "7.png").rename(root / "dog" / "a new name.png")
    for number in range(20):
        Image.new("RGB", (32, 32), (number, 0, 0)).save(root / "cat" / f"added{number}.png")
    after = splits_by_digest(load_dataset(str(root)))
    assert len(before.keys() & after.keys()) == 79
    assert {digest: after[digest] for digest in before.keys() & after.keys()} == {
        digest: before[digest] for digest in before.keys() & after.keys()
    }


def test_the_seed_chooses_held_out_images_alone(image_folder):
    root = image_folder({"cat": 60, "dog": 60})
    found = [splits_by_digest(load_dataset(str(root), seed=seed)) for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]
    tested = [{digest for digest, split in splits.items() if split == "test"} for splits in found]
    assert tested[0] == tested[2]


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("train", "val", "test"),
        ("Train", "VALID", "Test"),
        ("Training", "validation", "Testing"),
        ("train", "dev", "test"),
    ],
)
def test_every_usual_spelling_of_splits(image_folder, train, validation, test):
    counts = {f"{train}/cat": 10, f"{train}/dog": 10, f"{validation}/cat": 4, f"{validation}/dog": 4}
    root = image_folder(counts | {f"{test}/cat": 3, f"{test}/dog": 1})
    dataset = load_dataset(str(root))
    assert split_sizes(dataset) == {"train": 20, "validation": 8, "test": 4}
    np.testing.assert_array_equal(np.bincount(dataset.test.take(9)[1]), [3, 1])
    none_held_out = load_dataset(str(root), validation=0)
    assert split_sizes(none_held_out) == {"train": 20, "test": 4}
    assert "left out: validation image, and none are to be held out (8)" in none_held_out.manifest.notes[0]


def test_train_and_validation_alone(image_folder):
    root = image_folder({"train/cat": 50, "train/dog": 50, "valid/cat": 5, "valid/dog": 5, "extra/cat": 5})
    dataset = load_dataset(str(root))
    assert dataset.validation.size == 10
    assert 5 <= dataset.test.size <= 40 and dataset.train.size + dataset.test.size == 100
    assert ("extra/", "a folder beside the splits") in dataset.manifest.left_out


def test_nested_folders_and_files_without_suffix(image_folder):
    root = image_folder({"cat": 10, "cat/2024/may": 10, "dog": 20})
    (root / "cat" / "3.png").rename(root / "cat" / "3")
    (root / "cat" / "4.png").rename(root / "cat" / "4.jpg")
    assert len(load_dataset(str(root)).manifest.files) == 40


def test_prediction_takes_the_files_of_a_folder_that_training_takes(image_folder):
    root = image_folder({"cat/2024": 12, "dog": 12})
    for number, name in enumerate(("cat/bare", "cat/data.txt", "cat/2024/@eaDir/preview.png", "cat/.hidden.png")):
        (root / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (32, 32), (number, 0, 0)).save(root / name, "PNG")
    (root / "cat" / "notes.txt").write_text("no image")
    (root / "dog" / "page.jpg").write_text("<html>")  # for both to name
    manifest = scan_folder(root, validation=0, seed=0, skip_unreadable=True)
    trained = {str(root / file.path) for file in manifest.files}
    assert {str(root / "cat" / "bare"), str(root / "cat" / "data.txt")} < trained
    assert {name for name, _ in image_files([root])} == trained | {str(root / "dog" / "page.jpg")}


def test_images_are_those_of_load_image(image_folder):
    root = image_folder(TWO_CLASSES, size=(30, 50), suffix=".jpg")
    dataset = load_dataset(str(root), input_size=(28, 28), validation=0)
    files = {load_image(path, (28, 28, 3)).tobytes(): path.parent.name for path in root.glob("*/*")}
    for image, label in zip(*dataset.train.take(99), strict=True):
        assert files[image.tobytes()] == dataset.class_names[label]


@pytest.mark.parametrize(("size", "expected"), [((48, 40), (48, 40)), ((256, 256), (256, 256)), ((257, 100), (64, 64))])
def test_default_size_when_all_are_equal(image_folder, size, expected):
    assert load_dataset(str(image_folder({"a": 8, "b": 8}, size=size)), validation=0).image_shape == (*expected, 3)


def test_default_size_and_channels_when_mixed(image_folder):
    root = image_folder({"a": 8, "b": 8}, mode="L")
    assert load_dataset(str(root), validation=0).image_shape == (32, 32, 1)
    assert load_dataset(str(root), validation=0, channels=3).image_shape == (32, 32, 3)
    Image.new("RGB", (40, 20)).save(root / "a" / "other.png")
    assert load_dataset(str(root), validation=0).image_shape == (64, 64, 3)


def test_default_size_follows_the_exif_orientation(image_folder):
    root = image_folder({"a": 0, "b": 0})
    exif = Image.Exif()
    exif[0x0112] = 6
    for number in range(16):
        Image.new("RGB", (40, 20), (number, 0, 0)).save(root / "ab"[number % 2] / f"{number}.jpg", exif=exif)
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


@pytest.mark.parametrize("name", ["~nobody-of-that-name/photos", "x" * 300, "/" + "x" * 300])
def test_a_name_that_can_be_no_folder(name):
    assert Config(dataset=name).with_absolute_paths().dataset == name
    assert f"there is no folder {name}" in error_of(name) or f"unknown data set '{name}'" in error_of(name)


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


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("stream", [False, True])
def test_all_unreadable_files_are_named_at_once(image_folder, stream, request):
    if stream:
        request.getfixturevalue("streaming")
    root = image_folder(TWO_CLASSES)
    (root / "cat" / "page.png").write_text("<!doctype html><p>not found")
    assert f"{root / 'cat' / 'page.png'} is an HTML page, not an image: repair or remove it" in error_of(root)
    (root / "cat" / "empty.jpg").touch()
    truncate(root / "dog" / "3.png")
    message = error_of(root)
    assert message.startswith(f"3 of 32 files in {root} cannot be used")
    assert f"`hybrid-tf data {root} --json` lists them all" in message
    assert "is empty (1): cat/empty.jpg" in message and "is a damaged image (1): dog/3.png" in message
    dataset = load_dataset(str(root), skip_unreadable=True)
    assert len(dataset.manifest.files) == 29
    assert {item.path for item in dataset.manifest.left_out} == {"cat/page.png", "cat/empty.jpg", "dog/3.png"}


def test_a_file_name_that_is_not_utf8(image_folder, request):
    root = image_folder({"cat": 20, "dog": 20})
    (root / "cat" / "0.png").rename(os.fsdecode(os.fsencode(root / "cat") + b"/caf\xe9.png"))
    in_memory = load_dataset(str(root))
    assert sum(split_sizes(in_memory).values()) == 40
    request.getfixturevalue("streaming")
    assert sum(split_sizes(load_dataset(str(root))).values()) == 40
    in_memory.manifest.save(root / "images.csv")
    assert type(in_memory.manifest).load(root / "images.csv", root).files == in_memory.manifest.files


@pytest.mark.parametrize("name", ["a\rb", "a\nb", "a\r\nb", 'a,"b"', '"a"', " a", "=1+1"])
def test_a_strange_file_name_survives_the_table(image_folder, name):
    root = image_folder({"cat": 20, "dog": 20})
    (root / "cat" / "0.png").rename(root / "cat" / name)
    (root / "dog" / f"{name}.txt").write_text("no image")
    manifest = load_dataset(str(root)).manifest
    manifest.save(root / "images.csv")
    loaded = type(manifest).load(root / "images.csv", root)
    assert (loaded.files, loaded.left_out) == (manifest.files, manifest.left_out)


def test_a_link_back_brings_no_images_of_other_classes(image_folder):
    root = image_folder({"cat": 20, "dog": 20})
    (root / "cat" / "all").symlink_to("..")
    assert len(load_dataset(str(root)).manifest.files) == 40


def test_a_class_that_is_a_broken_link_is_an_error(image_folder):
    root = image_folder({"cat": 20, "dog": 20})
    (root / "eel").symlink_to(root / "a disk that is not mounted")
    assert f"{root / 'eel'} is a link to what is not there" in error_of(root)


def test_images_beside_the_splits_are_named(image_folder):
    root = image_folder({"train/cat": 8, "train/dog": 8, "test/cat": 2, "test/dog": 2})
    Image.new("RGB", (32, 32)).save(root / "cover.png")
    (root / "cover.png").rename(root / "cover")  # still an image
    assert ("cover", "in no class folder") in load_dataset(str(root)).manifest.left_out


def test_one_class_in_two_spellings_is_noted(image_folder):
    root = image_folder({"cat": 20, "Cat": 20, "caf\u00e9": 20, "cafe\u0301": 20})
    notes = load_dataset(str(root)).manifest.notes
    assert "classes of nearly one name: Cat, cat" in notes
    assert "classes of nearly one name: cafe\u0301, caf\u00e9" in notes


def test_dark_images_of_16_bits_are_noted(image_folder):
    root = image_folder({"cat": 20, "dog": 20}, mode="L")
    Image.fromarray(np.full((32, 32), 200, np.uint16)).save(root / "cat" / "dark.png")
    notes = load_dataset(str(root)).manifest.notes
    assert "1 image scaled from 8 bits, as their largest values suggest: cat/dark.png" in notes


def test_changes_of_a_folder_are_named(image_folder):
    root = image_folder({"train/cat": 8, "train/dog": 8, "test/cat": 2, "test/dog": 2})
    before = load_dataset(str(root)).manifest
    assert before.changes(before) == ""
    (root / "train" / "cat" / "0.png").unlink()
    Image.new("RGB", (32, 32)).save(root / "train" / "dog" / "1.png")
    (root / "train" / "cat" / "5.png").rename(root / "test" / "cat" / "5.png")
    now = load_dataset(str(root)).manifest
    assert before.changes(now) == (
        "1 image added: test/cat/5.png; 2 images removed: train/cat/0.png, train/cat/5.png; "
        "1 image changed: train/dog/1.png"
    )
    assert before.trained_on(file.digest for file in now.of("test")) == 1


def test_equal_images_in_two_splits_and_classes_are_noted(image_folder):
    root = image_folder({"train/cat": 8, "train/dog": 8, "test/cat": 2, "test/dog": 2})
    (root / "test" / "cat" / "again.png").write_bytes((root / "train" / "dog" / "3.png").read_bytes())
    notes = " ".join(load_dataset(str(root), validation=0).manifest.notes)
    assert "in two splits, the same content: test/cat/again.png = train/dog/3.png" in notes
    assert "in two classes, the same content" in notes


def test_a_class_folder_instead_of_the_folder_of_all(image_folder):
    root = image_folder({"leaves/healthy": 5, "leaves/ill": 5})
    assert f"name the folder that holds them all, {root / 'leaves'}" in error_of(root / "leaves" / "healthy")


def test_a_folder_that_is_nearly_named(image_folder, monkeypatch):
    monkeypatch.chdir(image_folder({"leaves/healthy": 5, "leaves/ill": 5}))
    assert "did you mean the folder 'leaves'?" in error_of("leafs")
    assert "did you mean the folder 'leaves/healthy'?" in error_of("leaves/health")


def test_test_images_beside_the_classes(image_folder):
    root = image_folder({"cat": 5, "dog": 5, "test/cat": 2, "test/dog": 2})
    assert "has test images in 'test', but no folder 'train'" in error_of(root)


def test_splits_without_classes_are_no_classes(image_folder):
    root = image_folder({"train": 5, "test": 5})
    assert f"the images in {root / 'train'} are in no class folder" in error_of(root)


def test_a_folder_within_the_folder(image_folder):
    root = image_folder({"photos/cat": 5, "photos/dog": 5})
    assert "has one class, 'photos': at least two are needed as <class>/<image>" in error_of(root)
    assert f"if the classes are those in {root / 'photos'}, name that folder" in error_of(root)


def test_two_folders_of_one_split(image_folder):
    root = image_folder({"train/cat": 5, "train/dog": 5, "val/cat": 2, "valid/dog": 2})
    assert "two folders of validation images, 'val' and 'valid'" in error_of(root)


def test_labels_follow_the_names_of_a_network(image_folder, request):
    root = image_folder({"train/dog": 8, "train/cat": 8, "test/dog": 3, "test/cat": 1})
    for _ in range(2):
        dataset = load_dataset(str(root)).for_classes(("ant", "dog", "cat"))
        np.testing.assert_array_equal(np.bincount(dataset.test.take(9)[1]), [0, 3, 1])
        assert {int(label) for _, labels in dataset.test.batches(4, dataset.normalisation) for label in labels} == {
            1,
            2,
        }
        request.getfixturevalue("streaming")
    twice = load_dataset(str(root)).for_classes(("cat", "dog", "dog"))  # the first is the one that was trained
    np.testing.assert_array_equal(np.bincount(twice.test.take(9)[1]), [1, 3])
    with pytest.raises(HybridTFError, match="classes that the network does not know: cat; it knows ant, dog"):
        load_dataset(str(root)).for_classes(("ant", "dog"))


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


def test_a_share_that_leaves_nothing_is_said(image_folder):
    dataset = load_dataset(str(image_folder(TWO_CLASSES)), validation=0.001)
    assert dataset.validation is None
    assert "no image is held out, by chance, at --validation 0.001" in " ".join(dataset.manifest.notes)
