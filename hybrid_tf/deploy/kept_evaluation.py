"""The evaluations that a run folder keeps, so that a report of many runs measures each network once."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from hybrid_tf.config import Config
from hybrid_tf.data import Dataset
from hybrid_tf.data.manifest import TEST, Manifest
from hybrid_tf.data.scan import scan_folder
from hybrid_tf.deploy.engines import fastest_engine
from hybrid_tf.deploy.evaluation import evaluate_file, evaluate_network
from hybrid_tf.deploy.metrics import BINS, CalibrationBin, Evaluation, Mistake
from hybrid_tf.errors import HybridTFError
from hybrid_tf.runs.names import BEST, EVALUATION, INT8_EVALUATION, INT8_FILE
from hybrid_tf.runs.run import Run, dataset_of
from hybrid_tf.system.files import folder_of, read_json, write_text
from hybrid_tf.system.notices import say, warn

FORMAT = 2
_PNG = b"\x89PNG"


def run_evaluation(run: Run, *, int8: bool = False) -> Evaluation:
    """Returns what a run's best weights, or its int8 file, give on its test images.

    It is measured when the folder has none of these very bytes on these very images yet, and kept there. Images in a
    folder are compared by their content; where that folder is gone, what was kept is returned with a warning.

    Args:
        run: finished run.
        int8: whether to evaluate the run's int8 file, in the fastest engine.

    Raises:
        HybridTFError: when the weights, the file or the data set cannot be read.
    """
    source, path = run.folder / (INT8_FILE if int8 else BEST), run.folder / (INT8_EVALUATION if int8 else EVALUATION)
    try:
        digest = hashlib.sha256(source.read_bytes()).hexdigest()
    except OSError as error:
        raise HybridTFError(f"cannot read {source}: {error.strerror or error}") from error
    of = {"format": FORMAT, "file": source.name, "sha256": digest, "dataset": run.config.dataset}
    before, now = run.manifest, _test_images(run.config.dataset)
    if now:
        of["test_images"] = _digest(now)
    found = _kept(path, of)
    if found and before and not now:
        warn(f"there is no folder {run.config.dataset} any more: what {source} gave on its images is from before")
    if found is None:
        say(f"evaluating {source} on the test images of {run.config.dataset}")
        settings = (getattr(run.config, name) for name in _DATA_SETTINGS)
        data = _dataset(run.image_shape, *settings).for_classes(run.class_names)
        found = evaluate_file(source, data, fastest_engine(source)) if int8 else evaluate_network(run, data)
        try:
            write_text(path, json.dumps({"of": of, "evaluation": asdict(found)}) + "\n")
        except HybridTFError as error:  # the folder may be read-only
            warn(f"{error}; the next report will evaluate {source.name} again")
    if before and now and (changes := _of_test(before).changes(now)):
        warn(f"{source} is evaluated on other images than the test images of its training, of which now are {changes}")
    elif found.images != run.report.test_images:
        warn(
            f"{source} is evaluated on {found.images:,} images, and when the run was trained there were "
            f"{run.report.test_images:,} test images: {run.config.dataset} has changed"
        )
    return found


# The settings that the test images of a run may depend on: runs that share them share the data set, read once.
_DATA_SETTINGS = ("dataset", "validation", "smoke", "skip_unreadable", "background")


@lru_cache(maxsize=1)
def _dataset(image_shape: tuple[int, int, int], *values: Any) -> Dataset:
    return dataset_of(Config(**dict(zip(_DATA_SETTINGS, values, strict=True))), image_shape)


@lru_cache(maxsize=1)
def _test_images(dataset: str) -> Manifest | None:
    """Returns the test images that a folder has now; `None` for other data sets, which do not change."""
    folder = folder_of(dataset)
    if folder is None:
        return None
    return _of_test(scan_folder(folder.resolve(), validation=0, seed=0, skip_unreadable=True, to_train=False))


def forget_images() -> None:
    """Forgets the images that were read for an earlier report: they may have changed since."""
    _dataset.cache_clear()
    _test_images.cache_clear()


def _of_test(manifest: Manifest) -> Manifest:
    return replace(manifest, files=tuple(manifest.of(TEST)))


def _digest(manifest: Manifest) -> str:
    rows = sorted([file.path, file.name, file.digest] for file in manifest.files)
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _kept(path: Path, of: dict[str, Any]) -> Evaluation | None:
    """Returns the evaluation that `path` holds, if all of `of` is true of it; says so when it is damaged."""
    if not path.exists():
        return None
    try:
        stored = read_json(path)
        same = all(stored["of"].get(name) == value for name, value in of.items())
        return _restored(stored["evaluation"]) if same else None
    except (HybridTFError, AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        warn(f"{path} is damaged ({error}): it is made again")
        return None


def _restored(values: Mapping[str, Any]) -> Evaluation:
    """Returns the evaluation that `asdict` described.

    Raises:
        KeyError, TypeError, ValueError, OverflowError: for what no evaluation writes: the file may come from anywhere.
    """
    found = Evaluation(
        dataset=str(values["dataset"]),
        engine=str(values["engine"]),
        class_names=tuple(map(str, values["class_names"])),
        confusion=tuple(tuple(map(int, row)) for row in values["confusion"]),
        loss=float(values["loss"]),
        bins=tuple(
            CalibrationBin(int(row["images"]), _share(row["confidence"]), _share(row["accuracy"]))
            for row in values["bins"]
        ),
        mistakes=tuple(
            Mistake(
                int(row["number"]),
                int(row["label"]),
                int(row["predicted"]),
                _share(row["probability"]),
                row["picture"],
                str(row["path"]),
            )
            for row in values["mistakes"]
        ),
    )
    classes, counts = len(found.class_names), [count for row in found.confusion for count in row]
    fits = (
        [len(row) for row in found.confusion] == [classes] * classes
        and len(found.bins) == BINS
        and all(count >= 0 for count in counts)
        and 0 < sum(counts) == sum(row.images for row in found.bins)
        and all(0 <= label < classes for item in found.mistakes for label in (item.label, item.predicted))
        and all(base64.b64decode(item.picture, validate=True).startswith(_PNG) for item in found.mistakes)
    )
    if not fits:
        raise ValueError("numbers that do not fit together")
    return found


def _share(value: Any) -> float:
    if not 0 <= value <= 1:  # NaN is refused, too
        raise ValueError(f"{value!r} is no share")
    return float(value)
