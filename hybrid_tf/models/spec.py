"""A network specification: all that says what a network is, before it has weights. It needs no TensorFlow."""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hybrid_tf.errors import HybridTFError
from hybrid_tf.models.plan import FULL_PRECISION, Plan

if TYPE_CHECKING:
    import tensorflow as tf

SMALLEST_INPUT = 28  # five poolings take 28 to 1; a CIFAR ResNet still has a 7x7 map in its last stage
LARGEST_WIDTH = 16


@dataclass(frozen=True)
class BinarizationConfig:
    """How the binary layers of a network are trained.

    Attributes:
        gradient: stand-in for sign's derivative at the inputs of binary layers, one of `hybrid_tf.config.GRADIENTS`.
        binary_kernels: whether the kernels of binary layers are signs; if not, only their inputs are: the first of two
            training stages.
        shifts: whether a PReLU and a shift follow the additions of binary stages.
    """

    gradient: str = "ste"
    binary_kernels: bool = True
    shifts: bool = False


@dataclass(frozen=True)
class NetworkSpec:
    """A registered network under a plan, for images of one shape.

    Attributes:
        network: name of a registered network, see `hybrid_tf.network_names()`.
        plan: the plan, which says which sections are binary; a text is parsed.
        input_shape: height, width and channels of an image; at least 28x28.
        classes: number of outputs (logits), at least 2.
        width: multiplier of the channels of every hidden layer; above 0 and at most 16.
        head: name of the head, for VGG `paper` (4096-4096-classes) or `compact` (one dense layer); `None` for the
            first.
        binarization: how the binary layers are trained.

    Raises:
        HybridTFError: for a plan that cannot be read. All else is checked when the network is built.
    """

    network: str
    plan: Plan = Plan(residual=True)  # noqa: RUF009  it cannot be changed
    input_shape: tuple[int, int, int] = (32, 32, 3)
    classes: int = 10
    width: float = 1.0
    head: str | None = None
    binarization: BinarizationConfig = BinarizationConfig()

    def __post_init__(self) -> None:
        if isinstance(self.plan, str):
            object.__setattr__(self, "plan", Plan.parse(self.plan))
        object.__setattr__(self, "input_shape", tuple(self.input_shape))

    def check_sizes(self) -> None:
        """Raises HybridTFError for an image shape, a number of classes or a width that no network allows."""
        if len(self.input_shape) != 3 or self.input_shape[2] < 1:
            raise HybridTFError(f"input shape {self.input_shape} is not (height, width, channels)")
        if min(self.input_shape[:2]) < SMALLEST_INPUT:
            height, width = self.input_shape[:2]
            raise HybridTFError(
                f"{self.network} needs images of at least {SMALLEST_INPUT}x{SMALLEST_INPUT}, got {height}x{width}: "
                f"resize them with --input-size {SMALLEST_INPUT}"
            )
        if self.classes < 2:
            raise HybridTFError(f"a classifier needs at least 2 classes, got {self.classes}")
        if not (math.isfinite(self.width) and 0 < self.width <= LARGEST_WIDTH):
            raise HybridTFError(f"the width multiplier must be above 0 and at most {LARGEST_WIDTH}, got {self.width}")

    def build(self) -> "tf.keras.Model":
        """Returns the network with fresh weights: a Keras model from images [N, H, W, C] to logits [N, classes].

        Raises:
            HybridTFError: for a network, head, stage or layer that does not exist, or a size that it does not allow.
        """
        from hybrid_tf.models.registry import find_network

        return find_network(self.network).model(self)

    def with_plan(self, plan: Plan | str) -> "NetworkSpec":
        """Returns the same network under another plan. Raises HybridTFError for a text that is no plan."""
        return replace(self, plan=Plan.parse(plan) if isinstance(plan, str) else plan)

    def twin(self) -> "NetworkSpec":
        """Returns the full-precision twin: the same network with nothing binary, the baseline of every comparison."""
        return self.with_plan(FULL_PRECISION)

    def channels(self, count: int) -> int:
        """Returns `count` times the width, rounded to a multiple of 8 (what binary kernels work best with)."""
        return max(8, round(count * self.width / 8) * 8)
