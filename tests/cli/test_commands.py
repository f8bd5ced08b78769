"""The command line as users meet it: results on standard output, one line for a mistake, nothing half-written."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hybrid_tf.pretrained import pretrained_names
from tests.support.shared import made_once

REPOSITORY = Path(__file__).parents[2]
SMOKE = ["--network", "resnet20", "--width", "0.25", "--smoke"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run folder with its file, made by the real program."""

    def make(folder):
        for arguments in (["train", *SMOKE, "--out", folder / "run", "--json"], ["convert", folder / "run"]):
            subprocess.run([sys.executable, "-m", "hybrid_tf", *map(str, arguments)], check=True, capture_output=True)

    return made_once(tmp_path_factory, "command-line-run", make) / "run"


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp("images") / "picture.png"
    Image.fromarray(np.arange(48 * 40, dtype=np.uint8).reshape(48, 40)).save(path)
    return path


def test_help_needs_no_tensorflow_and_shows_an_example():
    code = "import sys; sys.argv[1:] = ['train', '--help']; from hybrid_tf.cli import main\ntry: main()\n"
    code += "except SystemExit: assert 'tensorflow' not in sys.modules"
    text = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "Examples: hybrid-tf train" in text
    assert "--weight-decay" in text


def test_models(hybrid_tf):
    code, out, _ = hybrid_tf("models", "--json")
    found = {row["name"]: row["stages"] for row in json.loads(out)["networks"]}
    assert code == 0
    assert found["resnet20"] == ["1", "2", "3"]
    assert found["vgg19"] == ["1", "2", "3", "4", "5", "head"]


def test_models_have_what_was_measured_of_the_trained_networks(hybrid_tf):
    _, out, _ = hybrid_tf("models", "--json")
    trained = json.loads(out)["trained"]
    assert {row["name"] for row in trained["files"]} == set(pretrained_names())
    (row,) = [
        row for row in trained["files"] if (row["name"], row["file"]) == ("vgg11-residual-taught", "model.int8.tflite")
    ]
    assert (row["bytes"], row["accuracy"], row["weights"]["binary"]) == (230_752, 0.9226, 1_296_000)
    _, text, _ = hybrid_tf("models")
    lines = text.splitlines()
    assert any("resnet110" in line for line in lines)
    size, speed = (
        [cell.strip() for cell in line.strip("│ ").split("│")]
        for line in lines
        if "vgg11-residual-taught" in line and " int8 " in line
    )
    assert size[2:] == ["92.26 %", "1,322,328", "98 %", "230,752", "26,656"]
    assert speed[2] == f"{row['ms']['hybrid-tf-runtime']:.3f}"
    assert speed[-1] == f"{row['instructions']['cortex-a76'] / 1e6:.2f}"
    assert trained["times"]["date"] in text and trained["times"]["processor"] in text


@pytest.mark.slow
def test_summary(hybrid_tf, run):
    code, out, _ = hybrid_tf("summary", "vgg19", "--plan", "residual", "--classes", "100", "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["weights"]["full_precision"], found["weights"]["binary"]) == (583_360, 38_891_520)
    assert round(found["compression"], 2) == 21.85
    assert len(found["layers"]) == 22
    _, out, _ = hybrid_tf("summary", run)
    assert "stage3_block3_conv2" in out
    assert "compression" in out


@pytest.mark.slow
def test_a_run_is_evaluated_converted_verified_and_used(hybrid_tf, run, picture, tmp_path):
    file = run / "model.tflite"
    _, keras, _ = hybrid_tf("evaluate", run, "--json")
    _, lce, _ = hybrid_tf("evaluate", file, "--json")
    _, ours, _ = hybrid_tf("evaluate", file, "--engine", "runtime", "--json")
    assert json.loads(keras)["engine"] == "Keras"
    assert {json.loads(text)["engine"] for text in (lce, ours)} == {"lce", "runtime"}
    assert json.loads(lce)["accuracy"] == json.loads(ours)["accuracy"]
    assert hybrid_tf("evaluate", run, "--engine", "runtime")[0] == 2
    assert json.loads(lce)["images"] == 360  # all test images: the file does not know that its run was a smoke run

    code, out, _ = hybrid_tf("verify", run, file, "--samples", "20", "--json")
    assert code == 0
    assert json.loads(out)["passed"] is True
    assert json.loads(out)["images"] == 20

    _, by_run, _ = hybrid_tf("predict", run, picture, "--top", "3", "--json")
    _, by_file, _ = hybrid_tf("predict", file, picture, "--top", "3", "--json")
    classes = [[guess["class"] for guess in json.loads(text)["top"]] for text in (by_run, by_file)]
    assert classes[0] == classes[1]
    assert len(classes[0]) == 3

    other = tmp_path / "other.tflite"
    code, out, _ = hybrid_tf("convert", run, "-o", other, "--samples", "8", "--json")
    assert code == 0
    assert json.loads(out)["conversion"]["bytes"] == other.stat().st_size
    assert other.stat().st_size == file.stat().st_size


@pytest.mark.slow
def test_a_keras_model_is_converted(hybrid_tf, run, tmp_path):
    from hybrid_tf.runs.run import load_run

    path = tmp_path / "mine.keras"
    load_run(run).load_model().save(path)
    (mean,), (std,) = load_run(run).normalisation.mean, load_run(run).normalisation.std
    code, out, _ = hybrid_tf(
        "convert", path, "--dataset", "digits", "--samples", "16", "--mean", repr(mean), "--std", repr(std)
    )
    assert code == 0
    assert "verified" in out
    assert "16 test images of digits" in out
    # Without --dataset it is noise, which the table and the JSON say; of pixels where the file says what they become.
    for command, noise in (
        (["verify", path], "random pixels"),
        (["convert", path, "-o", tmp_path / "n.tflite"], "normal noise"),
    ):
        code, out, _ = hybrid_tf(*command, "--samples", "8")
        assert code == 0
        assert f"8 inputs of {noise}, no images" in out
    _, out, _ = hybrid_tf("verify", path, "--samples", "8", "--json")
    assert "random pixels" in json.loads(out)["inputs"]
    code, out, _ = hybrid_tf("evaluate", path.with_suffix(".tflite"))
    assert code == 0
    assert "digits" in out


@pytest.mark.slow
def test_a_file_of_other_weights_is_not_verified(hybrid_tf, run, tmp_path):
    from hybrid_tf.compiler import convert
    from hybrid_tf.runs.run import load_run

    convert(load_run(run).spec.build(), tmp_path / "fresh.tflite")
    code, _, err = hybrid_tf("verify", run, tmp_path / "fresh.tflite")
    assert code == 1
    assert "the file was made from other weights" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "unknown command 'trian': did you mean 'train'"),
        (["train", "--weight-decy", "3"], "Did you mean '--weight-decay'"),
        (["train", "--epochs", "many"], "'many' is not a valid integer"),
        (["train", "--network", "vgg91"], "unknown network 'vgg91': did you mean 'vgg19'"),
        (["train", "--network", "resnet21"], "did you mean 'resnet20'"),
        (["summary", "resnet50"], "did you mean 'resnet56'"),
        (["energy", "resnet101"], "did you mean 'resnet110'"),
        (["summary", "no/run"], "cannot read no/run: no such file or folder; expected a run folder or the name of"),
        (["train", "--plan", "residul"], "did you mean 'residual'"),
        (["train", "--plan", "sections=4"], "unknown stage '4': valid: 1, 2, 3"),
        (["train", "--plan", "xnor", "--plan", "residual"], "--plan can be given once"),
        (["train", "--dataset", "cifar11"], "unknown data set 'cifar11': did you mean 'cifar10'"),
        (["train", "--dataset", "no/such/folder"], "there is no folder no/such/folder"),
        (["train", "--optimizer", "adma"], "unknown optimizer 'adma': did you mean 'adam'"),
        (["train", "--head", "compact"], "unknown head of resnet20 'compact'"),
        (["train", "--input-size", "20"], "at least 28x28, got 20x20"),
        (["summary", "resnet20", "--plan", "keep=stem"], "does not say what is binary"),
        (["evaluate", "nothing"], "nothing"),
        (["convert", "nothing.keras"], "no such file"),
        (["predict", "nothing.tflite", "picture.png"], "cannot read nothing.tflite"),
    ],
)
def test_a_mistake_is_one_clear_line(hybrid_tf, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = hybrid_tf(*arguments)
    assert code in (1, 2)
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_class_with_one_image(hybrid_tf, tmp_path):
    for name, count in (("cat", 3), ("dog", 1)):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (32, 32)).save(tmp_path / "images" / name / f"{number}.png")
    code, _, err = hybrid_tf("train", "--dataset", tmp_path / "images", "--out", tmp_path / "run")
    assert code == 1
    assert "dog" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("command", [["evaluate"], ["verify"], ["convert"], ["predict"]])
def test_truncated_weights(hybrid_tf, run, picture, tmp_path, command):
    for name in ("config.json", "report.json"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    content = (run / "best.weights.h5").read_bytes()
    (tmp_path / "best.weights.h5").write_bytes(content[: len(content) // 2])
    others = {"predict": [picture], "verify": [run / "model.tflite"]}.get(command[0], [])
    code, out, err = hybrid_tf(*command, tmp_path, *others)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "best.weights.h5 is damaged" in err
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "report.json", "best.weights.h5"}


@pytest.mark.slow
@pytest.mark.parametrize("kept", [0, 0.5, 0.95])
def test_a_file_cut_off(hybrid_tf, run, picture, tmp_path, kept):
    content = (run / "model.tflite").read_bytes()
    cut = tmp_path / "cut.tflite"
    cut.write_bytes(content[: int(kept * len(content))])
    for arguments in (["evaluate", cut], ["verify", run, cut], ["predict", cut, picture]):
        code, out, err = hybrid_tf(*arguments)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert "is cut off or damaged" in err or "is empty" in err


@pytest.mark.slow
def test_images_of_another_size(hybrid_tf, run, picture):
    from hybrid_tf.compiler import verify
    from hybrid_tf.errors import HybridTFError
    from hybrid_tf.runs.run import load_run

    with pytest.raises(HybridTFError, match=r"takes float32 images of shape \(N, 32, 32, 1\), got \(2, 28, 28, 1\)"):
        verify(load_run(run).load_model(), run / "model.tflite", np.zeros((2, 28, 28, 1), np.float32))
    code, _, _ = hybrid_tf("predict", run / "model.tflite", picture)  # 48x40: resized as in training
    assert code == 0


@pytest.mark.slow
def test_an_image_that_is_none(hybrid_tf, run, tmp_path):
    (tmp_path / "text.png").write_text("not an image")
    code, _, err = hybrid_tf("predict", run, tmp_path / "text.png")
    assert code == 1
    assert "text.png" in err


def test_a_folder_that_cannot_be_written(hybrid_tf, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = hybrid_tf("train", *SMOKE, "--out", tmp_path / "file" / "run")
    assert code == 1
    assert "cannot write" in err


@pytest.mark.slow
def test_runs_are_numbered_and_resumed_by_name(hybrid_tf, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert hybrid_tf("train", *SMOKE)[0] == 0
    names = ["resnet20-residual-digits", "resnet20-residual-digits-2"]
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == names
    _, out, _ = hybrid_tf("train", *SMOKE, "--resume", "--json")
    assert Path(json.loads(out)["run"]) == Path("runs") / names[1]


@pytest.mark.slow
def test_a_folder_of_images_is_trained_on(hybrid_tf, tmp_path):
    random = np.random.default_rng(0)
    for name in ("bright", "dark"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(20):
            pixels = random.integers(0, 100, (40, 36, 3)) + (150 if name == "bright" else 0)
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "images" / name / f"{number}.png")
    out = tmp_path / "run"
    arguments = ["--dataset", tmp_path / "images", "--input-size", "32", "--batch-size", "8", "--epochs", "4"]
    code, _, err = hybrid_tf("train", "--network", "resnet20", "--width", "0.25", *arguments, "--out", out)
    assert code == 0, err
    assert hybrid_tf("convert", out)[0] == 0
    pictures = [tmp_path / "images" / name / f"{number}.png" for name in ("bright", "dark") for number in range(5)]
    _, text, _ = hybrid_tf("predict", out / "model.tflite", *pictures, "--json")
    assert [row["top"][0]["class"] for row in map(json.loads, text.splitlines())] == 5 * ["bright"] + 5 * ["dark"]
