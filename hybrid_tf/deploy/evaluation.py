"""The accuracy of a run or of a converted file, and what runs such a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hybrid_tf.compiler import Interpreter, Metadata
from hybrid_tf.data import Dataset, Normalisation
from hybrid_tf.deploy.freshness import warn_of_unfinished
from hybrid_tf.deploy.inputs import load_for, required_metadata
from hybrid_tf.errors import HybridTFError
from hybrid_tf.runs.evaluation import evaluate
from hybrid_tf.runs.names import MANIFEST
from hybrid_tf.runs.run import load_run
from hybrid_tf.system.progress import with_progress
from hybrid_tf.system.quiet import silenced

CHUNK = 1024  # images held as float32 at a time


def evaluate_run(folder: Path, dataset: str | None = None) -> dict[str, Any]:
    """Returns the accuracy of a run's best weights in Keras, on its test images or another data set's."""
    run = load_run(folder)
    warn_of_unfinished(run)
    data = run.load_dataset(dataset)
    return {"dataset": data.name, "engine": "Keras"} | evaluate(run.load_model(), data.test, run.normalisation)


def evaluate_file(path: Path, dataset: str | None = None, engine: str = "lce") -> dict[str, Any]:
    """Returns the accuracy of a converted file on its data set's test images or another's.

    Args:
        path: path of the file.
        dataset: name of another data set than the file's.
        engine: name of the engine that runs the file, one of ENGINES.

    Raises:
        HybridTFError: when the file or the data set cannot be read, or the engine is not installed.
    """
    metadata = required_metadata(path)
    data = _data_of(path, metadata, dataset)
    normalisation = Normalisation(metadata.mean, metadata.std)
    images, labels = data.test.take(data.test.size)
    predict, right = ENGINES[engine](path), 0
    for start in with_progress(range(0, len(images), CHUNK), f"{path.name} on {data.name}"):
        outputs = predict(normalisation.apply(images[start : start + CHUNK]))
        right += int(np.sum(outputs.argmax(axis=1) == labels[start : start + CHUNK]))
    return {"dataset": data.name, "engine": engine, "accuracy": right / len(images), "images": len(images)}


def _data_of(path: Path, metadata: Metadata, dataset: str | None) -> Dataset:
    """Returns the data set to evaluate a file on; of a file in its run's folder it is known what was trained on."""
    if (path.parent / MANIFEST).exists():
        run = load_run(path.parent)
        if (run.class_names, run.image_shape) == (metadata.class_names, metadata.input_shape):
            return run.load_dataset(dataset)
    data = load_for(dataset or metadata.dataset, metadata.input_shape, metadata.background)
    return data.for_classes(metadata.class_names)


def _runtime(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    try:
        from hybrid_tf_runtime import HybridTFRuntimeError, Interpreter
    except ImportError as error:
        raise HybridTFError(
            "hybrid-tf-runtime is not installed: `pip install ./runtime` in hybrid-tf's repository, or its wheel"
        ) from error
    try:
        with silenced():  # LiteRT says which delegate it made
            return Interpreter(path).predict_float
    except HybridTFRuntimeError as error:
        raise HybridTFError(str(error)) from error


# What runs a converted file: from its path to a function from images [N, H, W, C] to scores [N, classes].
ENGINES = {"lce": lambda path: Interpreter(path).predict, "runtime": _runtime}
