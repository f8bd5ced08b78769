"""The settings of a training that follow from what was given, and the command that gives them."""

import shlex
from pathlib import Path
from typing import Any

from hybrid_tf.config import RUNS, Config, option
from hybrid_tf.errors import HybridTFError
from hybrid_tf.runs.resuming import resume_command
from hybrid_tf.runs.run import load_run
from hybrid_tf.training.transfer import load_source, network_settings

# Settings that a fine-tuning does not take over from the run it starts from, unless they are given.
_SHORT = {
    "epochs": 3,
    "two_stage": 0.0,
    "recalibrate": 0,
    "mixed_precision": False,
    "int8_aware": False,
    "start_from": None,
    "patience": 0,
}
_SLOWER = 20  # what the learning rate of the run is divided by


def complete_config(settings: dict[str, Any]) -> Config:
    """Returns the settings of a training that was given `settings`.

    A fine-tuning has those of the run in `resume_from` for the rest; a training with `start_from` has its network.

    Raises:
        HybridTFError: when that run cannot be read or is not finished.
    """
    if settings.get("resume_from"):
        source = load_run(Path(settings["resume_from"]))
        if not source.finished:
            raise HybridTFError(
                f"--resume-from {source.folder} is not finished: run `{resume_command(source.folder)}` first"
            )
        before = source.config
        return before.with_changes(**(_SHORT | {"learning_rate": before.peak_learning_rate / _SLOWER} | settings))
    if settings.get("start_from"):
        return Config.from_dict(network_settings(load_source(settings["start_from"])) | settings)
    return Config.from_dict(settings)


def train_command(config: Config) -> str:
    """Returns the `hybrid-tf train` command with these settings; it names those that are not the usual ones.

    Usual of a fine-tuning is what follows from the run that it starts from. Paths below the working directory are
    relative.

    Raises:
        HybridTFError: when that run cannot be read or is not finished.
    """
    config = config_from_here(config)
    start = {"resume_from": config.resume_from} if config.resume_from else {"network": config.network}
    usual = complete_config(start).to_dict()
    settings = start | {name: value for name, value in config.to_dict().items() if value != usual[name]}
    options = (
        option(name) if value is True else f"{option(name)} {shlex.quote(str(value))}"
        for name, value in settings.items()
    )
    return " ".join(["hybrid-tf train", *options])


def config_from_here(config: Config) -> Config:
    """Returns settings whose absolute paths are relative, as far as they are below the working directory."""
    here, paths = Path.cwd(), {name: getattr(config, name) for name in (*RUNS, "dataset")}
    below = {name: path for name, path in paths.items() if path and Path(path).is_relative_to(here)}
    return config.with_changes(**{name: str(Path(path).relative_to(here)) for name, path in below.items()})
