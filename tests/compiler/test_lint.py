"""One small bad model for each rule; what the rule says is then looked up in the file that LCE makes of it."""

import json
import subprocess
import sys
from itertools import product

import larq
import numpy as np
import pytest
import tensorflow as tf
from flatbuffers import flexbuffers

from hybrid_tf.compiler import RULES, Interpreter, convert, lint_file, lint_model, verify
from hybrid_tf.errors import HybridTFError
from hybrid_tf.models.registry import build_model
from tests.support.faulty_networks import CHAINS, MISCOMPILED, STAYS_FLOAT
from tests.support.small_networks import (
    BINARY,
    PADDED,
    PLANS,
    binary,
    layers,
    network,
    quant_conv,
    random_images,
    randomise,
    residual_network,
)
from tests.support.unchecked import converted, names

RULE_OF = {
    "dense": "quant-dense",
    "conv 1d": "no-binary-operator",
    "depthwise": "no-binary-operator",
    "separable": "no-binary-operator",
    "transposed": "no-binary-operator",
    "weights only": "weight-only",
    "input only": "input-only",
    "separate quantizer": "separate-sign",
    "quantizer as activation": "separate-sign",
    "heaviside input": "input-quantizer",
    "scaled input": "input-quantizer",
    "8-bit input": "input-quantizer",
    "tf.sign": "input-quantizer",
    "ternary kernel": "kernel-quantizer",
    "heaviside kernel": "kernel-quantizer",
    "untouched kernel": "kernel-quantizer",
    "zero weights": "zero-weights",
    "nan": "not-finite",
    "padding": "pad-value",
    "groups": "group-channels",
    "mixed precision": "mixed-precision",
}
# What the file shows of it: a kernel that is not binary is no kernel of signs, a quantizer belongs to nobody, and the
# separable layer of the tests has no input quantizer.
IN_FILE = RULE_OF | {"ternary kernel": "input-only", "separate quantizer": "input-only", "separable": "weight-only"}
SHOWN = ("dense", "conv 1d", "depthwise", "separable", "transposed", "weights only", "input only", "padding", "groups")
SHOWN += ("separate quantizer", "ternary kernel", "zero weights")


def rules(found):
    return sorted({item.rule for item in found})


@pytest.mark.parametrize("case", STAYS_FLOAT)
def test_what_convert_refuses_is_an_error(case):
    model = STAYS_FLOAT[case][0]()
    found = [item for item in lint_model(model) if item.severity == "error"]
    assert rules(found) == sorted({RULE_OF[case]} | ({"interface"} if case == "mixed precision" else set()))
    assert all(item.message and item.fix for item in found)
    with pytest.raises(HybridTFError) as caught:
        convert(model, "never-written.tflite", converter="lce")
    first = next(item for item in found if item.rule == RULE_OF[case])
    assert str(caught.value).startswith(str(first))


@pytest.mark.parametrize("case", SHOWN)
def test_the_file_shows_what_stayed_float(case, tmp_path):
    model = STAYS_FLOAT[case][0]()
    file, found = converted(model, tmp_path / "model.tflite")
    assert "LceBconv2d" not in names(file)
    assert IN_FILE[case] in rules(found)
    ours = next(item for item in lint_model(model) if item.rule == RULE_OF[case])
    if case not in ("separate quantizer", "separable"):  # a separable layer is two operators in the file
        theirs = next(item for item in found if item.rule == IN_FILE[case])
        assert theirs.cost == ours.cost
    else:
        assert ours.cost


def test_costs_of_a_float_layer_are_its_weights_and_macs():
    model = network(lambda x: quant_conv(8, 3, input_quantizer=None, name="conv")(x))
    (found,) = (item for item in lint_model(model) if item.rule == "weight-only")
    weights = 3 * 3 * 32 * 8
    assert found.to_dict() == {
        "rule": "weight-only",
        "layer": "conv",
        "severity": "error",
        "message": found.message,
        "fix": found.fix,
        "cost": {"bytes": weights * 4 - weights // 8, "macs": weights * 10 * 10},
    }
    json.dumps(found.to_dict())


def test_a_sign_that_no_convolution_reads(tmp_path):
    model = network(lambda x: layers.Multiply()([x, larq.quantizers.SteSign(name="sign")(x)]))
    (found,) = lint_model(model)
    assert (found.rule, found.layer, found.cost) == ("separate-sign", "sign", {"ops": 2})
    file, in_file = converted(model, tmp_path / "model.tflite")
    assert {"LceQuantize", "LceDequantize"} <= set(names(file))
    assert [(item.rule, item.cost) for item in in_file] == [(found.rule, found.cost)]


def test_channels_first():
    model = network(lambda x: binary(x, 8, name="conv"))
    model.get_layer("conv").data_format = "channels_first"  # TensorFlow cannot run such a layer on a CPU
    assert ("channels-first", "conv") in [(item.rule, item.layer) for item in lint_model(model)]
    assert not larq.context.should_quantize()  # or every model trained later would see signs where it has kernels


def test_plain_sign(tmp_path):
    model = network(lambda x: layers.Conv2D(8, 3, name="conv")(tf.sign(binary(x, 32))))
    (found,) = lint_model(model)
    assert (found.rule, found.layer, found.severity) == ("plain-sign", "conv", "error")
    assert found.cost == {"ops": 1, "bytes": 3 * 3 * 32 * 8 * 31 // 8, "macs": 3 * 3 * 32 * 8 * 100}
    file, in_file = converted(model, tmp_path / "model.tflite")
    assert "SIGN" in names(file)
    assert rules(in_file) == ["plain-sign"]
    with pytest.raises(HybridTFError, match="SIGN"):
        convert(model, tmp_path / "refused.tflite", converter="lce")


def test_plain_sign_without_binary_layers_only_costs():
    (found,) = lint_model(network(lambda x: layers.Conv2D(8, 3, name="conv")(tf.sign(x))))
    assert (found.rule, found.severity) == ("plain-sign", "cost")
    assert lint_model(network(lambda x: x * tf.reduce_mean(tf.sign(x)))) == []


@pytest.mark.parametrize("case", MISCOMPILED)
def test_explicit_padding(case):
    found = [item for item in lint_model(network(MISCOMPILED[case])) if item.severity == "error"]
    assert [(item.rule, item.layer) for item in found] == [("explicit-padding", "strided")]


def test_a_relu_behind_a_max_pool_is_lost(tmp_path, monkeypatch):
    def body(x):
        return binary(layers.ReLU()(layers.MaxPool2D()(binary(x, 32))), 32, name="second")

    model = network(body)
    (found,) = lint_model(model)
    assert (found.rule, found.layer, found.severity) == ("relu-dropped", "second", "error")
    assert found.cost == {"macs": 3 * 3 * 32 * 32 * 36}
    with pytest.raises(HybridTFError, match="'second' quantizes what a ReLU behind a max pool"):
        convert(model, tmp_path / "model.tflite", converter="lce")
    # The rule is needed: without it, the scores are wrong.
    file, _ = converted(model, tmp_path / "wrong.tflite")
    assert "RELU" not in names(file)
    images = random_images()
    keras, scores = model.predict(images, verbose=0), Interpreter(tmp_path / "wrong.tflite").predict(images)
    assert np.abs(keras - scores).max() > 0.1 * np.abs(keras).max()
    # A verification sees it too, although every number whose sign differs is exactly zero in Keras.
    verification = verify(model, tmp_path / "wrong.tflite", images)
    assert "zero in Keras" in verification.failure


def test_that_relu_stays_where_something_else_reads_it(tmp_path):
    def body(x):
        x = layers.ReLU()(layers.MaxPool2D()(binary(x, 32)))
        return layers.Add()([x, binary(x, 32, name="second")])

    model = network(body)
    assert [(item.rule, item.layer, item.severity) for item in lint_model(model)] == [
        ("relu-before-sign", "second", "cost")
    ]
    convert(model, tmp_path / "model.tflite")
    images = random_images()
    keras, scores = model.predict(images, verbose=0), Interpreter(tmp_path / "model.tflite").predict(images)
    assert np.abs(keras - scores).max() < 1e-4 * np.abs(keras).max()


@pytest.mark.parametrize(
    ("channels", "filters", "expected"),
    [
        (8, 8, {"input-channels": {"bytes": 24 * 9 * 8 // 8, "macs": 24 * 9 * 8 * 144}}),
        (40, 16, {"input-channels": {"bytes": 24 * 9 * 16 // 8, "macs": 24 * 9 * 16 * 144}}),
        (32, 12, {"output-channels": {"macs": 4 * 9 * 32 * 144}}),
        (16, 16, {}),
        (48, 24, {}),
        (64, 8, {}),
    ],
)
def test_channels(channels, filters, expected, tmp_path):
    model = network(lambda x: binary(x, filters, name="conv"), channels=channels)
    found = lint_model(model)
    assert {item.rule: item.cost for item in found} == expected
    file, in_file = converted(model, tmp_path / "model.tflite")
    assert {item.rule: item.cost for item in in_file} == expected
    stored = next(file.tensors[op.inputs[1]].shape for op in file.operators if op.name == "LceBconv2d")
    padding = int(np.prod(stored)) * 4 - channels * 9 * filters // 8
    if "input-channels" in expected:
        assert padding == expected["input-channels"]["bytes"]


def test_every_rule_has_a_fault_here_or_in_the_tests_of_chains():
    tested = {*RULE_OF.values(), "interface", "plain-sign", "explicit-padding", "relu-dropped", "zero-padding-kernel"}
    tested |= {"input-channels", "output-channels", "channels-first"}
    assert tested | {rule for _, _, rule in CHAINS} == set(RULES)
    assert all(rule.severity in ("error", "cost") and rule.description and rule.source for rule in RULES.values())


def test_zero_padding_with_an_activation_in_a_file(tmp_path):
    model = network(lambda x: quant_conv(32, padding="same", kernel_quantizer="ste_sign", name="conv")(x))
    file, in_file = converted(model, tmp_path / "model.tflite")
    assert rules(in_file) == ["zero-padding"]
    # LCE 0.16 does not write this for float32: set the option in the file.
    content = bytearray((tmp_path / "model.tflite").read_bytes())
    op = next(op for op in file.operators if op.name == "LceBconv2d")
    start = content.index(op.custom_options)
    changed = bytes(flexbuffers.Dumps({**op.options(), "fused_activation_function": 1}))
    assert len(changed) <= len(op.custom_options)
    # A FlexBuffer is read from its end.
    content[start : start + len(op.custom_options)] = changed.rjust(len(op.custom_options), b"\0")
    (tmp_path / "model.tflite").write_bytes(content)
    assert rules(lint_file(tmp_path / "model.tflite")) == ["zero-padding", "zero-padding-kernel"]
    with pytest.raises(HybridTFError):
        Interpreter(tmp_path / "model.tflite").predict(random_images(1))


class Subclassed(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.conv = quant_conv(12, **PADDED, name="conv")
        self.inner = tf.keras.Sequential([larq.layers.QuantDense(8, **BINARY, name="dense")])

    def call(self, x):
        return self.inner(tf.reduce_mean(self.conv(x), (1, 2)))


def test_a_subclassed_model():
    model = Subclassed()
    assert [item.rule for item in lint_model(model)] == ["interface"]
    model(np.zeros((1, 8, 8, 32), np.float32))
    found = lint_model(model)
    assert [(item.rule, item.layer) for item in found] == [("quant-dense", "dense"), ("output-channels", "conv")]
    assert found[0].cost["macs"] == 12 * 8


def test_a_model_that_cannot_be_converted_is_linted_all_the_same():
    one, two = layers.Input((8, 8, 32)), layers.Input((8, 8, 32))
    x = quant_conv(12, **PADDED, name="conv")
    found = lint_model(tf.keras.Model([one, two], layers.Add()([x(one), x(two)])))
    assert [(item.rule, item.layer) for item in found] == [
        ("interface", found[0].layer),
        ("output-channels", "conv"),
        ("output-channels", "conv"),
    ]
    assert "only one input" in found[0].message


def test_the_size_of_the_images_may_be_open():
    x = image = layers.Input((None, None, 32))
    model = tf.keras.Model(image, layers.GlobalAveragePooling2D()(quant_conv(12, **PADDED)(x)))
    assert rules(lint_model(model)) == ["interface", "output-channels"]


def test_grouped_convolutions():
    def body(x):
        return layers.ReLU()(binary(x, 12, groups=2, name="grouped"))

    found = lint_model(network(body, channels=64))
    assert [(item.rule, item.layer) for item in found] == [
        ("relu-behind-batch-norm", "grouped"),
        ("output-channels", "grouped"),
    ]
    assert found[1].cost == {"macs": 4 * 9 * 32 * 144}


def test_a_good_model_and_its_file_have_no_finding(path):
    assert lint_model(network(lambda x: binary(binary(x, 32), 32))) == []
    # 40 and 24 channels are meant to be odd there; 40 leave a word that is a quarter full.
    assert [(item.rule, item.layer) for item in lint_model(residual_network())] == [("input-channels", "strided")]
    assert [(item.rule, item.layer) for item in lint_file(path)] == [("input-channels", "strided")]


def test_what_is_no_file_is_an_error(tmp_path):
    with pytest.raises(HybridTFError, match="cannot read"):
        lint_file(tmp_path / "absent.tflite")
    (tmp_path / "text.tflite").write_text("hello")
    with pytest.raises(HybridTFError, match="is not a TensorFlow Lite file"):
        lint_file(tmp_path / "text.tflite")


def test_a_damaged_file_is_an_error_or_linted(path, tmp_path):
    content, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(content)
        for position in rng.integers(0, len(content), 20):
            damaged[position] = rng.integers(256)
        (tmp_path / "damaged.tflite").write_bytes(damaged)
        try:
            lint_file(tmp_path / "damaged.tflite")
        except HybridTFError as error:
            assert "damaged.tflite" in str(error) or "copy the file again" in str(error)


def test_a_file_is_linted_without_tensorflow(path):
    code = (
        "import sys; from hybrid_tf.compiler import RULES, lint_file\n"
        "print(len(lint_file(sys.argv[1])), 'tensorflow' in sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True).stdout
    assert output.split() == ["1", "False"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "width", "head", "plan"),
    [
        *product(["resnet20"], [1.0], [None], [*PLANS, "sections=2,3"]),
        *product(["vgg11"], [0.25], ["paper"], [*PLANS, "sections=2,3"]),
        *product(["vgg11"], [0.25], ["compact"], [*PLANS, "sections=2,3"]),
    ],
)
def test_nothing_is_reported_of_a_registered_network_or_its_file(name, width, head, plan, tmp_path):
    model = randomise(build_model(name, plan, width=width, head=head))
    assert lint_model(model) == []
    assert converted(model, tmp_path / "model.tflite")[1] == []
