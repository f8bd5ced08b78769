"""ResNet (He et al., arXiv 1512.03385): CIFAR networks of depth 6n + 2, and the ImageNet ones of basic blocks.

Shortcuts that change the shape are 1x1 convolutions (the paper's option B) in both.
"""

from functools import partial
from typing import NamedTuple

import tensorflow as tf

from hybrid_tf.models.layers import StageLayers, Tensor, classifier, full_precision_conv, max_pool, stage_layers
from hybrid_tf.models.network import Network
from hybrid_tf.models.spec import NetworkSpec


class Depths(NamedTuple):
    """Blocks and channels of each stage, and the input size of the publication, which decides the stem."""

    blocks: tuple[int, ...]
    channels: tuple[int, ...]
    input_size: int


CIFAR_CHANNELS = (16, 32, 64)
DEPTHS = {
    "resnet20": Depths((3, 3, 3), CIFAR_CHANNELS, 32),
    "resnet32": Depths((5, 5, 5), CIFAR_CHANNELS, 32),
    "resnet44": Depths((7, 7, 7), CIFAR_CHANNELS, 32),
    "resnet56": Depths((9, 9, 9), CIFAR_CHANNELS, 32),
    "resnet110": Depths((18, 18, 18), CIFAR_CHANNELS, 32),
    "resnet18": Depths((2, 2, 2, 2), (64, 128, 256, 512), 224),
    "resnet34": Depths((3, 4, 6, 3), (64, 128, 256, 512), 224),
}


def _layers(depths: Depths, _head: str) -> dict[str, str]:
    stages = {}
    for stage, blocks in enumerate(depths.blocks, 1):
        for block in range(1, blocks + 1):
            prefix = f"stage{stage}_block{block}"
            stages |= {f"{prefix}_conv1": str(stage), f"{prefix}_conv2": str(stage)}
            if block == 1 and stage > 1:
                stages[f"{prefix}_shortcut"] = str(stage)
    return stages


def _stem(x: Tensor, channels: int, input_size: int, following: StageLayers) -> Tensor:
    """The first convolution: 3x3, or for ImageNet 7x7 with pooling."""
    if input_size == 32:
        return full_precision_conv(x, channels, 3, name="stem")
    x = full_precision_conv(x, channels, 7, 2, name="stem", beta=following.pool_beta)
    return max_pool(x, 3, name="stem_pool")


def _residual(x: Tensor, channels: int, strides: int, make: StageLayers, convs: list[str], shortcut: str) -> Tensor:
    """The named 3x3 convolutions with one shortcut around them all."""
    x = make.activate(x)
    y = make.conv(x, channels, 3, strides, name=convs[0])
    for conv in convs[1:]:
        y = make.conv(make.activate(y), channels, 3, name=conv)
    return make.add(y, make.shortcut(x, channels, strides, name=shortcut), name=convs[-1])


def _block(x: Tensor, channels: int, strides: int, make: StageLayers, name: str) -> Tensor:
    """A basic block: two convolutions, with a shortcut around both or one around each."""
    convs = [f"{name}_conv1", f"{name}_conv2"]
    step = make.convs_per_shortcut
    for first in range(0, len(convs), step):
        x = _residual(x, channels, 1 if first else strides, make, convs[first : first + step], f"{name}_shortcut")
    return x


def _build(name: str, depths: Depths, spec: NetworkSpec) -> tf.keras.Model:
    inputs = tf.keras.Input(spec.input_shape, name="image")
    x = _stem(inputs, spec.channels(depths.channels[0]), depths.input_size, stage_layers(spec, "1"))
    for stage, (blocks, channels) in enumerate(zip(depths.blocks, depths.channels, strict=True), 1):
        make = stage_layers(spec, str(stage))
        for block in range(1, blocks + 1):
            strides = 2 if block == 1 and stage > 1 else 1
            x = _block(x, spec.channels(channels), strides, make, f"stage{stage}_block{block}")
    x = tf.keras.layers.GlobalAveragePooling2D(name="pool")(make.activate(x))
    outputs = classifier(x, spec.classes)
    return tf.keras.Model(inputs, outputs, name=name)


NETWORKS = [
    Network(name, partial(_build, name, depths), partial(_layers, depths), ("pooled",), depths.input_size)
    for name, depths in DEPTHS.items()
]
