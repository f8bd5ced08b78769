"""The registry of networks. A new network is one row in its family's file."""

import math

import tensorflow as tf

from hybrid_tf.errors import HybridTFError, unknown
from hybrid_tf.models import resnet, vgg
from hybrid_tf.models.layers import PLAIN, Signs
from hybrid_tf.models.network import Network, Setting
from hybrid_tf.models.plan import Plan

SMALLEST_INPUT = 28  # five poolings take 28 to 1; a CIFAR ResNet still has a 7x7 map in its last stage

_NETWORKS = {network.name: network for network in (*resnet.NETWORKS, *vgg.NETWORKS)}


def network_names() -> list[str]:
    """Returns the names of the registered networks."""
    return list(_NETWORKS)


def network(name: str) -> Network:
    """Returns the registry's row for `name`. Raises HybridTFError when there is none."""
    if name not in _NETWORKS:
        raise unknown("network", name, _NETWORKS)
    return _NETWORKS[name]


def build_model(
    name: str,
    plan: Plan | str = "residual",
    *,
    input_shape: tuple[int, int, int] = (32, 32, 3),
    classes: int = 10,
    width: float = 1.0,
    head: str | None = None,
    signs: Signs = PLAIN,
) -> tf.keras.Model:
    """Builds a network under a plan.

    Args:
        name: a registered network, see `network_names()`.
        plan: a plan or its text, see `hybrid_tf.models.plan`.
        input_shape: height, width and channels of an image; at least 28x28.
        classes: number of outputs, at least 2.
        width: multiplies the channels of every hidden layer.
        head: `paper` (4096-4096-classes) or `compact` (one dense layer) for VGG; `None` takes the first.
        signs: how its binary layers are trained.

    Returns:
        A Keras model from normalised images [N, H, W, C] to logits [N, classes].

    Raises:
        HybridTFError: for an unknown name, stage, layer or head, or a size the network does not allow.
    """
    chosen = network(name)
    head = chosen.heads[0] if head is None else head
    if head not in chosen.heads:
        raise unknown(f"head of {name}", head, chosen.heads)
    if len(input_shape) != 3 or input_shape[2] < 1:
        raise HybridTFError(f"input shape {tuple(input_shape)} is not (height, width, channels)")
    if min(input_shape[:2]) < SMALLEST_INPUT:
        height, width_px = input_shape[:2]
        raise HybridTFError(
            f"{name} needs images of at least {SMALLEST_INPUT}x{SMALLEST_INPUT}, got {height}x{width_px}: "
            f"resize them with --input-size {SMALLEST_INPUT}"
        )
    if classes < 2:
        raise HybridTFError(f"a classifier needs at least 2 classes, got {classes}")
    if not (math.isfinite(width) and 0 < width <= 16):
        raise HybridTFError(f"the width multiplier must be above 0 and at most 16, got {width}")
    plan = Plan.parse(plan) if isinstance(plan, str) else plan
    plan.check(chosen.layers(head))
    return chosen.build(Setting(plan, tuple(input_shape), classes, width, head, signs))
