"""The trained networks that are shipped give what their cards say."""

import subprocess
import sys
from pathlib import Path

import pytest

from hybrid_tf import HybridTFError, load_pretrained
from hybrid_tf.compiler import read_metadata
from hybrid_tf.config import Config
from hybrid_tf.data import fashion_mnist_debian
from hybrid_tf.deploy.evaluation import evaluate_file
from hybrid_tf.pretrained import pretrained_names
from hybrid_tf.system.files import read_json
from hybrid_tf.training.session import train
from hybrid_tf.training.settings import complete_config
from tests.support.extent import some

MOST_BYTES = 15e6
EVALUATED = ("resnet20-full_precision", "resnet20-residual-taught", "vgg11-residual-taught")  # on all test images
PUBLISH = str(Path(__file__).parents[2] / "recipes" / "publish.py")


@pytest.mark.slow
@pytest.mark.sweep
@pytest.mark.skipif(not fashion_mnist_debian.installed(), reason=f"needs: {fashion_mnist_debian.HINT}")
@pytest.mark.parametrize("name", some(pretrained_names(), EVALUATED))
def test_a_file_reproduces_its_card(name):
    """In the runtime; `hybrid-tf evaluate` does the same with LCE's interpreter."""
    folder = load_pretrained(name).folder
    card = read_json(folder / "card.json")
    for file in sorted(folder.glob("*.tflite")):
        found = evaluate_file(file, engine="runtime")
        assert found.images == 10000
        assert found.accuracy == card[file.name]["runtime"], file.name
    text = (folder / "README.md").read_text()
    assert f"{100 * card['keras']:.2f} %" in text


@pytest.mark.slow
@pytest.mark.parametrize("name", pretrained_names())
def test_weights_load(name):
    run = load_pretrained(name)
    assert run.load_model().output_shape == (None, 10)
    assert abs(run.report.test_accuracy - read_json(run.folder / "card.json")["keras"]) < 0.002


def test_an_unknown_name_is_refused():
    with pytest.raises(HybridTFError, match="did you mean 'resnet20-full_precision'"):
        load_pretrained("resnet20-full-precision")


def test_they_are_small():
    folder = Path(load_pretrained(pretrained_names()[0]).folder).parent
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < MOST_BYTES


@pytest.mark.slow
def test_the_int8_file_can_be_that_of_a_fine_tuning(tmp_path):
    run, tuned = tmp_path / "run", tmp_path / "tuned"
    train(Config(network="vgg11", head="compact", width=0.125, epochs=1), run)
    train(complete_config({"resume_from": str(run), "int8_aware": True, "epochs": 1}), tuned)

    def publish(*arguments):
        command = [sys.executable, PUBLISH, *map(str, arguments), "--into", str(tmp_path)]
        return subprocess.run(command, capture_output=True, text=True)

    refused = publish(run, "small", "--int8-run", run)
    assert f"{run} is no int8-aware fine-tuning of {run}: make one with" in refused.stderr
    assert not (tmp_path / "small").exists()
    done = publish(run, "small", "--int8-run", tuned)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "small" / "README.md").read_text()
    assert (
        "- command: `hybrid-tf train --network vgg11 --epochs 1 --batch-size 64 --width 0.125 --head compact`\n" in text
    )
    assert f"fine-tuned by `hybrid-tf train --resume-from {run} --epochs 1 --int8-aware`\n" in text
    file = tmp_path / "small" / "model.int8.tflite"
    ranges = {name: tuple(low_high) for name, low_high in read_json(tuned / "int8.json")["ranges"].items()}
    found = read_metadata(file).int8.ranges
    assert found.keys() == ranges.keys()
    for point, (low, high) in ranges.items():
        assert found[point] == pytest.approx((low, high), abs=0.51 * (high - low) / 255)
    found = evaluate_file(file, engine="runtime")
    assert found.accuracy == read_json(tmp_path / "small" / "card.json")[file.name]["runtime"]
