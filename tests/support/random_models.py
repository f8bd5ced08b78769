"""Random small networks, each from a seed: layers, orders, paddings, strides, groups, activations, poolings."""

from functools import partial

import larq
import numpy as np
import tensorflow as tf

from tests.support.small_networks import randomise

layers = tf.keras.layers
_SIGNS = ("ste_sign", "approx_sign", "swish_sign")
_BINARY = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}
_KERNELS = (*_SIGNS, "magnitude_aware_sign", "magnitude_aware_sign")


@tf.keras.utils.register_keras_serializable("tests")
class SelectedSign(layers.Layer):
    """A sign as other frameworks write it."""

    def call(self, inputs):
        return tf.where(inputs >= 0, 1.0, -1.0)


class _Maker:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def one_of(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def chance(self, probability):
        return self.rng.random() < probability

    def padding(self):
        if self.chance(0.3):
            return {"padding": "valid"}
        return {"padding": "same", "pad_values": self.one_of(1.0, 1.0, 1.0, 0.0, -1.0)}

    def binary(self, x, share=False):
        kernel = min(self.one_of(1, 2, 3, 3, 3, 5), *x.shape[1:3])
        channels = x.shape[-1]
        groups = self.one_of(1, 2) if channels % 64 == 0 else 1
        strides = self.one_of(1, 1, 2)
        settings = {
            **self.padding(),
            "strides": strides,
            "dilation_rate": self.one_of(1, 1, 2) if strides == 1 and kernel > 1 and min(x.shape[1:3]) > 4 else 1,
            "groups": groups,
            "use_bias": self.chance(0.2),
            "activation": self.one_of(None, None, None, None, "relu"),
            "input_quantizer": self.one_of(*_SIGNS),
            "kernel_quantizer": self.one_of(*_KERNELS),
        }
        if settings["dilation_rate"] > 1 and kernel * 2 - 1 > min(x.shape[1:3]):
            settings["dilation_rate"] = 1
        if settings.get("pad_values") == 0.0 and groups > 1:
            settings["pad_values"] = 1.0
        filters = channels if share else self.one_of(3, 8, 32, 33, 64)
        filters -= filters % groups
        if share:
            settings |= {"padding": "same", "pad_values": 1.0, "strides": 1}
        layer = larq.layers.QuantConv2D(filters, kernel, **settings)
        return layer(layer(x)) if share else layer(x)

    def norm(self, x):
        return layers.BatchNormalization(scale=self.chance(0.6), center=self.chance(0.8))(x)

    def activation(self, x):
        prelu = partial(layers.PReLU, shared_axes=(1, 2))
        return self.one_of(layers.ReLU, partial(layers.ReLU, max_value=6.0), layers.LeakyReLU, prelu)()(x)

    def pool(self, x):
        if min(x.shape[1:3]) < 3:
            return x
        size, strides = self.one_of(2, 3), self.one_of(1, 2)
        kind = self.one_of(layers.MaxPooling2D, layers.MaxPooling2D, layers.AveragePooling2D)
        return kind(size, strides, padding=self.one_of("same", "valid"))(x)

    def explicitly_padded(self, x):
        padded = layers.ZeroPadding2D(self.one_of(1, (1, 0), ((0, 1), (0, 1))))(x)
        conv = larq.layers.QuantConv2D if self.chance(0.5) else layers.Conv2D
        signs = _BINARY if conv is not layers.Conv2D else {}
        return conv(16, 3, strides=self.one_of(1, 2), use_bias=False, **signs)(padded)

    def chain(self, x, depth=2):
        """A binary convolution and what may follow it, in any order."""
        x = self.binary(x)
        for _ in range(self.rng.integers(1, depth + 2)):
            x = self.one_of(self.norm, self.norm, self.pool, self.activation)(x)
        return x

    def residual(self, x):
        y = self.norm(self.one_of(self.full_precision, self.same_shape)(x))
        return layers.Add()([x, y]) if y.shape == x.shape else y

    def same_shape(self, x):
        options = {"padding": "same", "pad_values": self.one_of(0.0, 1.0), "use_bias": False}
        return larq.layers.QuantConv2D(x.shape[-1], 3, **_BINARY, **options)(x)

    def full_precision(self, x):
        return layers.Conv2D(self.one_of(8, 32), 3, padding="same", activation=self.one_of(None, "relu"))(x)

    def two_readers(self, x):
        read = [larq.layers.QuantConv2D(filters, 1, **_BINARY, use_bias=False)(x) for filters in (32, 8)]
        return layers.Concatenate()(read)

    def weights_or_input_only(self, x):
        signs = self.one_of({"kernel_quantizer": "ste_sign"}, {"input_quantizer": "ste_sign"})
        return larq.layers.QuantConv2D(16, min(3, *x.shape[1:3]), **signs)(x)

    def depthwise(self, x):
        signs = {"input_quantizer": "ste_sign", "depthwise_quantizer": "ste_sign"}
        return larq.layers.QuantDepthwiseConv2D(min(3, *x.shape[1:3]), padding="same", pad_values=1.0, **signs)(x)

    def selected_sign(self, x):
        return larq.layers.QuantConv2D(32, 1, kernel_quantizer="ste_sign", use_bias=False)(SelectedSign()(x))

    def nested(self, x):
        image = layers.Input(x.shape[1:])
        return tf.keras.Model(image, self.chain(image))(x)

    def body(self, x):
        kinds = [self.chain] * 5 + [
            *(self.residual, self.nested, self.pool, self.full_precision, self.two_readers, self.explicitly_padded),
            *(self.weights_or_input_only, self.depthwise, self.selected_sign, partial(self.binary, share=True)),
        ]
        for _ in range(self.rng.integers(1, 5)):
            if min(x.shape[1:3]) < 3:
                break
            x = self.one_of(*kinds)(x)
        return x

    def head(self, x):
        if self.chance(0.4):
            x = layers.GlobalAveragePooling2D()(x)
        elif self.chance(0.8):
            x = layers.Flatten()(x)
            signs = {"input_quantizer": self.one_of(*_SIGNS), "kernel_quantizer": self.one_of(*_SIGNS)}
            for units in self.one_of((), (64,), (40, 32)):
                x = self.norm(larq.layers.QuantDense(units, use_bias=self.chance(0.3), **signs)(x))
        else:
            x = layers.Flatten()(x)
        dense = layers.Dense(5) if self.chance(0.7) else larq.layers.QuantDense(5, **_BINARY)
        x = dense(x)
        return layers.Softmax()(x) if self.chance(0.2) else x


def random_model(seed):
    """Returns a network with random weights and batch-norm statistics."""
    maker = _Maker(seed)
    size = int(maker.rng.integers(6, 15))
    image = layers.Input((size, int(maker.rng.integers(size - 2, size + 3)), maker.one_of(1, 3, 4)))
    x = maker.norm(maker.full_precision(image)) if maker.chance(0.8) else image
    return randomise(tf.keras.Model(image, maker.head(maker.body(x))), seed)


def random_model_of_two(seed):
    """Returns a network of two images, with random weights, that gives scores and what is behind each image."""
    maker = _Maker(seed)
    size = int(maker.rng.integers(6, 15))
    images = [layers.Input((size, size, maker.one_of(1, 3, 32))) for _ in range(2)]
    maps = [maker.body(maker.norm(maker.full_precision(image))) for image in images]
    scores = layers.Concatenate()([layers.GlobalAveragePooling2D()(x) for x in maps])
    return randomise(tf.keras.Model(images, [layers.Dense(5)(scores), *maps]), seed)
