"""The trained networks that are shipped give what their cards say."""

from pathlib import Path

import pytest

from hybrid_tf import HybridTFError, load_pretrained
from hybrid_tf.data import fashion_mnist_debian
from hybrid_tf.deploy import evaluate_file
from hybrid_tf.files import read_json
from hybrid_tf.pretrained import pretrained_names

MOST_BYTES = 15e6


@pytest.mark.skipif(not fashion_mnist_debian.installed(), reason=f"needs: {fashion_mnist_debian.HINT}")
@pytest.mark.parametrize("name", pretrained_names())
def test_a_file_reproduces_its_card(name):
    """In the runtime; `hybrid-tf evaluate` does the same with LCE's interpreter."""
    folder = load_pretrained(name).folder
    card = read_json(folder / "card.json")
    for file in sorted(folder.glob("*.tflite")):
        found = evaluate_file(file, engine="runtime")
        assert found["images"] == 10000
        assert found["accuracy"] == card[file.name]["runtime"], file.name
    text = (folder / "README.md").read_text()
    assert f"{100 * card['keras']:.2f} %" in text


@pytest.mark.parametrize("name", pretrained_names())
def test_weights_load(name):
    run = load_pretrained(name)
    assert run.load_model().output_shape == (None, 10)
    assert abs(run.report["test_accuracy"] - read_json(run.folder / "card.json")["keras"]) < 0.002


def test_an_unknown_name_is_refused():
    with pytest.raises(HybridTFError, match="did you mean 'resnet20-full_precision'"):
        load_pretrained("resnet20-full-precision")


def test_they_are_small():
    folder = Path(load_pretrained(pretrained_names()[0]).folder).parent
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < MOST_BYTES
