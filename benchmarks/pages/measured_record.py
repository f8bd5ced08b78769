"""The record of the trained networks' files, hybrid_tf/pretrained/measured.json: what follows from the files anew.

Two commands measure: benchmarks.timing.shipped times, benchmarks.counting.shipped counts instructions. Each keeps what
the other has measured of a file, until the file changes.
"""

import argparse
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.timing.networks import made_folder, randomise
from hybrid_tf.analysis.inspection import inspect_file
from hybrid_tf.errors import HybridTFError
from hybrid_tf.models.spec import NetworkSpec
from hybrid_tf.pretrained import load_pretrained, pretrained_names
from hybrid_tf.pretrained.measured import PATH, Measured, MeasuredFile, read_measured
from hybrid_tf.runs.names import FILE, INT8_FILE
from hybrid_tf.system.files import read_json
from hybrid_tf.system.quiet import silenced

# What a user would pick instead, of a hybrid's size. Nobody has trained it, so it has no accuracy.
RIVAL = NetworkSpec("resnet20", "full_precision", input_shape=(28, 28, 1), classes=10, width=0.5)
_RIVAL_NAME = "resnet20-full_precision, half width"
_DATASET = "fashion_mnist"
SMOKE = "resnet20-xnor"  # the smallest
IMAGES = "the 10,000 test images of Fashion-MNIST, 28x28x1"
_CALIBRATION_IMAGES = 32


def measuring_options(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Returns the options of a command that measures, after adding those that both have: json, smoke, update_docs."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="where everything that was measured goes too")
    parser.add_argument("--smoke", action="store_true", help="one network, as short as can be: whether it all works")
    parser.add_argument("--update-docs", action="store_true", help="write the record and the table of docs/choosing.md")
    options = parser.parse_args()
    if options.smoke and options.update_docs:
        parser.error("--update-docs is for all files")
    return options


def earlier() -> Measured:
    """Returns the record, an empty one when there is none. Raises HybridTFError when it is damaged."""
    return read_measured() if PATH.exists() else Measured("", {}, {}, ())


def files_to_measure(only: str | None = None) -> list[tuple[MeasuredFile, Path]]:
    """Returns each file of the trained networks and of the rival, with its path and what the record has of it.

    Args:
        only: name of a trained network; then nothing else.

    Raises:
        HybridTFError: when the record or a trained network is damaged, or the rival cannot be made.
    """
    known = {(file.name, file.sha256): file for file in earlier().files}
    rows = []
    found = _trained(only) if only else [*(file for name in pretrained_names() for file in _trained(name)), *_rival()]
    for file, path in sorted(found, key=lambda row: row[0].name):
        before = known.get((file.name, file.sha256), file)
        rows.append((replace(file, ms=before.ms, instructions=before.instructions), path))
    return rows


def _trained(name: str) -> Iterator[tuple[MeasuredFile, Path]]:
    run = load_pretrained(name)
    if (run.config.dataset, run.image_shape) != (_DATASET, RIVAL.input_shape):
        raise HybridTFError(f"{run.folder} is of other images than {_DATASET}: docs/choosing.md compares on the same")
    weights = {"full_precision": run.report.weights.full_precision, "binary": run.report.weights.binary}
    accuracies = read_json(run.folder / "card.json")
    for file in (FILE, INT8_FILE):
        yield _described(name, run.spec, run.folder / file, accuracies[file]["runtime"], weights), run.folder / file


def _rival() -> Iterator[tuple[MeasuredFile, Path]]:
    from hybrid_tf.analysis.summary import summarise
    from hybrid_tf.compiler import Metadata, calibrate_int8, convert

    folder = made_folder() / "half-width"
    if not all((folder / file).exists() for file in (FILE, INT8_FILE)):
        with silenced():
            model = RIVAL.build()
            randomise(model)
            noise = np.random.default_rng(2).standard_normal((_CALIBRATION_IMAGES, *RIVAL.input_shape), np.float32)
            convert(model, folder / FILE)
            convert(model, folder / INT8_FILE, Metadata(int8=calibrate_int8(model, noise)))
    weights = {"full_precision": summarise(RIVAL).twin_weights, "binary": 0}
    for file in (FILE, INT8_FILE):
        yield _described(_RIVAL_NAME, RIVAL, folder / file, None, weights), folder / file


def _described(
    name: str, spec: NetworkSpec, path: Path, accuracy: float | None, weights: dict[str, int]
) -> MeasuredFile:
    content = inspect_file(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return MeasuredFile(
        name,
        spec.network,
        str(spec.plan),
        spec.width,
        path.name,
        digest,
        accuracy,
        weights,
        content.bytes,
        content.peaks[0].bytes,
        {},
        {},
    )
