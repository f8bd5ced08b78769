"""The classes that a run or a converted file gives to image files."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from hybrid_tf.compiler import Interpreter, Metadata
from hybrid_tf.compiler.metadata import LOGITS
from hybrid_tf.compiler.scores import as_probabilities, scores_of
from hybrid_tf.data import Normalisation, load_image
from hybrid_tf.data.image_files import ImageFile, image_files
from hybrid_tf.deploy.freshness import warn_of_stale_files, warn_of_unfinished
from hybrid_tf.deploy.inputs import required_metadata
from hybrid_tf.errors import HybridTFError
from hybrid_tf.runs.kinds import RUN, TFLITE, expect
from hybrid_tf.runs.run import Run, load_run

_MOST_IMAGES = 64  # in a batch
_MOST_PIXELS = 1 << 19  # in a batch: Keras holds some hundred floats for each


def predict_images(path: Path, images: Iterable[str | Path], top: int = 1) -> Iterator[dict[str, Any]]:
    """Classifies image files with a run or a converted file, in batches, so that any number of them may come.

    Args:
        path: path of the run folder or the file.
        images: image files, folders, patterns or `-`, see `image_files`.
        top: number of classes for each image, at most all of them.

    Yields:
        For each image `image`, its path, and `top`, the most probable classes with their probabilities; or `error`,
        where it cannot be read.

    Raises:
        HybridTFError: when the run or the file cannot be read, or its scores are no numbers.
    """
    expect(path, RUN, TFLITE, command="predict", others=tuple(map(Path, images)), first="the run or the .tflite file")
    warn_of_stale_files(path)
    source: Run | Metadata
    if path.is_dir():
        source = load_run(path)
        warn_of_unfinished(source)
        shape, normalisation, scores = source.image_shape, source.normalisation, source.load_model()
        background, kind = source.config.background, LOGITS
    else:
        source = required_metadata(path)
        shape, normalisation = source.input_shape, Normalisation(source.mean, source.std)
        scores, background, kind = Interpreter(path).predict, source.background, scores_of(path, source)
    files = image_files(images)
    most = max(1, min(_MOST_IMAGES, _MOST_PIXELS // (shape[0] * shape[1])))
    while batch := list(islice(files, most)):
        loaded = [_loaded(file, shape, background) for file in batch]
        pixels = [image for image in loaded if isinstance(image, np.ndarray)]
        rows = iter(np.asarray(scores(normalisation.apply(np.stack(pixels)))) if pixels else ())
        for file, image in zip(batch, loaded, strict=True):
            if isinstance(image, str):
                yield {"image": file.name, "error": image}
            else:
                yield {"image": file.name, "top": _most_probable(next(rows), kind, source.class_names, top, path)}


def _loaded(file: ImageFile, shape: tuple[int, int, int], background: str) -> np.ndarray | str:
    """Returns an image, uint8 [H,W,C], or why there is none."""
    if file.error:
        return file.error
    try:
        return load_image(file.name, shape, background)
    except HybridTFError as error:
        return str(error)


def _most_probable(scores: np.ndarray, kind: str, names: tuple[str, ...], top: int, path: Path) -> list[dict[str, Any]]:
    if len(scores) != len(names) or not np.isfinite(scores).all():
        what = (
            f"{len(scores)} scores for {len(names)} classes"
            if len(scores) != len(names)
            else "scores that are no numbers"
        )
        raise HybridTFError(f"{path} gives {what}: train or convert it again")
    probabilities = as_probabilities(scores, kind)
    best = np.argsort(-scores, kind="stable")[:top]
    return [{"class": names[i], "probability": float(probabilities[i])} for i in best]
