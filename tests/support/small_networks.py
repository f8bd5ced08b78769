"""Small networks with random weights and statistics: zero biases and a fresh batch norm would hide a miss."""

import larq
import numpy as np
import tensorflow as tf

layers = tf.keras.layers
SIZE = 12
# Which the registered networks are tested under.
PLANS = ("full_precision", "xnor", "residual", "residual+sections=2,3")
BINARY = {
    "input_quantizer": "ste_sign",
    "kernel_quantizer": "magnitude_aware_sign",
    "kernel_constraint": "weight_clip",
    "use_bias": False,
}
PADDED = {"padding": "same", "pad_values": 1.0}
METADATA = {
    "class_names": ("aéroplane", "bird", "cat", "deer", "dog"),
    "mean": (125.3, 122.95, 113.87),
    "std": (62.99, 62.09, 66.7),
    "input_shape": (SIZE, SIZE, 3),
    "network": "vgg11",
    "plan": "residual",
    "dataset": "cifar10",
}


def quant_conv(filters, kernel=3, **options):
    return larq.layers.QuantConv2D(filters, kernel, **{**BINARY, **options})


def binary(x, filters, kernel=3, **options):
    return layers.BatchNormalization()(quant_conv(filters, kernel, **{**PADDED, **options})(x))


def network(body, channels=32, size=SIZE, seed=0):
    image = layers.Input((size, size, 3))
    x = layers.Conv2D(channels, 3, padding="same", use_bias=False, name="stem")(image)
    x = body(layers.BatchNormalization(name="stem_bn")(x))
    if len(x.shape) == 4:
        x = layers.GlobalAveragePooling2D()(x)
    return randomise(tf.keras.Model(image, layers.Dense(5, name="classifier")(x)), seed)


def residual_network(seed=0):
    """A residual addition, a packed chain with pooling and odd channel counts, and a binary dense layer."""

    def body(x):
        x = layers.Add()([x, binary(x, 32, name="block")])
        x = layers.MaxPool2D()(binary(x, 40, name="packed"))
        x = binary(x, 24, strides=2, name="strided")
        return layers.Flatten()(binary(x, 16, 3, padding="valid", name="dense"))

    return network(body, seed=seed)


def full_precision_network():
    return network(lambda x: layers.ReLU()(layers.Conv2D(8, 3)(x)))


def randomise(model, seed=0):
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        name, shape = weight.name.rsplit("/", 1)[-1], weight.shape
        if "variance" in name:
            value = rng.uniform(0.5, 2, shape)
        elif "gamma" in name:
            value = rng.uniform(0.5, 1.5, shape) * rng.choice([-1, 1], shape)
        elif "kernel" in name:
            value = rng.normal(size=shape) / np.sqrt(np.prod(shape[:-1]))
        else:
            value = rng.normal(size=shape)
        weight.assign(value.astype(np.float32))
    return model


def random_images(count=20, size=SIZE, seed=1):
    return np.random.default_rng(seed).normal(size=(count, size, size, 3)).astype(np.float32)
