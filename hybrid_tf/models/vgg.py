"""VGG (Simonyan and Zisserman, arXiv 1409.1556), configurations A, B, D and E, with batch norm.

Batch norm's beta takes the place of the published biases; gamma is left out where it means nothing, so that the trainable
parameters of the full-precision networks are exactly the published ones.
"""

from functools import partial

import tensorflow as tf

from hybrid_tf.layers import Tensor, Units, flatten, full_precision_conv, units_for
from hybrid_tf.models.network import Network, Setting

CHANNELS = (64, 128, 256, 512, 512)
DENSE_UNITS = 4096
CONVS = {  # 3x3 convolutions of each stage
    "vgg11": (1, 1, 2, 2, 2),
    "vgg13": (2, 2, 2, 2, 2),
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}


def _layers(convs: tuple[int, ...], head: str) -> dict[str, str]:
    stages = {
        f"stage{stage}_conv{conv}": str(stage)
        for stage, count in enumerate(convs, 1)
        for conv in range(1, count + 1)
        if (stage, conv) != (1, 1)
    }
    return stages | ({"head_dense1": "head", "head_dense2": "head"} if head == "paper" else {})


def _conv(x: Tensor, channels: int, units: Units, name: str) -> Tensor:
    """A 3x3 convolution, with a shortcut where every convolution has its own."""
    x = units.activate(x)
    if units.convs_per_shortcut > 1:
        return units.conv(x, channels, 3, name=name, scale=False)
    y = units.conv(x, channels, 3, name=name)
    return tf.keras.layers.Add(name=f"{name}_add")([y, units.shortcut(x, channels, name=f"{name}_shortcut")])


def _build(name: str, convs: tuple[int, ...], setting: Setting) -> tf.keras.Model:
    inputs = tf.keras.Input(setting.input_shape, name="image")
    x = full_precision_conv(inputs, setting.channels(CHANNELS[0]), 3, name="stage1_conv1", scale=False)
    for stage, (count, channels) in enumerate(zip(convs, CHANNELS, strict=True), 1):
        units = units_for(setting.plan, str(stage))
        for conv in range(2 if stage == 1 else 1, count + 1):
            x = _conv(x, setting.channels(channels), units, f"stage{stage}_conv{conv}")
        x = tf.keras.layers.MaxPooling2D(name=f"stage{stage}_pool")(x)
    if setting.head == "paper":
        units = units_for(setting.plan, "head")
        for dense in (1, 2):
            x = units.dense(units.activate(x), setting.channels(DENSE_UNITS), name=f"head_dense{dense}")
        x = flatten(units.activate(x))
    else:
        x = tf.keras.layers.GlobalAveragePooling2D(name="pool")(units.activate(x))
    outputs = tf.keras.layers.Dense(setting.classes, name="classifier")(x)
    return tf.keras.Model(inputs, outputs, name=name)


NETWORKS = [
    Network(name, partial(_build, name, convs), partial(_layers, convs), ("paper", "compact"), 224)
    for name, convs in CONVS.items()
]
