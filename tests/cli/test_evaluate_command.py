"""`hybrid-tf evaluate` on uneven and odd test sets: every number, a warning where the accuracy alone would mislead."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from hybrid_tf.config import Config
from hybrid_tf.deploy.conversion import convert_run
from hybrid_tf.training.session import train
from tests.support.shared import made_once

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run, converted, on pictures of noise, 19 of 20 of which are of one class: there is nothing else to learn."""

    def make(folder):
        random = np.random.default_rng(0)
        for part, name, images in (("train", "c&t", 57), ("train", "dog", 3), ("test", "c&t", 38), ("test", "dog", 2)):
            for number in range(images):
                path = folder / "photos" / part / name / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(random.integers(0, 256, (32, 32), np.uint8)).save(path)
        settings = {"network": "vgg11", "head": "compact", "width": 0.125, "smoke": True, "validation": 0.0}
        train(Config(**settings, dataset=str(folder / "photos")), folder / "run")
        convert_run(folder / "run", samples=8)

    return made_once(tmp_path_factory, "uneven-photos", make)


def test_uneven_classes(made, hybrid_tf, tmp_path):
    page = tmp_path / "wrong.html"
    code, out, err = hybrid_tf("evaluate", made / "run", "--report", page)
    assert code == 0, err
    first, second, *_ = out.splitlines()
    assert first == f"{made / 'run'}: {made / 'photos'}: 95.00 % of 40 test images right (Keras)"
    assert second.startswith("classes; balanced accuracy 50.00 %")
    rows = [line.split() for line in out.splitlines() if line.startswith("│")]
    assert [row[1] for row in rows] == ["dog", "c&t"]  # the worst first
    assert out.endswith(f"wrote {page}\n")
    assert err.startswith(
        "warning: 95.00 % are right, and always saying 'c&t' would get 95.00 % right, as 38 of the 40"
    )
    assert err.count("\n") == 1
    text = page.read_text()
    assert "c&amp;t" in text
    assert "always saying" in text
    assert text.count("<img ") == 2


@pytest.mark.parametrize("engine", ["lce", "runtime"])
def test_a_file_gives_what_its_network_gives(made, hybrid_tf, tmp_path, engine):
    page, file = tmp_path / "wrong.html", made / "run" / "model.tflite"
    keras = json.loads(hybrid_tf("evaluate", made / "run", "--json")[1])
    code, out, err = hybrid_tf("evaluate", file, "--engine", engine, "--report", page, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["report"] == str(page)
    assert page.read_text().count("<img ") == len(found["mistakes"]) == 2
    for name in ("accuracy", "interval", "balanced_accuracy", "most_frequent", "classes", "confusion_matrix", "images"):
        assert found[name] == keras[name]
    assert found["confusion_matrix"] == [[38, 0], [2, 0]]
    assert found["most_frequent"] == {"class": "c&t", "share": 0.95}
    assert found["loss"] == pytest.approx(keras["loss"], rel=1e-4)
    assert found["calibration"]["error"] == pytest.approx(keras["calibration"]["error"], abs=1e-4)
    assert {item["path"] for item in found["mistakes"]} == {str(path) for path in (made / "photos/test/dog").iterdir()}
    assert [item["path"] for item in found["mistakes"]] == [item["path"] for item in keras["mistakes"]]
    assert all(item["path"] in page.read_text() for item in found["mistakes"])


def test_the_numbers_are_those_of_keras(made, hybrid_tf):
    from hybrid_tf.runs.evaluation import evaluate
    from hybrid_tf.runs.run import load_run

    run = load_run(made / "run")
    expected = evaluate(run.load_model(), run.load_dataset().test, run.normalisation)
    found = json.loads(hybrid_tf("evaluate", made / "run", "--json")[1])
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-5)
    assert found["accuracy"] == pytest.approx(run.report.test_accuracy, abs=1e-6)  # Keras gives float32


def test_a_test_set_of_one_image_of_one_class(made, hybrid_tf, tmp_path):
    photos = tmp_path / "photos"
    shutil.copytree(made / "photos", photos)
    shutil.rmtree(photos / "test" / "dog")
    for path in sorted((photos / "test" / "c&t").iterdir())[1:]:
        path.unlink()
    code, out, err = hybrid_tf("evaluate", made / "run", "--dataset", photos, "--report", tmp_path / "wrong.html")
    assert code == 0, err
    assert "100.00 % of 1 test images right" in out
    warning = "warning: 1 of 2 classes have no test image, so nothing is known about them: 'dog'"
    assert err.splitlines()[-1] == warning
    assert "None: all images are right." in (tmp_path / "wrong.html").read_text()


def test_a_file_that_ends_with_a_softmax(made, hybrid_tf, tmp_path):
    import tensorflow as tf

    from hybrid_tf.runs.run import load_run

    run = load_run(made / "run")
    model, ((mean,), (std,)) = run.load_model(), (run.normalisation.mean, run.normalisation.std)
    tf.keras.Model(model.input, tf.keras.layers.Softmax()(model.output)).save(tmp_path / "mine.keras")
    command = ["convert", tmp_path / "mine.keras", "--dataset", made / "photos", "--samples", "8"]
    code, _, err = hybrid_tf(*command, "--mean", repr(mean), "--std", repr(std))
    assert code == 0, err
    of_logits, of_probabilities = (
        json.loads(hybrid_tf("evaluate", file, "--json")[1])
        for file in (made / "run" / "model.tflite", tmp_path / "mine.tflite")
    )
    assert of_probabilities["loss"] == pytest.approx(of_logits["loss"], rel=1e-3)
    assert of_probabilities["calibration"]["error"] == pytest.approx(of_logits["calibration"]["error"], abs=1e-3)
