"""`hybrid-tf inspect` and `hybrid-tf energy`, as users meet them."""

import json

import pytest

from hybrid_tf.compiler import convert
from tests.support.small_graphs import small_network
from tests.support.small_networks import randomise

PLANS = ["full_precision", "xnor", "residual"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    for name, binary in (("small", True), ("twin", False)):
        convert(small_network(binary), folder / f"{name}.tflite")
    return folder


@pytest.mark.slow
def test_inspect(hybrid_tf, files):
    code, out, _ = hybrid_tf("inspect", files / "small.tflite")
    assert code == 0
    for text in ("LceBconv2d 3x3", "stage1_conv1", "binary weights", "5,120 bytes", "73,728", "float32 1x8x8x3"):
        assert text in out
    code, out, _ = hybrid_tf("inspect", files / "small.tflite", "--json")
    found = json.loads(out)
    assert code == 0
    assert sum(found["memory"].values()) == found["bytes"] == (files / "small.tflite").stat().st_size
    assert found["weights"] == {"binary": 1152, "int8": 0, "full_precision": 296}


@pytest.mark.slow
def test_energy_of_a_network(hybrid_tf):
    code, out, _ = hybrid_tf("energy", "vgg19", "--classes", "100", "--json")
    found = json.loads(out)
    costs = {item["name"]: item for item in found["costs"]}
    assert code == 0
    assert "not a measurement" in found["note"]
    assert [profile["name"] for profile in found["energy_profiles"]] == ["horowitz-45nm"]
    assert list(costs) == PLANS
    assert round(costs["residual"]["compression"]["weights"], 2) == 21.85
    assert round(costs["xnor"]["compression"]["weights"], 2) == 24.16
    assert costs["residual"]["energy"][0]["efficiency"] > 30
    assert all(costs[plan]["peak_activation_bytes"] > 250_000 for plan in PLANS)
    _, out, _ = hybrid_tf("energy", "resnet20", "--width", "0.5")
    assert "model, not a measurement" in out
    assert all(plan in out for plan in PLANS)


def test_energy_of_a_file_against_its_twin(hybrid_tf, files):
    code, out, _ = hybrid_tf("energy", files / "small.tflite", "--twin", files / "twin.tflite", "--json")
    twin, found = json.loads(out)["costs"]
    assert code == 0
    assert found["energy"][0]["total_pj"] == pytest.approx(84_399.6)
    assert found["energy"][0]["efficiency"] == pytest.approx(426_997.2 / 84_399.6)
    assert found["compression"]["file"] == twin["file_bytes"] / found["file_bytes"]
    _, out, _ = hybrid_tf("energy", files / "small.tflite", "--json")
    (alone,) = json.loads(out)["costs"]
    assert alone["energy"][0]["efficiency"] is None


def test_energy_under_profiles_of_one_s_own(hybrid_tf, files, tmp_path):
    _, out, _ = hybrid_tf("energy", files / "small.tflite", "--json")
    profile = json.loads(out)["energy_profiles"][0]
    profile |= {"name": "mine", "access_pj": {"nothing": 0}, "weights": "nothing", "activations": "nothing"}
    (tmp_path / "mine.json").write_text(json.dumps(profile))
    names = ["--energy-profile", "horowitz-45nm-dram", "--energy-profile", tmp_path / "mine.json"]
    _, out, _ = hybrid_tf("energy", files / "small.tflite", *names, "--json")
    dram, mine = json.loads(out)["costs"][0]["energy"]
    assert dram["total_pj"] == pytest.approx(392_374.6)
    assert mine["total_pj"] == pytest.approx(63_958.4 + 871.2)
    _, out, _ = hybrid_tf("energy", files / "small.tflite", *names)
    assert "horowitz-45nm-dram" in out
    assert "mine" in out


@pytest.mark.slow
def test_energy_of_a_run(hybrid_tf, tmp_path):
    from hybrid_tf.config import Config
    from hybrid_tf.data import Normalisation
    from hybrid_tf.runs.run import Run

    config = Config(network="resnet20", plan="residual", width=0.25, dataset="digits")
    run = Run(tmp_path, config, ("a", "b", "c"), (32, 32, 1), Normalisation((0.0,), (1.0,)))
    run.save()
    convert(randomise(run.spec.build()), tmp_path / "model.tflite")
    code, out, err = hybrid_tf("energy", tmp_path, "--json")
    assert code == 0, err
    twin, found = json.loads(out)["costs"]
    assert (twin["name"], found["name"]) == ("full_precision", "residual")
    assert found["file_bytes"] == (tmp_path / "model.tflite").stat().st_size
    _, out, _ = hybrid_tf("inspect", tmp_path / "model.tflite", "--json")
    for key in ("macs", "weights", "peak_activation_bytes"):
        assert json.loads(out)[key] == found[key]


@pytest.mark.parametrize("command", ["inspect", "energy"])
def test_help_has_an_example(hybrid_tf, command):
    code, out, _ = hybrid_tf(command, "--help")
    assert code == 0
    assert f": hybrid-tf {command}" in out
    assert "\\b" not in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["inspect", "none.tflite"], "cannot read none.tflite"),
        (["inspect", "text.tflite"], "text.tflite is not a TensorFlow Lite file"),
        (["inspect", "."], "is a folder without a run (it has no config.json): expected a .tflite file"),
        (["energy", "none.tflite"], "cannot read none.tflite"),
        (["energy", "vgg91"], "unknown network 'vgg91': did you mean 'vgg19'"),
        (["energy", "vgg11", "--plan", "residul"], "did you mean 'residual'"),
        (["energy", "vgg11", "--energy-profile", "horowitz"], "unknown energy profile 'horowitz'"),
        (["energy", "vgg11", "--energy-profile", "text.tflite"], "text.tflite is not valid JSON"),
        (["energy", "vgg11", "--twin", "twin.tflite"], "--twin is for a FILE.tflite"),
        (["energy", "."], "is a folder without a run"),
    ],
)
def test_a_mistake_is_one_clear_line(hybrid_tf, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.tflite").write_text("text")
    code, out, err = hybrid_tf(*arguments)
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err
