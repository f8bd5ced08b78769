"""A folder of photos from the first look to the converted file: classes by name, images by content, nothing silent."""

import csv
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from hybrid_tf.data import load_image
from hybrid_tf.data.scan import scan_folder
from hybrid_tf.runs.run import load_run
from tests.support.shared import made_once

TRAIN = ["train", "--network", "resnet20", "--width", "0.25", "--epochs", "1", "--batch-size", "16", "--seed", "1"]


def write_photos(root, classes, count=20, first=0):
    """Writes images of 28x28 pixels: a colour for each class and noise, other images for every `first`."""
    for name in classes:
        random = np.random.default_rng([first, *name.encode()])
        (root / name).mkdir(parents=True, exist_ok=True)
        colour = np.random.default_rng(list(name.encode())).integers(0, 200, 3)
        for number in range(count):
            pixels = colour + random.integers(0, 56, (28, 28, 3))
            Image.fromarray(pixels.astype(np.uint8)).save(root / name / f"{first + number}.png")


@pytest.fixture(scope="module")
def photos_and_run(tmp_path_factory):
    """The folder `photos`, and `run`, trained there as a user types it."""

    def make(folder):
        import subprocess
        import sys

        write_photos(folder / "photos", ("bee", "cat", "dog"))
        (folder / "photos" / "cat" / "page.jpg").write_text("<html>not found</html>")
        command = [
            sys.executable,
            "-m",
            "hybrid_tf",
            *TRAIN,
            "--dataset",
            "photos",
            "--skip-unreadable",
            "--out",
            "run",
        ]
        done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
        (folder / "said.txt").write_text(done.stderr)

    return made_once(tmp_path_factory, "photos-run", make)


@pytest.fixture
def photos(photos_and_run, tmp_path):
    """A copy of the photos and of their run, beside each other; the run names the first photos."""
    shutil.copytree(photos_and_run, tmp_path / "copy")
    return tmp_path / "copy"


def answers_by_name(run, folder):
    """Returns the accuracy on a folder with test/<class>, by the network's answers for each file."""
    model = run.load_model()
    right = []
    for path in sorted((folder / "test").glob("*/*.png")):
        image = run.normalisation.apply(load_image(path, run.image_shape))[None]
        right.append(run.class_names[int(np.argmax(model(image)))] == path.parent.name)
    return sum(right) / len(right)


@pytest.mark.slow
def test_classes_are_matched_by_name(hybrid_tf, photos_and_run, photos, tmp_path):
    run = load_run(photos / "run")
    pets = tmp_path / "pets"
    for split, first in (("train", 100), ("test", 200)):
        write_photos(pets / split, ("cat", "dog"), 12, first)
    expected = answers_by_name(run, pets)
    code, out, _ = hybrid_tf("evaluate", run.folder, "--dataset", pets, "--json")
    assert code == 0
    assert json.loads(out)["accuracy"] == pytest.approx(expected)
    assert json.loads(out)["images"] == 24
    assert hybrid_tf("convert", run.folder, "--dataset", pets)[0] == 0
    for engine in ("lce", "runtime"):
        _, out, _ = hybrid_tf("evaluate", run.folder / "model.tflite", "--dataset", pets, "--engine", engine, "--json")
        assert json.loads(out)["accuracy"] == pytest.approx(expected)
    # What lies in a folder now does not change what the network was trained with.
    assert run.load_dataset(str(pets)).normalisation == run.normalisation
    elsewhere = tmp_path / "elsewhere"  # with a table of that name, which no training wrote
    elsewhere.mkdir()
    shutil.copy(run.folder / "model.tflite", elsewhere)
    (elsewhere / "images.csv").write_text("image,label\n")
    code, out, _ = hybrid_tf("evaluate", elsewhere / "model.tflite", "--dataset", pets, "--json")
    assert (code, json.loads(out)["accuracy"]) == (0, pytest.approx(expected))
    write_photos(pets / "train", ("eel",), 4)
    for arguments in (
        ["evaluate", run.folder],
        ["evaluate", run.folder / "model.tflite"],
        ["verify", run.folder],
        ["convert", run.folder],
    ):
        code, _, err = hybrid_tf(*arguments, "--dataset", pets)
        assert code == 1
        assert "classes that the network does not know: eel; it knows bee, cat, dog" in err


@pytest.mark.slow
def test_a_run_finds_its_photos_from_anywhere_and_where_they_were_moved(hybrid_tf, photos_and_run, photos, monkeypatch):
    monkeypatch.chdir(photos / "run")
    assert hybrid_tf("evaluate", photos / "run")[0] == 0
    run = load_run(photos / "run")
    assert run.config.dataset == str(photos_and_run / "photos")
    moved = run.config.with_changes(dataset=str(photos / "gone" / "photos"))
    config = json.loads((run.folder / "config.json").read_text())
    (run.folder / "config.json").write_text(json.dumps(config | {"settings": moved.to_dict()}))
    code, _, err = hybrid_tf("convert", run.folder)
    assert code == 1
    assert f"there is no folder {photos / 'gone' / 'photos'}" in err and "--dataset names it" in err
    assert not (run.folder / "model.tflite").exists()
    code, _, err = hybrid_tf("convert", run.folder, "--dataset", photos / "photos")
    assert code == 0 and "warning" not in err
    assert "10 images of 60 are to test on, chosen by their content" in err


@pytest.mark.slow
def test_the_run_knows_what_it_was_trained_on(hybrid_tf, photos, tmp_path):
    run = load_run(photos / "run")
    with (run.folder / "images.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    trained = [row["path"] for row in rows if row["split"] == "train"]
    assert [(row["path"], row["reason"]) for row in rows if row["split"] == "left out"] == [
        ("cat/page.jpg", "is an HTML page, not an image")
    ]
    assert len(rows) == 61
    other = tmp_path / "other"
    write_photos(other / "train", ("bee", "cat", "dog"), 4, 300)
    write_photos(other / "test", ("bee", "cat", "dog"), 3, 400)
    for path in trained[:5]:
        shutil.copy(photos / "photos" / path, other / "test" / path.split("/")[0] / f"seen{path.split('/')[1]}")
    code, _, err = hybrid_tf("evaluate", run.folder, "--dataset", other)
    assert code == 0
    assert "5 of the 14 images to test on were trained on" in err


@pytest.mark.slow
def test_a_changed_folder_is_noticed(hybrid_tf, photos):
    run = load_run(photos / "run")
    config = json.loads((run.folder / "config.json").read_text())
    config["settings"]["dataset"] = str(photos / "photos")
    (run.folder / "config.json").write_text(json.dumps(config))
    code, _, err = hybrid_tf("evaluate", run.folder)
    assert (code, err) == (0, "")
    (photos / "photos" / "dog" / "0.png").unlink()
    write_photos(photos / "photos", ("dog",), 2, 500)
    code, _, err = hybrid_tf("evaluate", run.folder)
    assert code == 0
    assert "2 images added: dog/500.png, dog/501.png; 1 image removed: dog/0.png" in err
    (run.folder / "report.json").unlink()
    arguments = [*TRAIN, "--dataset", photos / "photos", "--skip-unreadable", "--out", run.folder, "--resume"]
    code, _, err = hybrid_tf(*arguments)
    assert code == 1
    assert "2 images added: dog/500.png, dog/501.png; 1 image removed: dog/0.png: restore it" in err


@pytest.mark.slow
def test_a_report_notices_changed_test_images(hybrid_tf, photos, tmp_path):
    run = load_run(photos / "run")
    config = json.loads((run.folder / "config.json").read_text())
    config["settings"]["dataset"] = str(photos / "photos")
    (run.folder / "config.json").write_text(json.dumps(config))
    tested = [file.path for file in run.manifest.of("test")]
    command = ("report", run.folder, "-o", tmp_path / "page.html", "--json")

    def evaluated():
        code, out, err = hybrid_tf(*command)
        assert code == 0, err
        found = json.loads(out)["runs"][0]["evaluation"]
        return found["images"], [row["images"] for row in found["classes"]], err

    images, classes, err = evaluated()
    assert images == len(tested) == 10 and "evaluating" in err
    assert evaluated() == (images, classes, "")
    # As many test images as before, one of which is another: a test image goes, one of another class comes.
    gone = photos / "photos" / tested[0]
    for number in range(600, 700):
        write_photos(photos / "photos", ("dog" if tested[0].startswith("bee") else "bee",), 1, number)
    known = {file.path for file in run.manifest.files}
    manifest = scan_folder(photos / "photos", validation=0, seed=0, skip_unreadable=True)
    new = [file for file in manifest.files if file.path not in known]
    come = next(file.path for file in new if file.split == "test")
    for file in new:
        if file.path != come:
            (photos / "photos" / file.path).unlink()
    content = gone.read_bytes()
    gone.unlink()
    changed, others, err = evaluated()
    assert (changed, others != classes) == (images, True)
    assert "evaluating" in err
    assert f"of which now are 1 image added: {come}; 1 image removed: {tested[0]}" in err
    assert "evaluating" not in evaluated()[2]
    gone.write_bytes(content)
    (photos / "photos" / come).unlink()
    assert evaluated()[:2] == (images, classes)
    (photos / "photos").rename(photos / "elsewhere")
    assert evaluated()[:2] == (images, classes)
    assert f"there is no folder {photos / 'photos'} any more" in hybrid_tf(*command)[2]


@pytest.mark.slow
def test_a_training_says_how_the_folder_is_understood(photos_and_run):
    said = (photos_and_run / "said.txt").read_text()
    assert "photos, 3 classes (bee, cat, dog); images: " in said
    assert "28x28x3 (as the data set is, --input-size changes it)" in said
    assert "note: left out: is an HTML page, not an image (1): cat/page.jpg" in said
    assert "note: 10 images of 60 are to test on" in said


def test_the_data_report(hybrid_tf, tmp_path):
    photos = tmp_path / "photos"
    write_photos(photos, ("bee",), 60)
    write_photos(photos, ("cat",), 12)
    (photos / "bee" / "page.jpg").write_text("<html>")
    (photos / "cat" / "again.png").write_bytes((photos / "cat" / "3.png").read_bytes())
    code, out, _ = hybrid_tf("data", photos, "--contact-sheet", tmp_path / "sheet.png", "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["images"], found["image_shape"], found["modes"]) == (73, [28, 28, 3], {"RGB": 73})
    assert sum(found["classes"]["bee"].values()) == 60
    assert found["left_out"] == [{"path": "bee/page.jpg", "reason": "is an HTML page, not an image"}]
    assert found["equal"] == [["cat/3.png", "cat/again.png"]]
    assert any(note.startswith("uneven classes: ") for note in found["notes"])
    assert Image.open(tmp_path / "sheet.png").size[1] == 2 * 98
    _, out, _ = hybrid_tf("data", photos)
    assert "is an HTML page, not an image" in out and "bee/page.jpg" in out and "uneven classes" in out
    code, _, err = hybrid_tf("data", tmp_path / "absent")
    assert code == 1 and "there is no folder" in err


def test_what_stops_a_training_is_in_the_data_report(hybrid_tf, tmp_path):
    photos = tmp_path / "photos"
    write_photos(photos, ("bee", "cat"), 20)
    write_photos(photos, ("one",), 1)
    (photos / "eel").mkdir()
    code, out, _ = hybrid_tf("data", photos, "--json")
    found = json.loads(out)
    assert (code, found["images"]) == (0, 41)
    assert found["notes"][:2] == [
        f"a training stops: class '{name}' in {photos} has {count} images: at least 2 are needed; add or remove"
        for name, count in (("eel", 0), ("one", 1))
    ]
    assert f"note: {found['notes'][0]}" in hybrid_tf("data", photos)[1].splitlines()
    code, _, err = hybrid_tf("train", "--dataset", photos, "--out", tmp_path / "run")
    assert (code, (tmp_path / "run").exists()) == (1, False)
    assert f"error: class 'eel' in {photos} has 0 images: at least 2 are needed; add or remove" in err
    shutil.rmtree(photos / "cat")
    shutil.rmtree(photos / "one")
    shutil.rmtree(photos / "eel")
    _, out, _ = hybrid_tf("data", photos, "--json")
    assert f"a training stops: {photos} has one class, 'bee'" in json.loads(out)["notes"][0]
    shutil.rmtree(photos / "bee")
    code, _, err = hybrid_tf("data", photos)
    assert code == 1 and f"there are no images in {photos}" in err


def test_the_most_frequent_sizes_and_how_many_others(hybrid_tf, tmp_path):
    for number in range(30):
        (tmp_path / "ab"[number % 2]).mkdir(exist_ok=True)
        width = 10 + min(number, 7)
        pixels = np.random.default_rng(number).integers(0, 256, (8, width), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "ab"[number % 2] / f"{number}.png")
    sizes = json.loads(hybrid_tf("data", tmp_path, "--json")[1])["sizes"]
    assert sizes == {"17x8": 23, **{f"{width}x8": 1 for width in range(10, 17)}}
    out = " ".join(hybrid_tf("data", tmp_path)[1].replace("\N{BOX DRAWINGS LIGHT VERTICAL}", " ").split())
    assert out.count("x8 (1)") == 4
    assert "17x8 (23), " in out and " and 3 others (3)" in out


def test_the_contact_sheet_has_the_background_of_the_training(hybrid_tf, tmp_path):
    for number in range(10):
        path = tmp_path / "photos" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGBA", (16 + number, 16), (0, 0, 0, 0)).save(path)
    sheet = tmp_path / "sheet.png"
    for options, colour in (((), (255, 255, 255)), (("--background", "#804020"), (128, 64, 32))):
        assert hybrid_tf("data", tmp_path / "photos", "--contact-sheet", sheet, *options)[0] == 0
        assert Image.open(sheet).getpixel((200 + 48, 48)) == colour  # in the first image, behind the names
    code, _, err = hybrid_tf("data", tmp_path / "photos", "--background", "chequered")
    assert code == 1 and "background 'chequered' is no colour" in err
