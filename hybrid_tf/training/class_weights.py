"""Weights of the classes in the loss: of a set with few images of some classes, all classes can count the same."""

import numpy as np
import tensorflow as tf

from hybrid_tf.config import Config, option
from hybrid_tf.data import Dataset
from hybrid_tf.errors import HybridTFError


def class_weights(config: Config, dataset: Dataset, classes: int) -> np.ndarray | None:
    """Returns the weight of an image of each class, float32 [classes]; None when all images count the same.

    Balanced, an image of class c has the weight n / (k * n_c), where n is the number of training images, n_c that of
    the class, and k the number of classes that have any (King and Zeng 2001, as in scikit-learn): the mean over all
    training images is 1. A class without images has the weight 0.

    Raises:
        HybridTFError: when the labels of the training images are not known before all of them are read.
    """
    if config.class_weights == "none":
        return None
    labels = dataset.train.labels
    if labels is None:
        raise HybridTFError(
            f"{option('class_weights')} {config.class_weights} needs the number of images of each class, which "
            f"'{dataset.name}' does not tell before all of it is read: leave it out"
        )
    counts = np.bincount(labels, minlength=classes)
    shares = np.count_nonzero(counts) * counts / len(labels)
    return np.divide(1.0, shares, out=np.zeros(classes), where=counts > 0).astype(np.float32)


def weighted(batches: tf.data.Dataset, weights: np.ndarray | None) -> tf.data.Dataset:
    """Returns `batches` of (images, labels [N, classes]) with the weight of each image as a third part, if any."""
    if weights is None:
        return batches
    return batches.map(lambda images, labels: (images, labels, tf.linalg.matvec(labels, weights)), tf.data.AUTOTUNE)
