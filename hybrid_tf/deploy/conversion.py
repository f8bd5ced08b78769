"""From a run or a model to a verified file, or one that could be compared with it."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tensorflow as tf

from hybrid_tf.compiler import (
    Conversion,
    Int8,
    Metadata,
    Verification,
    calibrate_int8,
    convert,
    convert_and_verify,
    load_keras_model,
    verify,
)
from hybrid_tf.compiler.conversion import OWN
from hybrid_tf.compiler.int8.calibration import CALIBRATION_IMAGES, LEAST_IMAGES
from hybrid_tf.compiler.metadata import LOGITS, stored_metadata
from hybrid_tf.compiler.tracing import image_shape
from hybrid_tf.data import Dataset, Normalisation
from hybrid_tf.deploy.freshness import warn_of_stale_files, warn_of_unfinished
from hybrid_tf.deploy.inputs import check_classes, load_for, model_inputs, noise, test_images
from hybrid_tf.deploy.int8_accuracy import int8_accuracy
from hybrid_tf.deploy.normalisation import known_normalisation, scores_function, tried_normalisation
from hybrid_tf.deploy.told import Told, check_scores, look_like_probabilities
from hybrid_tf.errors import HybridTFError
from hybrid_tf.runs.digest import weights_digest
from hybrid_tf.runs.kinds import MODEL, RUN, TFLITE, expect
from hybrid_tf.runs.names import BEST, FILE, INT8_FILE
from hybrid_tf.runs.run import Run, load_run
from hybrid_tf.system.notices import warn
from hybrid_tf.training.fine_tuning import stored_ranges

MOST_LOOKED_AT = 64  # images, to see what the scores of a model are


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
        background=run.config.background,
        weights=weights_digest(run.folder / BEST),
    )


def convert_run(
    folder: Path,
    output: Path | None = None,
    samples: int = 256,
    int8: Int8Options | None = None,
    dataset: str | None = None,
    converter: str = OWN,
) -> tuple[Conversion, Verification]:
    """Converts the best weights of a run and verifies the file on the run's test images.

    Args:
        folder: path of the run folder.
        output: path of the file; `None` means `model.tflite`, or `model.int8.tflite`, in the run folder. In the folder
            of another run it does not say which weights it was made from: they are not those beside it.
        samples: number of test images to verify on, at most all of them. The accuracy of an int8 file is measured on
            all where that takes seconds.
        int8: how the full-precision sections become int8; `None` leaves them float32. Ranges are measured on the run's
            training images, unless it was trained with ranges.
        dataset: name or path of another data set than the run's, or of the run's when its folder was moved.
        converter: `own` or `lce`, see `hybrid_tf.compiler.convert`.

    Raises:
        HybridTFError: when the run cannot be loaded, a layer would silently stay float, or the file does not compute
            what Keras does; no file is left behind then.
    """
    run = load_run(folder)
    warn_of_unfinished(run)
    output = output or run.folder / (INT8_FILE if int8 else FILE)
    data, model, metadata = run.load_dataset(dataset), run.load_model(), metadata_of(run)
    if (output.parent / BEST).exists() and not output.parent.samefile(run.folder):
        metadata = replace(metadata, weights="")
    if int8:
        ranges = stored_ranges(run, int8.except_layers)
        if ranges and int8.calibration is not None:
            raise HybridTFError(f"run {run.folder} was trained with ranges of its own: leave --calibration out")
        metadata = replace(metadata, int8=ranges or _calibrated(model, data, int8))
    images, labels = test_images(data.test, run.normalisation, samples)
    io = int8.io if int8 else "float32"
    conversion, verification = convert_and_verify(model, output, metadata, images, labels, io, converter, strict=True)
    if int8:
        accuracy = int8_accuracy(model, output, data.test, run.normalisation, samples)
        verification = replace(verification, accuracy=accuracy)
    return conversion, replace(verification, inputs=f"test images of {data.name}")


def convert_model(
    path: Path,
    output: Path | None = None,
    dataset: str | None = None,
    samples: int = 256,
    int8: Int8Options | None = None,
    told: Told | None = None,
    converter: str = OWN,
    *,
    strict: bool = False,
) -> tuple[Conversion, Verification]:
    """Converts a saved Keras or Larq model and verifies the file, on noise when no data set is named.

    What the user does not tell of the model is seen in its layers or tried on the data set, see `model_inputs`. Errors
    as for `convert_run`, and when `int8` has no data set to measure ranges on. A layer that has to stay in full
    precision is one only if `strict`, and a warning otherwise.
    """
    model = load_keras_model(path)
    if int8 and dataset is None:
        raise HybridTFError("--int8 measures ranges on real images: name those of the training with --dataset")
    found = model_inputs(model, dataset, samples, told or Told())
    scores = scores_function(model)(found.images[:MOST_LOOKED_AT])
    check_scores(scores, found.metadata.scores)
    output = output or path.with_suffix(".int8.tflite" if int8 else ".tflite")
    metadata = found.metadata
    if int8 and found.data:
        metadata = replace(metadata, int8=_calibrated(model, found.data, int8))
    io = int8.io if int8 else "float32"
    conversion, verification = convert_and_verify(
        model, output, metadata, found.images, found.labels, io, converter, strict=strict
    )
    if conversion.metadata.scores == LOGITS and not found.metadata.scores and look_like_probabilities(scores):
        warn("the model's scores add up to 1 for each image: if they are probabilities, say --scores probabilities")
    if int8 and found.data:
        accuracy = int8_accuracy(model, output, found.data.test, found.data.normalisation, samples)
        verification = replace(verification, accuracy=accuracy)
    return conversion, replace(verification, inputs=found.text)


def verify_file(path: Path, file: Path | None = None, dataset: str | None = None, samples: int = 256) -> Verification:
    """Compares a converted file with the run or saved model it was made from, on test images.

    Without a data set a saved model has none, and is compared on noise; `inputs` of the result says so. How pixels
    become inputs is in the file. What an int8 file rounds to is, too, so nothing else says that it is one.

    Raises:
        HybridTFError: when one of them cannot be loaded.
    """
    others = () if file is None else (file,)
    found = expect(path, RUN, MODEL, command="verify", others=others, first="the run or the Keras model")
    file = file or (path / FILE if found == RUN else path.with_suffix(".tflite"))
    if not file.exists():
        raise HybridTFError(f"cannot read {file}: no such file; make it with `hybrid-tf convert {path}`")
    expect(file, TFLITE)
    warn_of_stale_files(file)
    if found == RUN:
        run = load_run(path)
        warn_of_unfinished(run)
        data = run.load_dataset(dataset)
        images, labels = test_images(data.test, run.normalisation, samples)
        verification = verify(run.load_model(), file, images, labels)
        return replace(verification, inputs=f"test images of {data.name}")
    model, about = load_keras_model(path), stored_metadata(file) or Metadata()
    shape = image_shape(model)
    normalisation = Normalisation(about.mean, about.std) if len(about.mean) == len(about.std) == shape[2] else None
    if dataset is None:
        images, text = noise(shape, samples, normalisation)
        return replace(verify(model, file, images), inputs=text)
    data = load_for(dataset, shape)
    if set(data.class_names) <= set(about.class_names):
        data = data.for_classes(about.class_names)
    check_classes(data, model.output_shape[-1])
    normalisation = normalisation or known_normalisation(model, None)
    normalisation = normalisation or tried_normalisation(scores_function(model), data, samples)
    images, labels = test_images(data.test, normalisation, samples)
    return replace(verify(model, file, images, labels), inputs=f"test images of {dataset}")


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


def _calibrated(model: tf.keras.Model, data: Dataset, int8: Int8Options) -> Int8:
    images, labels = data.train.take(int8.calibration or CALIBRATION_IMAGES)
    return calibrate_int8(model, data.normalisation.apply(images), labels, int8.except_layers)
