"""The registry of networks: every row of every family.

A new family is a module in `hybrid_tf/models/families/` with a table `NETWORKS`; the registry finds it.
"""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

import tensorflow as tf

from hybrid_tf.errors import unknown
from hybrid_tf.models import families
from hybrid_tf.models.network import Network
from hybrid_tf.models.plan import Plan
from hybrid_tf.models.spec import BinarizationConfig, NetworkSpec


@cache
def _networks() -> dict[str, Network]:
    modules = [import_module(f"{families.__name__}.{module.name}") for module in iter_modules(families.__path__)]
    return {network.name: network for module in modules for network in module.NETWORKS}


def network_names() -> list[str]:
    """Returns the names of the registered networks, family by family."""
    return list(_networks())


def find_network(name: str) -> Network:
    """Returns the registry's row for `name`. Raises HybridTFError when there is none."""
    if name not in _networks():
        raise unknown("network", name, _networks())
    return _networks()[name]


def build_model(
    name: str,
    plan: Plan | str = "residual",
    *,
    input_shape: tuple[int, int, int] = (32, 32, 3),
    classes: int = 10,
    width: float = 1.0,
    head: str | None = None,
    binarization: BinarizationConfig | None = None,
) -> tf.keras.Model:
    """Builds a network under a plan: `NetworkSpec(...).build()`.

    Args:
        name: name of a registered network, see `network_names()`.
        plan: the plan or its text, see `hybrid_tf.models.plan`.
        input_shape: height, width and channels of an image; at least 28x28.
        classes: number of outputs, at least 2.
        width: multiplier of the channels of every hidden layer.
        head: name of the head, for VGG `paper` (4096-4096-classes) or `compact` (one dense layer); `None` for the
            first.
        binarization: how the binary layers are trained; `None` for the plain way.

    Returns:
        A Keras model from normalised images [N, H, W, C] to logits [N, classes].

    Raises:
        HybridTFError: for an unknown name, stage, layer or head, or a size the network does not allow.
    """
    plan = Plan.parse(plan) if isinstance(plan, str) else plan
    spec = NetworkSpec(name, plan, input_shape, classes, width, head, binarization or BinarizationConfig())
    return spec.build()
