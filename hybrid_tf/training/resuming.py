"""Resuming: a run goes on with the settings that it was started with, which are in its folder."""

from pathlib import Path
from typing import Any

from hybrid_tf.config import RUNS, Config, option
from hybrid_tf.errors import HybridTFError
from hybrid_tf.runs.run import Run, load_run

_PATHS = (*RUNS, "dataset")


def resumed_config(folder: Path, given: dict[str, Any]) -> Config:
    """Returns the settings of the run in `folder`, with which it goes on.

    Raises:
        HybridTFError: when there is no run, or one of the settings that were `given` is another one.
    """
    run = load_run(folder)
    check_settings(run, given)
    return run.config


def check_settings(run: Run, wanted: dict[str, Any]) -> None:
    """Raises HybridTFError, naming it, for a wanted setting that a run was not started with.

    However a path is written, it is the same path; no batch size is the one that was chosen then.
    """
    stored = run.config.to_dict()
    for name, value in wanted.items():
        if _same(name, stored[name], value) or (name == "batch_size" and value is None):
            continue
        raise HybridTFError(
            f"{run.folder} was started with {option(name)} {stored[name]}, not {value}: leave {option(name)} out to "
            "resume it, or choose another --out"
        )


def _same(name: str, stored: Any, wanted: Any) -> bool:
    if name in _PATHS and stored and wanted:
        return Path(stored).expanduser().resolve() == Path(wanted).expanduser().resolve()
    return stored == wanted
