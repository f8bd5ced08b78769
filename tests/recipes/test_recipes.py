"""Each recipe is run as a user runs it."""

import json
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from hybrid_tf import load_pretrained
from hybrid_tf.cli import cli
from hybrid_tf.cli.options import given
from hybrid_tf.data import fashion_mnist_debian
from hybrid_tf.training.settings import complete_config, train_command

RECIPES = Path(__file__).parents[2] / "recipes"
TRAINING = sorted(path.name for path in RECIPES.glob("*_hybrid.py"))


def _recipe(name, *arguments, folder):
    command = [sys.executable, str(RECIPES / name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder)


@pytest.fixture
def recipe_here(monkeypatch, capfd):
    """Returns a function like `_recipe` that runs a recipe in this process, which has TensorFlow loaded."""

    def run(name, *arguments, folder):
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            runpy.run_path(str(RECIPES / name), run_name="__main__")
        return subprocess.CompletedProcess(sys.argv, stopped.value.code or 0, *capfd.readouterr())

    return run


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINING)
def test_a_smoke_run(name, recipe_here, tmp_path):
    run = _recipe if name == TRAINING[0] else recipe_here
    done = run(name, "--smoke", "--width", "0.125", "--seed", "2", "--out", "here", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["dataset"] == "digits"
    assert result["seed"] == 2
    assert result["weights"]["binary"] > 0
    assert (tmp_path / "here" / "best.weights.h5").exists()


@pytest.mark.parametrize(
    "name", [*TRAINING, "compare_plans.py", "fashion_mnist.py", "ablation.py", "small_sets.py", "demo.py"]
)
def test_help_shows_the_command(name, recipe_here, tmp_path):
    text = (_recipe if name == TRAINING[0] else recipe_here)(name, "--help", folder=tmp_path).stdout
    assert ("make demo" if name == "demo.py" else f"python recipes/{name}") in text
    assert "Error" not in text


def test_the_papers_setting_needs_its_data_set(recipe_here, tmp_path):
    done = recipe_here("vgg19_hybrid.py", "--paper", "--epochs", "0", folder=tmp_path)
    assert done.stderr == "error: --epochs 0 is out of range; see --help\n"
    help_text = " ".join(recipe_here("vgg19_hybrid.py", "--help", folder=tmp_path).stdout.split())
    assert "--dataset cifar100 --epochs 200" in help_text


@pytest.mark.slow
def test_plans_are_compared(recipe_here, tmp_path):
    plans = ["--plan", "full_precision", "--plan", "residual"]
    arguments = ["--smoke", "--network", "vgg11", "--width", "0.125", *plans, "--seeds", "2", "--out", "compared"]
    done = _recipe("compare_plans.py", *arguments, "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert [row["plan"] for row in rows] == ["full_precision", "residual"]
    assert len(set(rows[0]["accuracies"])) == 2
    assert {path.parent.name for path in tmp_path.glob("compared/*/report.json")} == {
        f"{plan}-{seed}" for plan in ("full_precision", "residual") for seed in (0, 1)
    }
    assert rows[0]["energy"] > 5 * rows[1]["energy"]
    assert rows[0]["file_ratio"] == 1.0  # its own twin: the same file but for the metadata
    assert rows[1]["file_ratio"] > 5
    assert rows[1]["agreement"] > 0.95
    assert json.loads((tmp_path / "compared" / "compare.json").read_text()) == rows
    assert (tmp_path / "compared" / "compare.png").stat().st_size > 5000
    kept, lost = (tmp_path / "compared" / name / "model.tflite" for name in ("full_precision-0", "residual-1"))
    converted = kept.stat().st_mtime_ns
    lost.unlink()
    again = recipe_here("compare_plans.py", *arguments, "--resume", "--json", folder=tmp_path)
    assert json.loads(again.stdout) == rows
    assert kept.stat().st_mtime_ns == converted  # only what is missing is converted again
    assert lost.exists()
    refused = recipe_here("compare_plans.py", *arguments, folder=tmp_path)
    assert "already holds a run" in refused.stderr


def test_a_study_lists_its_entries_and_needs_their_teacher(recipe_here, tmp_path):
    unknown = recipe_here("fashion_mnist.py", "resnet20 residul", folder=tmp_path)
    assert "did you mean 'resnet20 residual'?" in unknown.stderr
    names = json.loads(recipe_here("fashion_mnist.py", "--list", "--json", folder=tmp_path).stdout)
    assert len(set(names)) == len(names) > 5
    alone = recipe_here("fashion_mnist.py", "vgg11 residual taught", "--smoke", folder=tmp_path)
    assert "runs/fashion_mnist/vgg11-full_precision-0 is not a run folder" in alone.stderr


def _settings(command):
    """The settings that a `hybrid-tf train` command has."""
    program, name, *arguments = shlex.split(command)
    assert (program, name) == ("hybrid-tf", "train")
    return complete_config(given(cli.commands[name].make_context(name, arguments).params))


@pytest.mark.parametrize("study", ["fashion_mnist", "ablation", "small_sets"])
def test_the_command_of_a_run_has_its_settings(study):
    recipe = runpy.run_path(str(RECIPES / f"{study}.py"))
    entries = [entry for entry in recipe["ENTRIES"] if not entry.start]  # what starts from a run needs it
    configs = [config for entry in entries for config, _ in entry.runs(recipe["FOLDER"])]
    assert [_settings(train_command(config)) for config in configs] == configs


@pytest.mark.slow
def test_a_small_set_has_its_numbers_of_images_and_tests_on_others(tmp_path):
    recipe = runpy.run_path(str(RECIPES / "small_sets.py"))
    recipe["_write_set"]("digits", tmp_path / "digits", 6)
    counts = {
        part: [len(list(folder.iterdir())) for folder in sorted((tmp_path / "digits" / part).iterdir())]
        for part in ("train", "test")
    }
    assert counts["train"] == [30, 6] * 5
    assert sum(counts["test"]) == 1000 and min(counts["test"]) > 80
    pictures = {part: {path.read_bytes() for path in (tmp_path / "digits" / part).rglob("*.png")} for part in counts}
    assert len(pictures["train"]) == 180 and not pictures["train"] & pictures["test"]
    started = next(entry for entry in recipe["ENTRIES"] if entry.name == "digits started, strong")
    config, folder = started.runs(Path("runs"))[2]
    assert (config.start_from, config.augmentation) == ("runs/all-of-fashion_mnist-0", "strong")
    assert (config.seed, folder) == (2, Path("runs/digits-started-strong-2"))


def test_the_command_of_a_fine_tuning_names_what_its_start_does_not_have(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    start = str(load_pretrained("resnet20-residual-taught").folder)
    config = complete_config({"resume_from": start, "int8_aware": True, "epochs": 5})
    command = train_command(config)
    assert command == f"hybrid-tf train --resume-from {shlex.quote(start)} --epochs 5 --int8-aware"
    assert _settings(command) == config


@pytest.mark.slow
@pytest.mark.skipif(not fashion_mnist_debian.installed(), reason=f"needs: {fashion_mnist_debian.HINT}")
def test_a_study_is_compared_as_far_as_it_is_finished(recipe_here, tmp_path):
    nothing = recipe_here("ablation.py", "--finished", folder=tmp_path)
    assert "error: no run in runs/ablation is finished: leave --finished out to train\n" in nothing.stderr
    done = _recipe("ablation.py", "--smoke", "plain", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert [row["name"] for row in rows] == ["plain"]
    assert 0 < rows[0]["held_out"][0] < 1
    assert rows[0]["binary_macs"] > rows[0]["float_macs"] > 0
    again = recipe_here("ablation.py", "--smoke", "--finished", "--json", folder=tmp_path)
    assert json.loads(again.stdout) == rows
