"""ResNet (He et al., arXiv 1512.03385): CIFAR networks of depth 6n + 2, and the ImageNet ones of basic blocks.

Shortcuts that change the shape are 1x1 convolutions (the paper's option B) in both.
"""

from functools import partial
from typing import NamedTuple

import tensorflow as tf

from hybrid_tf.models.layers import Tensor, Units, classifier, full_precision_conv, max_pool
from hybrid_tf.models.network import Network, Setting


class Spec(NamedTuple):
    """Blocks and channels of each stage, and the input size of the publication, which decides the stem."""

    blocks: tuple[int, ...]
    channels: tuple[int, ...]
    input_size: int


CIFAR_CHANNELS = (16, 32, 64)
SPECS = {
    "resnet20": Spec((3, 3, 3), CIFAR_CHANNELS, 32),
    "resnet32": Spec((5, 5, 5), CIFAR_CHANNELS, 32),
    "resnet44": Spec((7, 7, 7), CIFAR_CHANNELS, 32),
    "resnet56": Spec((9, 9, 9), CIFAR_CHANNELS, 32),
    "resnet110": Spec((18, 18, 18), CIFAR_CHANNELS, 32),
    "resnet18": Spec((2, 2, 2, 2), (64, 128, 256, 512), 224),
    "resnet34": Spec((3, 4, 6, 3), (64, 128, 256, 512), 224),
}


def _layers(spec: Spec, _head: str) -> dict[str, str]:
    stages = {}
    for stage, blocks in enumerate(spec.blocks, 1):
        for block in range(1, blocks + 1):
            prefix = f"stage{stage}_block{block}"
            stages |= {f"{prefix}_conv1": str(stage), f"{prefix}_conv2": str(stage)}
            if block == 1 and stage > 1:
                stages[f"{prefix}_shortcut"] = str(stage)
    return stages


def _stem(x: Tensor, channels: int, input_size: int, following: Units) -> Tensor:
    """The first convolution: 3x3, or for ImageNet 7x7 with pooling."""
    if input_size == 32:
        return full_precision_conv(x, channels, 3, name="stem")
    x = full_precision_conv(x, channels, 7, 2, name="stem", beta=following.pool_beta)
    return max_pool(x, 3, name="stem_pool")


def _residual(x: Tensor, channels: int, strides: int, units: Units, convs: list[str], shortcut: str) -> Tensor:
    """The named 3x3 convolutions with one shortcut around them all."""
    x = units.activate(x)
    y = units.conv(x, channels, 3, strides, name=convs[0])
    for conv in convs[1:]:
        y = units.conv(units.activate(y), channels, 3, name=conv)
    return units.add(y, units.shortcut(x, channels, strides, name=shortcut), name=convs[-1])


def _block(x: Tensor, channels: int, strides: int, units: Units, name: str) -> Tensor:
    """A basic block: two convolutions, with a shortcut around both or one around each."""
    convs = [f"{name}_conv1", f"{name}_conv2"]
    step = units.convs_per_shortcut
    for first in range(0, len(convs), step):
        x = _residual(x, channels, 1 if first else strides, units, convs[first : first + step], f"{name}_shortcut")
    return x


def _build(name: str, spec: Spec, setting: Setting) -> tf.keras.Model:
    inputs = tf.keras.Input(setting.input_shape, name="image")
    x = _stem(inputs, setting.channels(spec.channels[0]), spec.input_size, setting.units("1"))
    for stage, (blocks, channels) in enumerate(zip(spec.blocks, spec.channels, strict=True), 1):
        units = setting.units(str(stage))
        for block in range(1, blocks + 1):
            strides = 2 if block == 1 and stage > 1 else 1
            x = _block(x, setting.channels(channels), strides, units, f"stage{stage}_block{block}")
    x = tf.keras.layers.GlobalAveragePooling2D(name="pool")(units.activate(x))
    outputs = classifier(x, setting.classes)
    return tf.keras.Model(inputs, outputs, name=name)


NETWORKS = [
    Network(name, partial(_build, name, spec), partial(_layers, spec), ("pooled",), spec.input_size)
    for name, spec in SPECS.items()
]
