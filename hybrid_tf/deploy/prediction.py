"""The classes that a run or a converted file gives to image files."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from hybrid_tf.compiler import Interpreter, Metadata
from hybrid_tf.data import Normalisation, load_image
from hybrid_tf.deploy.inputs import required_metadata
from hybrid_tf.runs.run import Run, load_run


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
        background = source.config.background
    else:
        source = required_metadata(path)
        shape, normalisation = source.input_shape, Normalisation(source.mean, source.std)
        scores, background = Interpreter(path).predict, source.background
    inputs = normalisation.apply(np.stack([load_image(image, shape, background) for image in images]))
    outputs = np.asarray(scores(inputs))
    probabilities = tf.nn.softmax(outputs).numpy()
    return [
        {
            "image": str(image),
            "top": [{"class": source.class_names[i], "probability": float(row[i])} for i in np.argsort(-row)[:top]],
        }
        for image, row in zip(images, probabilities, strict=True)
    ]
