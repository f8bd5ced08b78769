import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hybrid_tf.compiler import Metadata, convert
from hybrid_tf.compiler.rewrite import add_metadata
from hybrid_tf.deploy.prediction import predict_images
from hybrid_tf.errors import HybridTFError
from hybrid_tf_runtime import classify, images
from tests.support.small_networks import full_precision_network


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Images of several sizes, colours and formats."""
    folder, random = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    pixels = Image.fromarray(random.integers(0, 256, (9, 7, 3), np.uint8)).resize((200, 150), Image.Resampling.BICUBIC)
    turned = Image.Exif()
    turned[0x0112] = 6
    pixels.save(folder / "large.jpg")
    pixels.save(folder / "turned.jpg", exif=turned)
    pixels.convert("L").save(folder / "grey.png")
    pixels.convert("RGBA").save(folder / "transparent.png")
    pixels.resize((12, 12)).convert("P").save(folder / "palette.gif")
    deep = np.asarray(pixels.convert("L")).astype(np.uint16) * 257
    Image.fromarray(deep).save(folder / "deep.png")
    return sorted(folder.iterdir())


@pytest.fixture
def command(monkeypatch, capfd):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["hybrid-tf-classify", *map(str, arguments)])
        try:
            classify.main()
        except SystemExit as stopped:
            return stopped.code, *capfd.readouterr()
        return 0, *capfd.readouterr()

    return run


def json_lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_it_sees_what_hybrid_tf_predict_sees(command, model_file, photos):
    code, out, _ = command(model_file, *photos, "--top", 3, "--json")
    assert code == 0
    found, expected = json_lines(out), list(predict_images(model_file, photos, top=3))
    assert [row["image"] for row in found] == [row["image"] for row in expected]
    for ours, theirs in zip(found, expected, strict=True):
        assert [item["class"] for item in ours["top"]] == [item["class"] for item in theirs["top"]]
        probabilities = [[item["probability"] for item in row["top"]] for row in (ours, theirs)]
        np.testing.assert_allclose(*probabilities, atol=1e-4)


def test_a_line_for_each_image(command, model_file, photos):
    code, out, _ = command(model_file, *photos)
    assert code == 0
    lines = out.splitlines()
    assert [line.partition(": ")[0] for line in lines] == list(map(str, photos))
    assert all(line.endswith(" %") for line in lines)


def test_images_that_cannot_be_read_are_one_line_and_stop_no_other(command, model_file, photos, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(photos[0].read_bytes()[:200])
    wrong = {
        tmp_path / "missing.jpg": "No such file or directory",
        model_file: "is not an image that can be read",
        broken: "is a damaged image",
        tmp_path / "empty": "holds no images",
        tmp_path / "*.gif": "no file matches",
    }
    (tmp_path / "empty").mkdir()
    code, out, error = command(model_file, *wrong, photos[0])
    assert code == 1
    assert [line.partition(": ")[0] for line in out.splitlines()] == [str(photos[0])]
    for line, (path, reason) in zip(error.splitlines(), wrong.items(), strict=True):
        assert line.startswith("error: ")
        assert str(path) in line
        assert reason in line
    code, out, _ = command(model_file, *wrong, photos[0], "--json")
    assert code == 1
    *failed, good = json_lines(out)
    assert [row["image"] for row in failed] == list(map(str, wrong))
    assert all(reason in row["error"] for row, reason in zip(failed, wrong.values(), strict=True))
    assert good["image"] == str(photos[0])


@pytest.fixture
def odd_folder(photos, tmp_path):
    """Names that are not ASCII, not UTF-8 and not printable, a bad file, a text, and a folder below."""
    (tmp_path / "odd" / "below").mkdir(parents=True)
    for name in (b"\xc3\xbcber.jpg", b"m\xfcller.jpg", b"two\nlines.jpg", b"below/\xe7\x8c\xab.jpg"):
        Path(tmp_path / "odd" / os.fsdecode(name)).write_bytes(photos[1].read_bytes())
    (tmp_path / "odd" / "bad.png").touch()
    (tmp_path / "odd" / "notes.txt").touch()
    return tmp_path / "odd"


@pytest.mark.parametrize("options", [[], ["--json"], ["--top", 99], ["--top", 2, "--json"]])
def test_both_commands_print_the_same(command, hybrid_tf, model_file, odd_folder, options):
    ours, theirs = command(model_file, odd_folder, *options), hybrid_tf("predict", model_file, odd_folder, *options)
    assert ours[0] == theirs[0] == 1
    assert "skipped in folders, being no images: 1" in ours[2]
    for (_, out, err), reader in ((ours, "classify"), (theirs, "predict")):
        assert err.count("error: ") == 1, reader
        assert out.isascii() == ("--json" in options)
    if "--json" in options:
        found = json_lines(ours[1]), json_lines(theirs[1])
        assert [row["image"] for row in found[0]] == [row["image"] for row in found[1]]
        assert os.fsencode(str(odd_folder)) + b"/m\xfcller.jpg" in [os.fsencode(row["image"]) for row in found[0]]
        for one, other in zip(*found, strict=True):
            assert one.keys() == other.keys()
            assert [row["class"] for row in one.get("top", ())] == [row["class"] for row in other.get("top", ())]
        return
    numbers = re.compile(r"\d+\.\d\d")  # the engines differ in the last digits
    assert numbers.sub("", ours[1]) == numbers.sub("", theirs[1])
    assert [float(x) for x in numbers.findall(ours[1])] == pytest.approx(
        [float(x) for x in numbers.findall(theirs[1])], abs=0.02
    )
    assert f"{odd_folder}/\N{REPLACEMENT CHARACTER}" not in ours[1]
    assert f"{odd_folder}/m\N{REPLACEMENT CHARACTER}ller.jpg: " in ours[1]
    assert len(ours[1].splitlines()) == 4  # the name of two lines is one


@pytest.mark.slow
@pytest.mark.parametrize("program", ["hybrid_tf predict", "hybrid_tf_runtime.classify"])
def test_a_list_comes_from_a_pipe_and_lines_go_into_one(model_file, odd_folder, photos, program):
    module, *words = program.split()
    code = "import sys; from hybrid_tf_runtime.classify import main; main()"
    start = [sys.executable, *(["-m", module, *words] if words else ["-c", code]), model_file]
    names = b"\n".join([os.fsencode(photos[1])] * 200)
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}  # a terminal without the classes' letters
    done = subprocess.run([*start, "-", "--top", "5"], input=names, capture_output=True, env=environment)
    assert (done.returncode, done.stderr, done.stdout.count(b"\n")) == (0, b"", 200)
    assert rb"a\xe9roplane" in done.stdout
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*start, photos[1]], stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert done.stderr.startswith(b"error: ")
    assert b"No space left on device" in done.stderr
    shell = f"{shlex.join(map(str, start))} - | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shell], input=names, capture_output=True)
    assert (done.returncode, done.stderr, done.stdout.count(b"\n")) == (0, b"", 1)


def test_swapped_arguments_are_named(command, model_file, photos):
    code, out, _ = command(photos[0], model_file)
    assert code == (
        f"error: {photos[0]} is no network: the first argument is the .tflite file; did you mean "
        f"`hybrid-tf-classify {model_file} {photos[0]}`?"
    )
    assert out == ""


def test_without_pillow_the_message_names_it(command, model_file, photos, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    code, _, _ = command(model_file, *photos)
    assert code == "error: reading images needs Pillow: pip install pillow"


def test_files_that_are_no_classifiers_are_refused(command, photos, tmp_path):
    bare, wrong = tmp_path / "bare.tflite", tmp_path / "wrong.tflite"
    model = full_precision_network()
    convert(model, bare, Metadata())
    code, _, _ = command(bare, photos[0])
    assert "does not say which classes" in code
    assert "convert it with class names" in code
    about = Metadata(("cat", "dog"), (0.0,) * 3, (1.0,) * 3, (12, 12, 3))
    with pytest.raises(HybridTFError, match="the metadata names 2 classes, but the model has 5 scores"):
        convert(model, wrong, about)
    wrong.write_bytes(
        add_metadata(bare.read_bytes().replace(b"hybrid_tf", b"other____"), "hybrid_tf", about.to_json().encode())
    )
    code, _, _ = command(wrong, photos[0])
    assert "to a score for each of its 2 classes" in code


def test_a_wrong_argument_is_explained(command, model_file, photos):
    code, _, error = command(model_file, photos[0], "--top", "0")
    assert code == 2
    assert "argument --top: invalid whole number from 1 value: '0'" in error


def test_images_are_read_as_in_training(photos):
    from hybrid_tf.data import load_image

    for photo in photos:
        for shape in ((12, 12, 3), (40, 24, 1), (300, 300, 3)):
            np.testing.assert_array_equal(images.load_image(photo, shape), load_image(photo, shape))
