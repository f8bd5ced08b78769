"""The calls behind the command line: from a run or a model to a verified file, and what can be done with either."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from hybrid_tf.compiler import (
    Conversion,
    Int8,
    Interpreter,
    Metadata,
    Verification,
    calibrate_int8,
    convert,
    convert_and_verify,
    load_keras_model,
    read_metadata,
    verify,
)
from hybrid_tf.compiler.int8.calibration import CALIBRATION_IMAGES, LEAST_IMAGES
from hybrid_tf.data import Dataset, Examples, Normalisation, load_dataset, load_image
from hybrid_tf.errors import HybridTFError
from hybrid_tf.runs.evaluation import evaluate
from hybrid_tf.runs.names import FILE, INT8_FILE
from hybrid_tf.runs.run import Run, load_run
from hybrid_tf.system.progress import with_progress
from hybrid_tf.training.fine_tuning import stored_ranges

CHUNK = 1024  # images held as float32 at a time


@dataclass(frozen=True)
class Int8Options:
    """How a file's full-precision sections become int8.

    Attributes:
        calibration: number of training images that ranges are measured on, at most all of them; `None` means 500.
        io: type of the file's input and output, `float32` or `int8`.
        except_layers: names of the layers that stay float32.
    """

    calibration: int | None = None
    io: str = "float32"
    except_layers: tuple[str, ...] = ()


def metadata_of(run: Run) -> Metadata:
    """Returns what a device needs to know about a run's network."""
    return Metadata(
        class_names=run.class_names,
        mean=run.normalisation.mean,
        std=run.normalisation.std,
        input_shape=run.image_shape,
        network=run.config.network,
        plan=run.config.plan,
        dataset=run.config.dataset,
    )


def convert_run(
    folder: Path, output: Path | None = None, samples: int = 256, int8: Int8Options | None = None
) -> tuple[Conversion, Verification]:
    """Converts the best weights of a run and verifies the file on the run's test images.

    Args:
        folder: path of the run folder.
        output: path of the file; `None` means `model.tflite`, or `model.int8.tflite`, in the run folder.
        samples: number of test images to verify on, at most all of them.
        int8: how the full-precision sections become int8; `None` leaves them float32. Ranges are measured on the run's
            training images, unless it was trained with ranges.

    Raises:
        HybridTFError: when the run cannot be loaded, a layer would silently stay float, or the file does not compute
            what Keras does; no file is left behind then.
    """
    run = load_run(folder)
    data, model, metadata = run.load_dataset(), run.load_model(), metadata_of(run)
    if int8:
        ranges = stored_ranges(run, int8.except_layers)
        if ranges and int8.calibration is not None:
            raise HybridTFError(f"run {run.folder} was trained with ranges of its own: leave --calibration out")
        metadata = replace(metadata, int8=ranges or _calibrated(model, data, int8))
    images, labels = _test_images(data.test, run.normalisation, samples)
    output = output or run.folder / (INT8_FILE if int8 else FILE)
    return convert_and_verify(model, output, metadata, images, labels, int8.io if int8 else "float32")


def _calibrated(model: tf.keras.Model, data: Dataset, int8: Int8Options) -> Int8:
    images, labels = data.train.take(int8.calibration or CALIBRATION_IMAGES)
    return calibrate_int8(model, data.normalisation.apply(images), labels, int8.except_layers)


def file_size(model: tf.keras.Model, metadata: Metadata | None = None, *, int8: bool = False) -> int:
    """Returns the bytes that the `.tflite` of a model takes once it is trained; changes the model's weights.

    With `int8` its full-precision sections are int8, with ranges as any.
    """
    random = np.random.default_rng(0)
    for weight in model.weights:
        if weight.shape.rank == 1:  # fresh biases and statistics are alike, and the converter would store them once
            weight.assign(random.uniform(0.5, 1.5, weight.shape).astype(np.float32))
    if int8:
        images = random.standard_normal((LEAST_IMAGES, *model.input_shape[1:]), np.float32)
        metadata = replace(metadata or Metadata(), int8=calibrate_int8(model, images))
    with tempfile.TemporaryDirectory() as folder:
        return convert(model, Path(folder) / FILE, metadata).bytes


def convert_model(
    path: Path,
    output: Path | None = None,
    dataset: str | None = None,
    samples: int = 256,
    int8: Int8Options | None = None,
) -> tuple[Conversion, Verification]:
    """Converts a saved Keras or Larq model and verifies the file, on normal noise when no data set is named.

    Errors as for `convert_run`, and when `int8` has no data set to measure ranges on.
    """
    model = load_keras_model(path)
    if int8 and dataset is None:
        raise HybridTFError("--int8 measures ranges on real images: name those of the training with --dataset")
    images, labels, metadata = _inputs(model, dataset, samples)
    if int8:
        data = load_for(dataset, tuple(model.input_shape[1:]))
        metadata = replace(metadata, int8=_calibrated(model, data, int8))
    output = output or path.with_suffix(".int8.tflite" if int8 else ".tflite")
    return convert_and_verify(model, output, metadata, images, labels, int8.io if int8 else "float32")


def verify_file(path: Path, file: Path | None = None, dataset: str | None = None, samples: int = 256) -> Verification:
    """Compares a converted file with the run or saved model it was made from, on real test images.

    What an int8 file rounds to is in the file, so nothing else says that it is one.

    Raises:
        HybridTFError: when one of them cannot be loaded.
    """
    if path.is_dir():
        run = load_run(path)
        examples = (load_for(dataset, run.image_shape) if dataset else run.load_dataset()).test
        images, labels = _test_images(examples, run.normalisation, samples)
        return verify(run.load_model(), file or path / FILE, images, labels)
    model = load_keras_model(path)
    images, labels, _ = _inputs(model, dataset, samples)
    return verify(model, file or path.with_suffix(".tflite"), images, labels)


def evaluate_run(folder: Path, dataset: str | None = None) -> dict[str, Any]:
    """Returns the accuracy of a run's best weights in Keras, on its test images or another data set's."""
    run = load_run(folder)
    data = load_for(dataset, run.image_shape) if dataset else run.load_dataset()
    _check_classes(data, len(run.class_names))
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
    metadata = _required_metadata(path)
    data = load_for(dataset or metadata.dataset, metadata.input_shape)
    _check_classes(data, len(metadata.class_names))
    normalisation = Normalisation(metadata.mean, metadata.std)
    images, labels = data.test.take(data.test.size)
    predict, right = ENGINES[engine](path), 0
    for start in with_progress(range(0, len(images), CHUNK), f"{path.name} on {data.name}"):
        outputs = predict(normalisation.apply(images[start : start + CHUNK]))
        right += int(np.sum(outputs.argmax(axis=1) == labels[start : start + CHUNK]))
    return {"dataset": data.name, "engine": engine, "accuracy": right / len(images), "images": len(images)}


def _runtime(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    try:
        from hybrid_tf_runtime import HybridTFRuntimeError, Interpreter
    except ImportError as error:
        raise HybridTFError(
            "hybrid-tf-runtime is not installed: `pip install ./runtime` in hybrid-tf's repository, or its wheel"
        ) from error
    try:
        return Interpreter(path).predict_float
    except HybridTFRuntimeError as error:
        raise HybridTFError(str(error)) from error


# What runs a converted file: from its path to a function from images [N, H, W, C] to scores [N, classes].
ENGINES = {"lce": lambda path: Interpreter(path).predict, "runtime": _runtime}


def predict_images(path: Path, images: tuple[Path, ...], top: int = 1) -> list[dict[str, Any]]:
    """Classifies image files with a run or a converted file.

    Returns:
        For each image its path and the `top` most probable classes, with probabilities.

    Raises:
        HybridTFError: when the model or an image cannot be read.
    """
    source: Run | Metadata
    if path.is_dir():
        source = load_run(path)
        shape, normalisation, scores = source.image_shape, source.normalisation, source.load_model()
    else:
        source = _required_metadata(path)
        shape, normalisation = source.input_shape, Normalisation(source.mean, source.std)
        scores = Interpreter(path).predict
    inputs = normalisation.apply(np.stack([load_image(image, shape) for image in images]))
    outputs = np.asarray(scores(inputs))
    probabilities = tf.nn.softmax(outputs).numpy()
    return [
        {
            "image": str(image),
            "top": [{"class": source.class_names[i], "probability": float(row[i])} for i in np.argsort(-row)[:top]],
        }
        for image, row in zip(images, probabilities, strict=True)
    ]


def load_for(dataset: str, shape: tuple[int, int, int]) -> Dataset:
    """Returns a data set with its images brought to `shape`: height, width, channels."""
    return load_dataset(dataset, input_size=shape[:2], channels=shape[2], validation=0.0)


def _test_images(examples: Examples, normalisation: Normalisation, samples: int) -> tuple[np.ndarray, np.ndarray]:
    images, labels = examples.take(samples)
    return normalisation.apply(images), labels


def _inputs(model: tf.keras.Model, dataset: str | None, samples: int) -> tuple[np.ndarray, np.ndarray | None, Metadata]:
    """Inputs, labels and metadata for a model that is not one of our runs."""
    shape = tuple(model.input_shape[1:])
    if dataset is None:
        images = np.random.default_rng(0).standard_normal((samples, *shape), np.float32)
        return images, None, Metadata(network=model.name)
    data = load_for(dataset, shape)
    _check_classes(data, model.output_shape[-1])
    images, labels = _test_images(data.test, data.normalisation, samples)
    numbers = data.normalisation
    return images, labels, Metadata(data.class_names, numbers.mean, numbers.std, network=model.name, dataset=dataset)


def _required_metadata(path: Path) -> Metadata:
    metadata = read_metadata(path)
    if not metadata.class_names:
        raise HybridTFError(
            f"{path} does not say which classes and normalisation it has: convert it with `hybrid-tf convert`, "
            "from a run or with --dataset"
        )
    return metadata


def _check_classes(data: Dataset, outputs: int) -> None:
    if len(data.class_names) > outputs:
        raise HybridTFError(f"data set '{data.name}' has {len(data.class_names)} classes, the network only {outputs}")
