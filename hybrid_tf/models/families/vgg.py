"""VGG (Simonyan and Zisserman, arXiv 1409.1556), configurations A, B, D and E, with batch norm.

Batch norm's beta takes the place of the published biases; gamma is left out where it means nothing, so that the
trainable parameters of the full-precision networks are exactly the published ones.
"""

from functools import partial

import tensorflow as tf

from hybrid_tf.config import HEADS
from hybrid_tf.models.layers import (
    StageLayers,
    Tensor,
    classifier,
    flatten,
    full_precision_conv,
    max_pool,
    stage_layers,
)
from hybrid_tf.models.network import Network
from hybrid_tf.models.spec import NetworkSpec

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


def _conv(x: Tensor, channels: int, make: StageLayers, name: str, beta: float, pool: str | None) -> Tensor:
    """A 3x3 convolution and the max pooling called `pool`, if any, with a shortcut where each convolution has its own.

    Between shortcuts only the branch has the maximum: behind the sum it would add up along the shortcuts, until the
    signs of a deep network are all +1; a mean of the sum would leave the float path linear, which costs accuracy.
    """
    has_shortcut = make.convs_per_shortcut == 1
    x = make.activate(x)
    y = make.conv(x, channels, 3, name=name, scale=has_shortcut, beta=beta)
    y = max_pool(y, name=pool) if pool else y
    if not has_shortcut:
        return y
    return make.add(y, make.shortcut(x, channels, 2 if pool else 1, name=f"{name}_shortcut"), name=name)


def _build(name: str, convs: tuple[int, ...], spec: NetworkSpec) -> tf.keras.Model:
    stages = [stage_layers(spec, str(stage)) for stage in range(1, len(convs) + 1)]
    head = stage_layers(spec, "head") if spec.head == "paper" else stages[-1]
    x = inputs = tf.keras.Input(spec.input_shape, name="image")
    for stage, (count, channels) in enumerate(zip(convs, CHANNELS, strict=True), 1):
        make, following = stages[stage - 1], [*stages, head][stage]
        for conv in range(1, count + 1):
            layer = f"stage{stage}_conv{conv}"
            pool, beta = (f"stage{stage}_pool", following.pool_beta) if conv == count else (None, 0.0)
            if layer == "stage1_conv1":
                x = full_precision_conv(x, spec.channels(channels), 3, name=layer, scale=False, beta=beta)
                x = max_pool(x, name=pool) if pool else x
            else:
                x = _conv(x, spec.channels(channels), make, layer, beta, pool)
    if spec.head == "paper":
        for dense in (1, 2):
            x = head.dense(head.activate(x), spec.channels(DENSE_UNITS), name=f"head_dense{dense}")
        x = flatten(head.activate(x))
    else:
        x = tf.keras.layers.GlobalAveragePooling2D(name="pool")(head.activate(x))
    outputs = classifier(x, spec.classes)
    return tf.keras.Model(inputs, outputs, name=name)


NETWORKS = [
    Network(name, partial(_build, name, convs), partial(_layers, convs), HEADS, 224) for name, convs in CONVS.items()
]
