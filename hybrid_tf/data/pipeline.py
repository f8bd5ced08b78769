"""The parts that every input pipeline has in common."""

from collections.abc import Callable

import tensorflow as tf

from hybrid_tf.data.dataset import Normalisation


def parallel_map(dataset: tf.data.Dataset, function: Callable[..., object]) -> tf.data.Dataset:
    """Returns `dataset` with `function` applied on several threads, in an order that does not depend on them."""
    return dataset.map(function, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def normalised(images: tf.Tensor, normalisation: Normalisation) -> tf.Tensor:
    """Returns `images` [..., C] of pixels in 0..255 as normalised float32."""
    return (tf.cast(images, tf.float32) - normalisation.mean) / normalisation.std


def finished(dataset: tf.data.Dataset, batches: int) -> tf.data.Dataset:
    """Returns `dataset` of `batches` batches, read ahead of its use."""
    options = tf.data.Options()
    options.deterministic = True
    # A batch is made from indices, not from one file a worker: workers must share the batches, not the files.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(batches))
    return dataset.prefetch(tf.data.AUTOTUNE).with_options(options)
