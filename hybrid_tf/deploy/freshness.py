"""What should be said of a run or its files before they are used: a file of older weights, a run that goes on."""

from pathlib import Path
from typing import TYPE_CHECKING

from hybrid_tf.compiler.metadata import read_metadata
from hybrid_tf.errors import HybridTFError
from hybrid_tf.runs.digest import weights_digest
from hybrid_tf.runs.history import read_history
from hybrid_tf.runs.names import BEST, FILE, INT8_FILE
from hybrid_tf.runs.resuming import resume_command
from hybrid_tf.system.notices import warn

if TYPE_CHECKING:
    from hybrid_tf.runs.run import Run

# Nothing here needs TensorFlow, as long as there is nothing to say.


def warn_of_stale_files(path: Path) -> None:
    """Warns of a converted file that was made from other weights than its run folder has now.

    Args:
        path: path of a file, or of a run folder, whose files are then looked at. A file that does not say which weights
            it was made from is taken for good: older versions did not store it.
    """
    for file in [path / FILE, path / INT8_FILE] if path.is_dir() else [path]:
        try:
            metadata = read_metadata(file)
        except HybridTFError:  # it is not there or damaged, which whoever reads it says
            continue
        now = weights_digest(file.parent / BEST)
        if metadata.weights and now and metadata.weights != now:
            fix = f"hybrid-tf convert {file.parent}{' --int8' if metadata.int8 else ''}"
            warn(f"{file} was made from older weights than {file.parent / BEST}: make it again with `{fix}`")


def warn_of_unfinished(run: "Run") -> None:
    """Warns when a run is not finished, with how far it has come and how to continue it."""
    if run.finished:
        return
    warn(
        f"run {run.folder} is not finished (epoch {len(read_history(run.folder))} of {run.config.run_epochs}): these "
        f"are its best weights so far; continue with `{resume_command(run.folder)}`"
    )
