"""Evaluations as run folders keep them; the files may come from anywhere."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from hybrid_tf.data import Normalisation
from hybrid_tf.deploy.kept_evaluation import _kept
from hybrid_tf.deploy.tally import Tally

OF = {"sha256": "0"}


@pytest.fixture
def stored():
    """An evaluation, and what its file holds."""
    random = np.random.default_rng(0)
    tally = Tally(("a", "b", "c"), Normalisation((0.0,), (1.0,)))
    tally.add(np.ones((40, 4, 4, 1), np.float32), random.integers(0, 3, 40), random.normal(size=(40, 3)))
    found = tally.evaluation("set", "Keras", [f"photos/{number}.png" for number in range(40)])
    return found, json.loads(json.dumps({"of": OF, "evaluation": asdict(found)}))


def test_it_is_read_as_it_was_written(tmp_path, stored, capsys):
    found, values = stored
    path = tmp_path / "evaluation.json"
    assert _kept(path, OF) is None
    path.write_text(json.dumps(values))
    assert _kept(path, OF) == found
    assert _kept(path, OF | {"sha256": "1"}) is None
    assert _kept(path, OF | {"test_images": "1"}) is None
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "harm",
    [
        lambda values: values.pop("evaluation"),
        lambda values: values["evaluation"].pop("bins"),
        lambda values: values["evaluation"]["bins"].pop(),
        lambda values: values["evaluation"]["bins"][3].update(accuracy=float("nan")),
        lambda values: values["evaluation"]["confusion"].pop(),
        lambda values: values["evaluation"]["confusion"][0].__setitem__(0, -1),
        lambda values: values["evaluation"]["confusion"][0].__setitem__(0, float("inf")),
        lambda values: values["evaluation"].update(class_names=7),
        lambda values: values["evaluation"].update(class_names=["a"]),
        lambda values: values["evaluation"]["mistakes"][0].update(label=3),
        lambda values: values["evaluation"]["mistakes"][0].update(probability="0.5"),
        lambda values: values["evaluation"]["mistakes"][0].update(picture='"><script>'),
        lambda values: values["evaluation"]["mistakes"][0].update(picture="AAAA"),
        lambda values: values.update(evaluation=[[]]),
        lambda values: values.update(of=7),
    ],
)
def test_damage_is_said_and_measured_again(tmp_path, stored, capsys, harm):
    _, values = stored
    harm(values)
    path = tmp_path / "evaluation.json"
    path.write_text(json.dumps(values))
    assert _kept(path, OF) is None
    assert capsys.readouterr().err.startswith(f"warning: {path} is damaged (")


@pytest.mark.parametrize("text", ["", "[", "[]", "7", "null", "[" * 100_000])
def test_what_is_no_evaluation(tmp_path, text, capsys):
    path = tmp_path / "evaluation.json"
    path.write_text(text)
    assert _kept(path, OF) is None
    assert "is damaged" in capsys.readouterr().err
