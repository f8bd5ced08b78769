"""What a run or a converted file gives on test images."""

import math
from pathlib import Path

import numpy as np

from hybrid_tf.compiler import Metadata
from hybrid_tf.compiler.scores import scores_of
from hybrid_tf.data import Dataset, Normalisation
from hybrid_tf.data.manifest import TEST
from hybrid_tf.deploy.engines import Scores, default_engine, scores_in
from hybrid_tf.deploy.freshness import warn_of_unfinished
from hybrid_tf.deploy.inputs import load_for, required_metadata
from hybrid_tf.deploy.metrics import Evaluation
from hybrid_tf.deploy.tally import Tally
from hybrid_tf.runs.evaluation import BATCH_SIZE
from hybrid_tf.runs.names import CONFIG, MANIFEST
from hybrid_tf.runs.run import Run, load_run
from hybrid_tf.system.progress import with_progress

CHUNK = 1024  # images held as float32 at a time


def evaluate_run(folder: Path, dataset: str | None = None) -> Evaluation:
    """Returns what a run's best weights give in Keras, on its test images or another data set's."""
    run = load_run(folder)
    warn_of_unfinished(run)
    return evaluate_network(run, run.load_dataset(dataset))


def evaluate_network(run: Run, data: Dataset) -> Evaluation:
    """Returns what a run's best weights give in Keras on the test images of `data`, which `Run.load_dataset` gave."""
    predict, text = run.load_model().predict_on_batch, f"{run.folder} on {data.name}"
    return _evaluate(predict, data, Tally(run.class_names, run.normalisation), "Keras", BATCH_SIZE, text)


def evaluate_file(path: Path, dataset: str | Dataset | None = None, engine: str | None = None) -> Evaluation:
    """Returns what a converted file gives on its data set's test images or another's.

    Args:
        path: path of the file.
        dataset: another data set than the file's, or its name.
        engine: name of the engine that runs the file, one of ENGINES; None for `default_engine`.

    Raises:
        HybridTFError: when the file or the data set cannot be read, or the engine is not installed.
    """
    engine, metadata = engine or default_engine(), required_metadata(path)
    data = dataset if isinstance(dataset, Dataset) else _data_of(path, metadata, dataset)
    tally = Tally(metadata.class_names, Normalisation(metadata.mean, metadata.std), scores_of(path, metadata))
    return _evaluate(scores_in(engine, path), data, tally, engine, CHUNK, f"{path.name} on {data.name}")


def _data_of(path: Path, metadata: Metadata, dataset: str | None) -> Dataset:
    """Returns the data set to evaluate a file on; of a file in its run's folder it is known what was trained on."""
    if (path.parent / MANIFEST).exists() and (path.parent / CONFIG).exists():  # a table of that name is no run
        run = load_run(path.parent)
        if (run.class_names, run.image_shape) == (metadata.class_names, metadata.input_shape):
            return run.load_dataset(dataset)
    data = load_for(dataset or metadata.dataset, metadata.input_shape, metadata.background)
    return data.for_classes(metadata.class_names)


def _evaluate(predict: Scores, data: Dataset, tally: Tally, engine: str, batch_size: int, text: str) -> Evaluation:
    """Returns what `predict` gives, reading the test images once; `text` stands beside the progress bar."""
    batches = iter(data.test.batches(batch_size, tally.normalisation))
    with data.test.clear_errors():
        for _ in with_progress(range(math.ceil(data.test.size / batch_size)), text):
            images, labels = (part.numpy() for part in next(batches))
            tally.add(images, labels, np.asarray(predict(images)))
    files = data.manifest.mixed(TEST) if data.manifest else []
    return tally.evaluation(data.name, engine, [str(Path(data.name, file.path)) for file in files])
