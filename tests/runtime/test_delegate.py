"""The delegate in the stock interpreter: what it takes, fuses and refuses. For results see test_oracle_sweep.py."""

import gc

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, load_delegate
from flatbuffers import flexbuffers

from hybrid_tf_runtime import HybridTFRuntimeError, delegate_path
from hybrid_tf_runtime import load_delegate as load
from hybrid_tf_runtime.library import profile, reset_profile
from tests.support.graph_builder import Graph, build_file
from tests.support.lce_reference import SAME, VALID

RELU, RELU6 = 1, 3


def delegated(content, threads=1, **options):
    delegate = load(**options)
    interpreter = Interpreter(model_content=content, num_threads=threads, experimental_delegates=[delegate])
    interpreter.allocate_tensors()
    return interpreter, delegate


def run(interpreter, graph):
    for details, value in zip(interpreter.get_input_details(), graph.inputs, strict=True):
        interpreter.set_tensor(details["index"], value.array)
    interpreter.invoke()
    return [interpreter.get_tensor(details["index"]) for details in interpreter.get_output_details()]


def nodes(interpreter):
    """Names of what is executed for the outputs; operators that a delegate took are not."""
    operators = interpreter._get_ops_details()
    makers = {tensor: operator for operator in operators for tensor in operator["outputs"]}  # delegates come last
    wanted, found = [details["index"] for details in interpreter.get_output_details()], {}
    while wanted:
        operator = makers.get(wanted.pop())
        if operator and operator["index"] not in found:
            found[operator["index"]] = operator["op_name"]
            wanted += list(operator["inputs"])
    return list(found.values())


def signs(*shape):
    return np.where(np.random.default_rng(1).integers(0, 2, shape), 1, -1)


def floats(*shape):
    return np.random.default_rng(2).standard_normal(shape, np.float32)


def residual_graph(activation=0):
    """A float convolution, a binary one with a shortcut around it, a pool, a mean and a dense layer."""
    graph = Graph()
    x = graph.convolution(graph.input(floats(1, 8, 8, 3)), floats(16, 3, 3, 3), floats(16))
    binary = graph.bconv(graph.quantize(x), signs(16, 3, 3, 16), floats(16), floats(16))
    x = graph.add(binary, x, activation)
    x = graph.pool(x, "average", (2, 2), (2, 2), VALID)
    x = graph.bconv(graph.quantize(x), signs(32, 3, 3, 16), floats(32), floats(32))
    graph.output(graph.fully_connected(graph.mean(x), floats(5, 32), floats(5)))
    return graph


@pytest.mark.parametrize("fusion", [False, True])
@pytest.mark.parametrize("activation", [0, RELU6])
def test_a_whole_network_is_one_part(fusion, activation):
    graph = residual_graph(activation)
    interpreter, _ = delegated(build_file([graph]), fusion=fusion)
    np.testing.assert_allclose(run(interpreter, graph)[0], graph.outputs[0].array, rtol=1e-5, atol=1e-4)
    executed = nodes(interpreter)
    assert executed.count("DELEGATE") >= 1
    assert (executed == ["DELEGATE"]) == fusion


def test_steps():
    _, delegate = delegated(build_file([residual_graph()]), profile=True)
    names = [step["name"] for step in profile(delegate)]
    assert names == [
        "pad",
        "CONV_2D+LceQuantize",
        "LceBconv2d+ADD",
        "AVERAGE_POOL_2D+LceQuantize",
        "LceBconv2d",
        "MEAN",
        "FULLY_CONNECTED",
    ]


def test_a_pool_adds_what_another_one_makes():
    graph = Graph()
    x = graph.convolution(graph.input(floats(1, 8, 8, 3)), floats(16, 3, 3, 3), floats(16))
    y = graph.bconv(graph.quantize(x), signs(16, 3, 3, 16), floats(16), floats(16))
    y, x = (graph.pool(z, kind, (2, 2), (2, 2), VALID) for z, kind in ((y, "max"), (x, "average")))
    graph.output(graph.quantize(graph.add(x, y)))
    _, delegate = delegated(build_file([graph]), profile=True)
    names = [step["name"] for step in profile(delegate)]
    assert names == ["pad", "CONV_2D+LceQuantize", "LceBconv2d", "MAX_POOL_2D", "AVERAGE_POOL_2D+ADD+LceQuantize"]


def test_signs_join_what_works_on_each_channel():
    graph = Graph()
    x = graph.input(floats(1, 8, 8, 32))
    x = graph.depthwise(x, floats(3, 3, 32), floats(32))
    y = graph.bconv(graph.quantize(x), signs(32, 3, 3, 32), floats(32), floats(32))
    y = graph.multiply(y, graph.logistic(graph.mean(y, keep_dims=True)))
    packed = graph.quantize(y)
    first, second, _ = graph.split(graph.concatenate([x, y, x]), 3)
    graph.output(packed)
    graph.output(graph.add(first, second))
    interpreter, delegate = delegated(build_file([graph]), profile=True)
    names = [step["name"] for step in profile(delegate)]
    sums = ["CONCATENATION", "SPLIT", "SPLIT", "SPLIT", "ADD"]
    assert names == ["DEPTHWISE_CONV_2D+LceQuantize", "LceBconv2d", "MEAN", "LOGISTIC", "MUL+LceQuantize", *sums]
    assert np.array_equal(run(interpreter, graph)[0], packed.array)
    assert nodes(interpreter) == ["DELEGATE"]


@pytest.mark.parametrize("count", [4, 5])
def test_up_to_four_maps_are_joined(count):
    graph = Graph()
    x = graph.bconv(graph.quantize(graph.input(floats(1, 4, 4, 32))), signs(32, 1, 1, 32), floats(32), floats(32))
    graph.output(graph.quantize(graph.concatenate([x] * count)))
    interpreter, delegate = delegated(build_file([graph]), profile=True)
    assert ("CONCATENATION" in [step["name"] for step in profile(delegate)]) == (count == 4)
    np.testing.assert_array_equal(run(interpreter, graph)[0], graph.outputs[0].array)


def test_profile_counts():
    graph = residual_graph()
    interpreter, delegate = delegated(build_file([graph]), profile=True)
    run(interpreter, graph)
    run(interpreter, graph)
    steps = profile(delegate)
    assert sum(step["binary_macs"] for step in steps) == 8 * 8 * 16 * 9 * 16 + 4 * 4 * 32 * 9 * 16
    assert sum(step["float_macs"] for step in steps) == 8 * 8 * 16 * 9 * 3 + 32 * 5
    assert {step["calls"] for step in steps} == {2}
    assert all(step["nanoseconds"] > 0 for step in steps)
    reset_profile(delegate)
    assert {(step["calls"], step["nanoseconds"]) for step in profile(delegate)} == {(0, 0)}


def test_full_precision_parts_apart_from_binary_ones_are_left_alone():
    graph = Graph()
    graph.output(graph.relu(graph.input(floats(1, 4, 4, 8)), RELU))
    graph.output(graph.quantize(graph.input(floats(1, 4, 4, 8))))
    interpreter, delegate = delegated(build_file([graph]), profile=True)
    assert [step["name"] for step in profile(delegate)] == ["LceQuantize"]
    for got, output in zip(run(interpreter, graph), graph.outputs, strict=True):
        np.testing.assert_array_equal(got, output.array)


def test_a_full_precision_network_is_left_alone():
    graph = Graph()
    graph.output(graph.convolution(graph.input(floats(1, 8, 8, 3)), floats(16, 3, 3, 3), floats(16)))
    _, delegate = delegated(build_file([graph]), profile=True)
    assert profile(delegate) == []


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_share_a_large_map(threads):
    """Its pixels do not divide evenly."""
    graph = Graph()
    x = graph.convolution(graph.input(floats(2, 109, 61, 3)), floats(24, 5, 5, 3), floats(24), (1, 1))
    x = graph.pool(x, "max", (3, 3), (2, 2), SAME)
    graph.output(x)
    graph.output(graph.quantize(x))
    interpreter, _ = delegated(build_file([graph]), threads)
    got, packed = run(interpreter, graph)
    np.testing.assert_allclose(got, graph.outputs[0].array, rtol=1e-5, atol=1e-4)
    signs = np.packbits(got < 0, axis=-1, bitorder="little")
    np.testing.assert_array_equal(packed.view(np.uint8)[..., :3], signs)


def test_a_value_with_several_readers_is_computed_once():
    """Signs for two convolutions with different halos, and the floats for a sum and an output."""
    graph = Graph()
    x = graph.bconv(graph.quantize(graph.input(floats(1, 6, 7, 40))), signs(40, 1, 1, 40), floats(40), floats(40))
    packed = graph.quantize(x)
    small = graph.bconv(packed, signs(40, 3, 3, 40), floats(40), floats(40))
    large = graph.bconv(packed, signs(40, 5, 5, 40), floats(40), floats(40), dilation=(2, 1))
    graph.output(graph.add(graph.add(small, large), x))
    graph.output(x)
    graph.output(packed)
    interpreter, _ = delegated(build_file([graph]))
    for got, output in zip(run(interpreter, graph), graph.outputs, strict=True):
        np.testing.assert_allclose(got, output.array, rtol=1e-5, atol=1e-4)


def test_activations_join():
    graph = Graph()
    x = graph.input(floats(1, 4, 4, 32))
    y = graph.relu(graph.bconv(graph.quantize(x), signs(32, 1, 1, 32), floats(32), floats(32)), RELU6)
    graph.output(graph.relu(graph.add(y, x), RELU))
    interpreter, delegate = delegated(build_file([graph]), profile=True)
    assert [step["name"] for step in profile(delegate)] == ["LceQuantize", "LceBconv2d+RELU6", "ADD+RELU"]
    np.testing.assert_allclose(run(interpreter, graph)[0], graph.outputs[0].array, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fuse": "1"}, "option fuse is not known; there are kernels, fusion and profile"),
        ({"fusion": "yes"}, "option fusion=yes: must be 0 or 1"),
        ({"profile": ""}, "option profile=: must be 0 or 1"),
        ({"kernels": "sse"}, "kernels sse are not known or cannot run on this processor, which can run .*portable"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        load_delegate(delegate_path(), options)


def test_a_delegate_may_end_before_its_interpreter():
    """As Python's collector does it when both are garbage in one cycle."""
    graph = bconv_graph()
    delegate = load()
    interpreter = Interpreter(model_content=build_file([graph]), experimental_delegates=[delegate])
    interpreter.allocate_tensors()
    run(interpreter, graph)
    cycle = [interpreter, delegate]
    cycle.append(cycle)
    del cycle, interpreter, delegate
    gc.collect()


def test_environment_chooses_kernels(monkeypatch):
    monkeypatch.setenv("HYBRID_TF_KERNELS", "nothing")
    with pytest.raises(HybridTFRuntimeError, match="kernels nothing are not known"):
        load()
    load(kernels="portable")  # an option outranks the environment


def bconv_graph(**changes):
    graph = Graph()
    x = graph.quantize(graph.input(floats(1, 5, 5, 64)))
    options = {"pad_values": 1, **changes}
    graph.output(graph.bconv(x, signs(32, 3, 3, 64), floats(32), floats(32), **options))
    return graph


def operator(graph, code):
    return next(operator for operator, name in graph.operators if name == code)


def set_options(graph, **changes):
    bconv = operator(graph, "LceBconv2d")
    options = flexbuffers.Loads(bytes(bconv.customOptions))
    options = {key: value for key, value in {**options, **changes}.items() if value is not None}
    bconv.customOptions = np.frombuffer(flexbuffers.Dumps(options), np.uint8)


def set_raw_options(graph, content):
    operator(graph, "LceBconv2d").customOptions = np.frombuffer(content, np.uint8)


def set_constant(graph, position, array):
    value = graph.constant(array)
    operator(graph, "LceBconv2d").inputs[position] = value.tensor


def set_input(graph, position, tensor):
    operator(graph, "LceBconv2d").inputs[position] = tensor


REFUSED = {
    "no options": (lambda g: set_raw_options(g, b""), "options are missing or malformed"),
    "cut options": (lambda g: set_raw_options(g, b"\x01\x02\x24\x01"), "options are missing or malformed"),
    "missing option": (lambda g: set_options(g, stride_width=None), "option stride_width is missing"),
    "text": (lambda g: set_options(g, stride_width="2"), "options are missing or malformed"),
    "stride 0": (lambda g: set_options(g, stride_height=0), "stride 0"),
    "negative stride": (lambda g: set_options(g, stride_width=-1), "stride -1"),
    "dilation": (lambda g: set_options(g, dilation_width_factor=1 << 40), "dilation 1099511627776"),
    "huge dilation": (lambda g: set_options(g, dilation_height_factor=1 << 62), "dilation 4611686018427387904"),
    "huge padding": (lambda g: set_options(g, padding=-(1 << 63)), "padding -9223372036854775808 is not known"),
    "padding": (lambda g: set_options(g, padding=2), "padding 2 is not known"),
    "pad_values": (lambda g: set_options(g, pad_values=2), "pad_values must be 0 or 1"),
    "activation": (lambda g: set_options(g, fused_activation_function=4), "activation 4 is not known"),
    "channels": (lambda g: set_options(g, channels_in=65), "filter of 2 words does not fit 65 channels"),
    "no channels": (lambda g: set_options(g, channels_in=0), "does not fit 0 channels"),
    "most channels": (lambda g: set_options(g, channels_in=(1 << 63) - 1), "does not fit 9223372036854775807 channels"),
    "groups": (lambda g: set_options(g, channels_in=127), "127 channels into 32 cannot make 2 groups"),
    "too many channels": (lambda g: set_options(g, channels_in=128), "64 channels|2 channels .* needs 4"),
    "filter rank": (lambda g: set_constant(g, 1, np.ones((32, 9, 2), np.int32)), "filter has 3 dimensions, not 4"),
    "filter type": (lambda g: set_constant(g, 1, np.ones((32, 3, 3, 2), np.float32)), "type of its filter is 1, not 2"),
    "filter size": (lambda g: set_constant(g, 1, np.ones((32, 7, 7, 2), np.int32)), None),
    "no filter": (lambda g: set_input(g, 1, -1), "has no filter"),
    "changing filter": (lambda g: set_input(g, 1, 0), "filter must be constant"),
    "multipliers": (lambda g: set_constant(g, 2, floats(31)), "multiplier has 31 values for 32 channels"),
    "bias rank": (lambda g: set_constant(g, 3, floats(32, 1)), "bias has 2 dimensions, not 1"),
    "no bias": (lambda g: set_input(g, 3, -1), "has no bias"),
}


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_numbers_without_an_int8_result_are_refused(number):
    graph = Graph()
    x = graph.quantize(graph.input(floats(1, 5, 5, 64)))
    graph.output(graph.bconv(x, signs(32, 3, 3, 64), floats(32), floats(32), int8=(0.5, 0)))
    set_constant(graph, 2, np.full(32, number, np.float32))
    with pytest.raises((RuntimeError, ValueError), match="its multipliers or biases are not finite numbers"):
        delegated(build_file([graph]))


@pytest.mark.parametrize("name", REFUSED)
def test_malformed_operators_are_refused(name):
    graph = bconv_graph()
    change, message = REFUSED[name]
    change(graph)
    content = build_file([graph])
    if message is None:  # sound, if odd
        run(delegated(content)[0], graph)
        return
    with pytest.raises((RuntimeError, ValueError), match=message) as error:
        delegated(content)
    assert 'hybrid-tf-runtime: LceBconv2d "tensor' in str(error.value)


def test_inputs_too_small_for_a_filter_are_refused():
    graph = bconv_graph(padding=VALID)
    interpreter, _ = delegated(build_file([graph]))
    interpreter.resize_tensor_input(0, (1, 2, 5, 64))
    with pytest.raises(RuntimeError, match="filter is larger than its 2x5 input"):
        interpreter.allocate_tensors()
    with pytest.raises(RuntimeError):
        interpreter.invoke()
    interpreter.resize_tensor_input(0, (1, 5, 5, 64))
    interpreter.allocate_tensors()
    np.testing.assert_allclose(run(interpreter, graph)[0], graph.outputs[0].array, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 1 << 14, 1 << 14, 64), (1, 5, 5, 65)])
def test_absurd_sizes_are_refused(shape):
    interpreter, _ = delegated(build_file([bconv_graph()]))
    interpreter.resize_tensor_input(0, shape)
    with pytest.raises(RuntimeError, match=r"more than 268435456 elements|3 channels .* needs 2"):
        interpreter.allocate_tensors()
