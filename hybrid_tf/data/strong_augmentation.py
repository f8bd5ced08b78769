"""Strong augmentation, for few images: turned, scaled, shifted, recoloured and partly hidden.

Every image goes through every change, each with a magnitude of its own that is drawn uniformly, as in RandAugment
(Cubuk et al., arXiv 1909.13719) without a choice of the changes. The changes are the field's: an affine map;
brightness, contrast and colour by a factor each (Howard, arXiv 1312.5402); and Cutout (DeVries and Taylor, arXiv
1708.04552). The layers of Keras that do the same draw from a state, so that an epoch could not be repeated.
"""

import math

import tensorflow as tf

_ANGLE = math.radians(15)  # to either side
_ZOOM = (0.8, 1.25)  # scale of an image, of each axis by itself
_SHIFT = 1 / 8  # of the side, in each direction
_COLOUR = (0.6, 1.4)  # factors of brightness, contrast and saturation
_HIDDEN = 1 / 2  # side of the largest hidden square, as a fraction of the shorter side


def strongly_augmented(images: tf.Tensor, seed: tf.Tensor, first: int, batch: int | tf.Tensor) -> tf.Tensor:
    """Returns images [B,H,W,C] of pixels in 0..255 as float32, each changed at random, of pixels in 0..255.

    Args:
        images: images of a batch, uint8 or float32.
        seed: seed [2] of the random draws.
        first: number of the first image within a larger batch; the images are changed as they would be in that batch.
        batch: size of the larger batch.
    """
    part = slice(first, first + tf.shape(images)[0])
    seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 3))
    # Of the whole batch, because a cosine of one number and of eight at once may differ in the last digit.
    transforms = _transforms(tf.random.stateless_uniform([batch, 5], seeds[0]), *images.shape[1:3])
    images = _moved(tf.cast(images, tf.float32), transforms[part])
    images = _recoloured(images, tf.random.stateless_uniform([batch, 3], seeds[1], *_COLOUR)[part])
    return _partly_hidden(images, tf.random.stateless_uniform([batch, 3], seeds[2])[part])


def _transforms(shares: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Returns maps [N, 8] that turn, scale and shift images about their centre, as TensorFlow writes them.

    Args:
        shares: where each of five magnitudes is between its limits, 0 to 1: [N, 5].
        height: height of the images in pixels.
        width: width of the images in pixels.
    """
    angle, zoom_y, zoom_x, down, right = tf.unstack(shares, axis=1)
    angle = (2 * angle - 1) * _ANGLE
    low, high = map(math.log, _ZOOM)
    zoom_y, zoom_x = (tf.exp(low + share * (high - low)) for share in (zoom_y, zoom_x))
    cosine, sine = tf.cos(angle), tf.sin(angle)
    # Each leads from a place (x, y) of the result to where it is read.
    rows = [[cosine / zoom_x, -sine / zoom_x], [sine / zoom_y, cosine / zoom_y]]
    centre = [(width - 1) / 2, (height - 1) / 2]
    shift = [(2 * right - 1) * _SHIFT * width, (2 * down - 1) * _SHIFT * height]
    offsets = [
        middle + moved - row[0] * centre[0] - row[1] * centre[1]
        for middle, moved, row in zip(centre, shift, rows, strict=True)
    ]
    zero = tf.zeros_like(angle)
    return tf.stack([*rows[0], offsets[0], *rows[1], offsets[1], zero, zero], axis=1)


def _moved(images: tf.Tensor, transforms: tf.Tensor) -> tf.Tensor:
    """Returns images float32 [B,H,W,C] under the maps [B, 8]; what comes in from outside is reflected."""
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=images.shape[1:3],
        interpolation="BILINEAR",
        fill_mode="REFLECT",
        fill_value=0.0,
    )


def _recoloured(images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """Returns images [B,H,W,C] with brightness, contrast and saturation changed by `factors` [B, 3]."""
    brightness, contrast, saturation = (factor[:, None, None, None] for factor in tf.unstack(factors, axis=1))
    images *= brightness
    mean = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True)
    images = mean + contrast * (images - mean)
    if images.shape[-1] == 3:
        grey = tf.image.rgb_to_grayscale(images)
        images = grey + saturation * (images - grey)
    return tf.clip_by_value(images, 0.0, 255.0)


def _partly_hidden(images: tf.Tensor, shares: tf.Tensor) -> tf.Tensor:
    """Returns images with a square of their mean colour in them.

    Args:
        images: images float32 [B,H,W,C].
        shares: its side as a share of the largest, and its centre's place as shares of height and width: [B, 3].
    """
    height, width = images.shape[1:3]
    half = shares[:, :1] * (_HIDDEN * min(height, width) / 2)
    rows, columns = (
        tf.abs(tf.range(size, dtype=tf.float32) + 0.5 - shares[:, axis : axis + 1] * size) < half
        for axis, size in ((1, height), (2, width))
    )
    hidden = rows[:, :, None, None] & columns[:, None, :, None]
    return tf.where(hidden, tf.reduce_mean(images, axis=(1, 2), keepdims=True), images)
