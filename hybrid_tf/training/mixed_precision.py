"""Mixed precision: layers compute in bfloat16 and keep float32 weights, where the hardware is faster at it.

bfloat16 has the exponents of float32, so that gradients need no loss scaling. Only training computes so: what is
evaluated and converted afterwards is the same network in float32.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from hybrid_tf.errors import HybridTFError

_POLICY = "mixed_bfloat16"
_INSTRUCTIONS = {"avx512_bf16", "amx_bf16"}
_CAPABILITY = (8, 0)  # NVIDIA Ampere, the first with bfloat16


def check_hardware() -> None:
    """Raises HybridTFError when the processors that would train have no bfloat16 arithmetic."""
    graphics = tf.config.list_physical_devices("GPU")
    if graphics:
        details = map(tf.config.experimental.get_device_details, graphics)
        able = all(found.get("compute_capability", _CAPABILITY) >= _CAPABILITY for found in details)
    else:
        able = bool(_INSTRUCTIONS & set(Path("/proc/cpuinfo").read_text().split()))
    if not able:
        raise HybridTFError(
            f"--mixed-precision is slower here than without: this {'GPU' if graphics else 'processor'} has no bfloat16 "
            "arithmetic; leave it out"
        )


@contextlib.contextmanager
def layers_in_mixed_precision(wanted: bool) -> Iterator[None]:
    """While this lasts, layers are made for mixed precision, if it is wanted."""
    before = tf.keras.mixed_precision.global_policy()
    if wanted:
        tf.keras.mixed_precision.set_global_policy(_POLICY)
    try:
        yield
    finally:
        tf.keras.mixed_precision.set_global_policy(before)
