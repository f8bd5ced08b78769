"""What a path leads to, in words for an error: a run folder, a converted file, a model, an image, or something else."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from hybrid_tf.data.image_files import IMAGE_SUFFIXES
from hybrid_tf.errors import HybridTFError
from hybrid_tf.runs.names import CONFIG, FILE

RUN, TFLITE, MODEL = "a run folder", "a .tflite file", "a Keras model (.keras, .h5)"
SAVED_MODEL = "a SavedModel folder"
ABSENT = "not there"
_MODEL_SUFFIXES = (".keras", ".h5", ".hdf5")
_MOST_SHOWN = 3  # arguments of a command that is shown


def kind_of(path: Path) -> str:
    """Returns what is at `path`: RUN, TFLITE, MODEL, SAVED_MODEL, ABSENT, or what else it is, in words."""
    if path.is_dir() and (path / "saved_model.pb").exists():
        return SAVED_MODEL
    if path.is_dir():
        return RUN if (path / CONFIG).exists() else f"a folder without a run (it has no {CONFIG})"
    if not path.exists():
        return ABSENT
    suffix = path.suffix.lower()
    if suffix == ".tflite" or _head(path)[4:8] == b"TFL3":
        return TFLITE
    if path.is_file() and path.stat().st_size == 0:
        return "an empty file"
    if path.name.endswith(".weights.h5"):
        return "a file of weights without a network"
    if suffix in _MODEL_SUFFIXES:
        return MODEL
    if suffix in IMAGE_SUFFIXES:
        return "an image"
    return "a file of another kind"


def expect(
    path: Path, *kinds: str, or_else: str = "", command: str = "", others: Sequence[Path] = (), first: str = ""
) -> str:
    """Returns what is at `path`, which is one of `kinds`.

    Args:
        path: path to look at.
        kinds: what may be there.
        or_else: what the argument may be instead of a path, for the error.
        command: name of the command whose first argument `path` is, to find swapped arguments.
        others: paths of the command's other arguments.
        first: what the first argument should be, for the error.

    Raises:
        HybridTFError: when it is something else, with what was expected, and the right order of swapped arguments.
    """
    found = kind_of(path)
    if found in kinds:
        return found
    swapped = next((other for other in others if kind_of(other) in kinds), None)
    what = "is not there" if found == ABSENT else f"is {found}"
    if swapped is not None:
        rest = [str(other) for other in (path, *others) if other != swapped]
        more = " ..." if len(rest) > _MOST_SHOWN else ""
        meant = shlex.join(["hybrid-tf", command, str(swapped), *rest[:_MOST_SHOWN]]) + more
        raise HybridTFError(f"{path} {what}: the first argument is {first}; did you mean `{meant}`?")
    expected = " or ".join([*kinds, *([or_else] if or_else else [])])
    if found == ABSENT:
        raise HybridTFError(f"cannot read {path}: no such file or folder; expected {expected}")
    inside = path / FILE
    hint = f", such as {inside}" if found == RUN and TFLITE in kinds and inside.exists() else ""
    raise HybridTFError(f"{path} {what}: expected {expected}{hint}")


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(8)
    except OSError:  # whoever reads the file says why
        return b""
