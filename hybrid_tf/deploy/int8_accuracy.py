"""What int8 costs in accuracy: the network in full precision and its int8 file on the same test images."""

import time
from pathlib import Path

import numpy as np
import tensorflow as tf

from hybrid_tf.compiler.outcome import Accuracy
from hybrid_tf.data import Examples, Normalisation
from hybrid_tf.deploy.engines import ENGINES, fastest_engine, scores_in
from hybrid_tf.system.progress import with_progress

MOST_LOST = 1.0  # percentage points; more is worth a fine-tuning
_BATCH = 64
_MOST_SECONDS = 20.0  # that all test images may take
_MOST_BYTES = 1 << 29  # that they may take as uint8


def int8_accuracy(
    model: tf.keras.Model, file: Path, examples: Examples, normalisation: Normalisation, samples: int
) -> Accuracy:
    """Returns the accuracy of `model` and of its int8 file, on all test images where that takes seconds.

    Args:
        model: Keras model from images [N, H, W, C] to scores [N, classes], which computes in float32.
        file: path of the int8 file.
        examples: test images, uint8, and labels.
        normalisation: normalisation of the network's inputs.
        samples: number of images to begin with, and to end with where all of them would take long.
    """
    engine = fastest_engine(file)
    run_file = scores_in(engine, file)

    @tf.function(input_signature=[tf.TensorSpec((None, *model.input_shape[1:]))])
    def run_model(images: tf.Tensor) -> tf.Tensor:
        return tf.nest.flatten(model(images, training=False))[0]

    def right(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        counts = np.zeros(2, int)
        for start in with_progress(range(0, len(images), _BATCH), "accuracy of int8"):
            inputs = normalisation.apply(images[start : start + _BATCH])
            found = run_model(tf.constant(inputs)).numpy(), run_file(inputs)
            counts += [int(np.sum(scores.argmax(axis=1) == labels[start : start + _BATCH])) for scores in found]
        return counts

    images, labels = examples.take(samples)
    right(images[:1], labels[:1])  # traced before it is timed
    start = time.monotonic()
    counts = right(images, labels)
    times = examples.size / len(images)
    if times > 1 and (time.monotonic() - start) * times < _MOST_SECONDS and images.nbytes * times < _MOST_BYTES:
        done = len(images)
        images, labels = examples.take(examples.size)
        counts += right(images[done:], labels[done:])
    network, int8 = (int(count) / len(images) for count in counts)
    return Accuracy(len(images), network, int8, ENGINES[engine])
