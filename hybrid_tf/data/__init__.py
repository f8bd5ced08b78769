"""Data sets of images behind one small interface: embedded, from TensorFlow Datasets, or a folder of images."""

from hybrid_tf.data.dataset import WHOLE, Dataset, Examples, Normalisation, Shard, epoch_steps, train_batches
from hybrid_tf.data.images import load_image
from hybrid_tf.data.load import dataset_names, load_dataset

__all__ = [
    "WHOLE",
    "Dataset",
    "Examples",
    "Normalisation",
    "Shard",
    "dataset_names",
    "epoch_steps",
    "load_dataset",
    "load_image",
    "train_batches",
]
