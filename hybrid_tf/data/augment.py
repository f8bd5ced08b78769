"""Random augmentation of whole batches: every draw is a function of a seed, so that an epoch can be repeated."""

import math
from collections.abc import Callable

import tensorflow as tf

from hybrid_tf.data.strong_augmentation import strongly_augmented

ORDER, BATCH, IMAGE = 0, 1, 2  # what a seed is used for: the order of an epoch, a whole batch, a single image

_AREA = (0.08, 1.0)  # fraction of the image's area in the crops used to train on ImageNet (arXiv 1409.4842)
_ASPECT = (3 / 4, 4 / 3)  # width over height of these crops


def seed_of(seed: int, purpose: int, *counters: tf.Tensor) -> tf.Tensor:
    """Returns the seed [2] of one use of randomness at the given counters: epoch, then step or image."""
    key = tf.constant([seed, purpose], tf.int64)
    for counter in counters:
        key = tf.random.experimental.stateless_fold_in(key, counter)
    return key


def augment(
    images: tf.Tensor, augmentation: str, seed: tf.Tensor, first: int = 0, batch: int | None = None
) -> tf.Tensor:
    """Returns a batch [B,H,W,C] with every image changed at random; pixels stay in 0..255.

    Args:
        images: batch of images [B,H,W,C], uint8 or float32, pixels in 0..255.
        augmentation: name of the augmentation: "none"; "crop" (shifted by up to an eighth of the side, the border
            reflected); "crop-flip" (and mirrored, half of the time); "resized-crop-flip" (a part of random size and
            shape, enlarged to the whole, and mirrored); "flip" (mirrored only); "strong" (turned, scaled, shifted,
            recoloured and partly hidden, see `strong_augmentation`); "strong-flip" (and mirrored).
        seed: seed [2] of the random draws.
        first: number of the first image within a larger batch; the images are changed as they would be in that batch.
        batch: size of the larger batch; by default there is none.
    """
    count = tf.shape(images)[0]

    def draws(shape: list[int], seed: tf.Tensor, *limits: int, **options: tf.DType) -> tf.Tensor:
        """Returns numbers [N, *shape], those for the images among the numbers for the whole batch."""
        whole = tf.random.stateless_uniform([batch or count, *shape], seed, *limits, **options)
        return whole[first : first + count]

    seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
    if augmentation.startswith("crop"):
        images = _shifted(images, seeds[0], draws)
    elif augmentation.startswith("strong"):
        images = strongly_augmented(images, seeds[0], first, batch or count)
    elif augmentation.startswith("resized-crop"):
        images = _resized_crops(
            images, random_boxes(batch or count, *images.shape[1:3], seeds[0])[first : first + count]
        )
    return _flipped(images, draws([1], seeds[1]) < 0.5) if augmentation.endswith("flip") else images


def random_boxes(count: int | tf.Tensor, height: tf.Tensor, width: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Returns the random crops of ImageNet training in images of height x width pixels.

    Of ten draws of area and aspect ratio the first that fits inside the image counts; if none does, the whole image.

    Returns:
        The crops, float32 [count, 4]: top, left, bottom, right as fractions of the sides.
    """
    seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 3))
    sides = tf.cast(height, tf.float32) / tf.cast(width, tf.float32)
    area = tf.random.stateless_uniform([count, 10], seeds[0], *_AREA)
    aspect = tf.exp(tf.random.stateless_uniform([count, 10], seeds[1], *map(math.log, _ASPECT)))
    size = tf.stack([tf.sqrt(area / aspect / sides), tf.sqrt(area * aspect * sides)], axis=-1)  # fractions
    fits = tf.reduce_all(size <= 1.0, axis=-1)
    size = tf.gather(size, tf.argmax(tf.cast(fits, tf.int32), axis=1), axis=1, batch_dims=1)
    size = tf.where(tf.reduce_any(fits, axis=1)[:, None], size, 1.0)
    corner = tf.random.stateless_uniform([count, 2], seeds[2]) * (1.0 - size)
    return tf.concat([corner, corner + size], axis=1)


def _shifted(images: tf.Tensor, seed: tf.Tensor, draws: Callable[..., tf.Tensor]) -> tf.Tensor:
    # Reading reflected positions is the same as padding by reflection and cropping, without the padded copy.
    seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
    for axis, axis_seed in zip((1, 2), seeds, strict=True):
        last = images.shape[axis] - 1
        pad = images.shape[axis] // 8
        shift = draws([1], axis_seed, -pad, pad + 1, dtype=tf.int32)
        position = tf.abs(tf.range(images.shape[axis]) + shift)
        images = tf.gather(images, last - tf.abs(last - position), axis=axis, batch_dims=1)
    return images


def _flipped(images: tf.Tensor, flip: tf.Tensor) -> tf.Tensor:
    columns = tf.range(images.shape[2])
    return tf.gather(images, tf.where(flip, columns[::-1], columns), axis=2, batch_dims=1)  # 3 x as fast as reversing


def _resized_crops(images: tf.Tensor, boxes: tf.Tensor) -> tf.Tensor:
    count, height, width = tf.shape(images)[0], *images.shape[1:3]
    # crop_and_resize counts from the centre of the first pixel to the centre of the last, and paints what lies outside
    # black: rounding must not lead there.
    sides = tf.constant([height, width, height, width], tf.float32)
    boxes = (boxes * sides - [0.0, 0.0, 1.0, 1.0]) / tf.maximum(sides - 1.0, 1.0)
    boxes = tf.minimum(boxes, 1.0 - 1e-5)
    return tf.image.crop_and_resize(images, boxes, tf.range(count), (height, width))
