"""A pass that is broken by hand makes a file that is not written."""

import dataclasses

import numpy as np
import pytest

from hybrid_tf.compiler import convert_and_verify
from hybrid_tf.compiler.passes import binary_convolutions, binary_operator, packed_outputs, pools, scales
from hybrid_tf.errors import HybridTFError
from tests.support.small_networks import PADDED, binary, layers, network, quant_conv, random_images


def body(x):
    """What every pass does something to."""
    x = binary(binary(x, 32), 32)
    x = layers.BatchNormalization()(layers.AveragePooling2D(2)(quant_conv(32, **PADDED)(x)))
    y = layers.ReLU()(layers.MaxPool2D(2, 1)(binary(x, 32)))  # all of it is +1 to the next layer
    return layers.Add()([binary(y, 8), layers.ReLU()(binary(x, 8, 2, padding="valid"))])


class Anything:
    """Equal to every activation."""

    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    __hash__ = None


def one_bit_flipped(negative):
    words = np.array(packed(negative))
    words.flat[0] ^= 1
    return words


def padded_with_zeros(*settings):
    return dataclasses.replace(binary_operator.Window(*settings), pad_value=0)


packed, depth_of = binary_operator.packed, binary_operator.depth_of
BROKEN = {
    "a flipped weight": (binary_operator, "packed", one_bit_flipped),
    "thresholds one off": (packed_outputs, "depth_of", lambda op: depth_of(op) + 2),
    "padding with zeros, not ones": (binary_convolutions, "Window", padded_with_zeros),
    "a lost ReLU": (binary_convolutions, "with_activation", lambda op, activation: [op]),
    "a lost ReLU behind a pooling": (pools, "NONE", Anything()),
    "a subtracted bias": (scales, "_shift", lambda conv, values, shift=scales._shift: shift(conv, -values)),
    "a forgotten scale": (scales, "_scale", lambda conv, values: None),
}


@pytest.fixture(scope="module")
def model():
    return network(body)


@pytest.mark.parametrize(("module", "name", "broken"), BROKEN.values(), ids=BROKEN)
def test_a_broken_pass_is_caught(module, name, broken, model, monkeypatch, tmp_path):
    monkeypatch.setattr(module, name, broken)
    with pytest.raises(HybridTFError, match=r"was not written|is not in the file"):
        convert_and_verify(model, tmp_path / "model.tflite", None, random_images())
    assert not list(tmp_path.iterdir())


def test_unbroken_they_are_right(model, tmp_path):
    conversion, _ = convert_and_verify(model, tmp_path / "model.tflite", None, random_images())
    assert {note.rewrite for note in conversion.notes if note.done} >= {
        *("signs", "binary convolutions", "scales", "packed outputs"),
    }
