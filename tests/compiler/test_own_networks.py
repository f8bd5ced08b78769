"""Registered networks under the plans, by our own converter: the bits of LCE's file, equal scores, and fewer bytes."""

from collections import Counter

import numpy as np
import pytest

from hybrid_tf.compiler import Interpreter, Metadata, calibrate_int8, convert, convert_and_verify
from hybrid_tf.models.registry import build_model
from hybrid_tf.tflite.bits import unpacked
from hybrid_tf.tflite.flatbuffer import parse_tflite
from hybrid_tf_runtime import Interpreter as Runtime
from tests.support.extent import EVERYTHING, networks_and_plans
from tests.support.small_networks import PLANS, random_images, randomise

pytestmark = [pytest.mark.slow, pytest.mark.sweep]
TRIED = (
    ("resnet20", "residual"),
    ("resnet20", "full_precision"),
    ("vgg11", "residual+sections=2,3"),
    ("vgg11", "xnor"),
)


def filters(path):
    """Returns the filters of a file's binary convolutions; those of a channel in a form that negation does not change.

    Their multipliers may have either sign: what is negated there, is negated in the filter.
    """
    file = parse_tflite(path.read_bytes(), path)
    found = Counter()
    for op in file.operators:
        if op.name == "LceBconv2d":
            words = file.constant(op.inputs[1], np.int32)
            channels = min(op.options()["channels_in"], words.shape[-1] * 32)
            bits = unpacked(words, channels)
            found[(bits.shape, (bits ^ bits[:, :1, :1, :1]).tobytes())] += 1
    return found


@pytest.fixture(
    scope="module", params=networks_and_plans(PLANS) if EVERYTHING else TRIED, ids=lambda pair: " ".join(pair)
)
def model(request):
    name, plan = request.param
    return randomise(build_model(name, plan, width=0.25, classes=10))


@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
def test_the_file_is_lces_in_fewer_bytes(model, int8, tmp_path):
    images = random_images(32, 32)
    metadata = Metadata(int8=calibrate_int8(model, images)) if int8 else Metadata()
    lce = convert(model, tmp_path / "lce.tflite", metadata, converter="lce")
    own, verification = convert_and_verify(model, tmp_path / "own.tflite", metadata, images[:16])
    assert own.ops == lce.ops
    assert own.float_layers == ()
    assert own.bytes < lce.bytes
    assert filters(tmp_path / "own.tflite") == filters(tmp_path / "lce.tflite")
    assert verification.max_rel_difference < 1e-5
    if not own.binary_layers:  # then LiteRT runs all of it, in int8 with XNNPACK's rounding
        return
    scores = Interpreter(tmp_path / "own.tflite").predict(images)
    others = Runtime(tmp_path / "own.tflite").predict(images)
    same = np.abs(others - scores).max(axis=1) <= 1e-4 * np.abs(scores).max()
    # Where the input of a binary layer is zero but for rounding, either sign is right.
    assert np.sum(same) >= 30
