"""What stays in float32 behind a binary convolution: lint has to say of every order what the converter does with it."""

import pytest
import tensorflow as tf
from larq.layers import QuantConv2D

from hybrid_tf.compiler import lint_model
from tests.support.faulty_networks import CHAINS
from tests.support.small_networks import BINARY, PADDED, layers, network
from tests.support.unchecked import converted, names

SIGN = {"kernel_quantizer": "ste_sign"}
CONVS = {
    "valid": SIGN,
    "one": {**PADDED, **SIGN},
    "zero": {"padding": "same", "pad_values": 0.0, **SIGN},
    "bias": {**PADDED, **SIGN, "use_bias": True},
    "scaled": PADDED,
}
STEPS = {
    "relu": layers.ReLU,
    "relu6": lambda: layers.ReLU(6.0),
    "clip": lambda: layers.Lambda(lambda x: tf.clip_by_value(x, -1, 1)),
    "prelu": lambda: layers.PReLU(shared_axes=(1, 2), alpha_initializer="random_normal"),
    "leaky": layers.LeakyReLU,
    "bn": layers.BatchNormalization,
    "max": layers.MaxPool2D,
    "avg": layers.AveragePooling2D,
    "pad": layers.ZeroPadding2D,
    "flat": lambda: layers.Reshape((1, 1, -1)),
}
CLEAN = [
    ("one", "bn sign"),
    ("one", "bn max sign"),
    ("one", "relu bn sign"),
    ("one", "relu6 bn max sign"),
    ("one", "clip bn sign"),
    ("valid", "relu bn float"),
    ("bias", "bn sign"),
    ("scaled", "bn bn sign"),
    ("one", "bn max relu float"),
    ("one", "bn avg sign"),
]
LEFT = ("RELU", "RELU6", "RELU_N1_TO_1", "PRELU", "LEAKY_RELU", "MUL", "ADD", "PAD", "RESHAPE")


def model_of(conv, chain):
    *steps, end = chain.split()

    def body(x):
        x = QuantConv2D(32, 3, **{**BINARY, **CONVS[conv]}, name="first")(x)
        for step in steps:
            x = STEPS[step]()(x)
        if end == "sign":
            return QuantConv2D(32, 1, **BINARY, name="second")(x)
        return layers.Conv2D(8, 1)(x)

    return network(body)


def check_against_file(model, found, path):
    """Compares the costs that lint gives with the operators that LCE left behind the first binary convolution."""
    file, in_file = converted(model, path)
    ops = file.operators
    start = next(number for number, op in enumerate(ops) if op.name == "LceBconv2d")
    left = []
    for op in ops[start + 1 :]:
        if op.name in ("LceQuantize", "LceBMaxPool2d", "LceBconv2d", "CONV_2D"):
            break
        left.append(op.name)
    first = [item for item in found if item.layer == "first"]
    assert sum(item.cost.get("ops", 0) for item in first) == sum(name in LEFT for name in left)
    output = file.tensors[ops[start].outputs[0]]
    activation = {item.cost.get("activation_bytes", 0) for item in first} - {0}
    if activation:
        assert output.type == "FLOAT32"
        height, width, channels = output.shape[1:]
        assert activation == {height * width * (channels * 4 - channels // 8)}
    # The file shows the same, to one that does not look at the model.
    assert [(item.rule, item.cost) for item in in_file] == [(item.rule, item.cost) for item in found]
    return file, left


@pytest.mark.slow
@pytest.mark.parametrize(("conv", "chain", "rule"), CHAINS)
def test_each_fault_is_found_and_is_in_the_file(conv, chain, rule, tmp_path):
    model = model_of(conv, chain)
    found = lint_model(model)
    assert rule in [item.rule for item in found]
    assert {item.severity for item in found} == {"cost"}
    check_against_file(model, found, tmp_path / "model.tflite")


@pytest.mark.parametrize(("conv", "chain"), CLEAN)
def test_nothing_is_said_of_what_the_converter_folds(conv, chain, tmp_path):
    model = model_of(conv, chain)
    assert lint_model(model) == []
    file, left = check_against_file(model, [], tmp_path / "model.tflite")
    if chain.endswith("sign") and "avg" not in chain:
        assert names(file).count("LceQuantize") == 1  # the image's; between the binary layers bits are passed
        assert not left


@pytest.mark.parametrize("chain", ["bn pad float", "bn flat float"])
def test_what_lies_before_a_float_layer_is_left_alone(chain):
    assert lint_model(model_of("one", chain)) == []
