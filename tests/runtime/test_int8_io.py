"""Files with int8 input and output, as hybrid_tf_runtime and LCE's interpreter run them on float32 images."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import hybrid_tf_runtime
from hybrid_tf.compiler import Interpreter as LCE
from hybrid_tf.compiler import Metadata, calibrate_int8, convert
from hybrid_tf.compiler.rewrite import add_outputs
from hybrid_tf.deploy.prediction import predict_images
from hybrid_tf.micro.export import network_input
from hybrid_tf.tflite.flatbuffer import parse_tflite
from hybrid_tf_runtime import HybridTFRuntimeError, benchmark, classify
from tests.support.small_networks import binary, layers, network, random_images

SIZE = 11  # an image has 363 numbers, of which 3 are not part of whole vectors
STEP = 1 / 16


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The same network with float32 and with int8 input and output; an image is rounded to sixteenths."""
    folder = tmp_path_factory.mktemp("io")
    model = network(lambda x: layers.Add()([x, binary(x, 32)]), size=SIZE)
    int8 = calibrate_int8(model, random_images(16, SIZE))
    int8 = replace(int8, ranges=int8.ranges | {"image": (-128 * STEP, 127 * STEP)})
    metadata = Metadata(tuple("abcde"), (110.0,) * 3, (30.0,) * 3, (SIZE, SIZE, 3), int8=int8)
    for io in ("float32", "int8"):
        convert(model, folder / f"{io}.tflite", metadata, io)
    return {io: folder / f"{io}.tflite" for io in ("float32", "int8")}


@pytest.fixture(scope="module")
def halves():
    """Images of halves of a step and of their neighbours, some beyond the range."""
    random = np.random.default_rng(0)
    images = random.integers(-300, 300, (8, SIZE, SIZE, 3)).astype(np.float32) * np.float32(STEP / 2)
    towards = np.choose(random.integers(0, 3, images.shape), [-np.inf, images, np.inf]).astype(np.float32)
    return np.nextafter(images, towards)


def with_first_convolution(path):
    """The content of a file that also gives the int8 output of its first convolution."""
    content = path.read_bytes()
    first = next(op for op in parse_tflite(content, path).operators if op.name == "CONV_2D")
    return add_outputs(content, first.outputs)


def test_images_are_rounded_as_in_a_file_with_float32_input(files, halves):
    contents = [with_first_convolution(files[io]) for io in ("float32", "int8")]
    ours = [hybrid_tf_runtime.Interpreter(content).predict_float(halves) for content in contents]
    lce = [LCE(content).outputs(halves) for content in contents]
    for one, other in (ours, lce):
        np.testing.assert_array_equal(one[1], other[1])
        np.testing.assert_allclose(one[0], other[0], rtol=1e-6)
    assert len(np.unique(lce[0][1])) > 50
    np.testing.assert_array_equal(ours[1][0], lce[1][0])


def test_tflite_micro_is_given_images_that_are_rounded_alike(files):
    content = with_first_convolution(files["int8"])
    pixels = np.random.default_rng(2).integers(0, 256, (8, SIZE, SIZE, 3), np.uint8)
    given = network_input(pixels, parse_tflite(content, "int8"), Metadata(mean=(128.0,) * 3, std=(32.0,) * 3))
    interpreter = hybrid_tf_runtime.Interpreter(content)
    images = (pixels.astype(np.float32) - 128) / 32  # every odd pixel is half a step
    assert given.dtype == np.int8
    for one, other in zip(*map(interpreter.predict_float, (given, images)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_predict_takes_and_gives_int8_and_names_what_does_not(files, halves):
    interpreter = hybrid_tf_runtime.Interpreter(files["int8"])
    whole = np.random.default_rng(1).integers(-128, 128, halves.shape, np.int8)
    scores = interpreter.predict(whole)
    [scale], [zero_point] = interpreter.output_scales, interpreter.output_zero_points
    assert scores.dtype == np.int8
    expected = (scores.astype(np.float32) - zero_point) * np.float32(scale)
    np.testing.assert_array_equal(interpreter.predict_float(whole.astype(np.float32) * np.float32(STEP)), expected)
    np.testing.assert_array_equal(interpreter.predict_float(whole), expected)  # rounded by the caller
    with pytest.raises(HybridTFRuntimeError, match=r"are float32, but .* takes int8: predict_float\(x\)"):
        interpreter.predict(halves)


def test_images_are_classified_and_runs_measured(files, tmp_path):
    photos = [tmp_path / f"{number}.png" for number in range(4)]
    for number, photo in enumerate(photos):
        pixels = np.random.default_rng(number).integers(0, 256, (3, 3, 3), np.uint8)
        Image.fromarray(pixels).resize((40, 30), Image.Resampling.NEAREST).save(photo)
    found = {io: classify.classify(path, photos, top=5) for io, path in files.items()}
    for rows in (found["float32"], predict_images(files["int8"], tuple(photos), top=5)):
        for one, other in zip(found["int8"], rows, strict=True):
            assert [guess["class"] for guess in one["top"]] == [guess["class"] for guess in other["top"]]
            probabilities = [[guess["probability"] for guess in row["top"]] for row in (one, other)]
            np.testing.assert_allclose(*probabilities, rtol=1e-4)
    assert len({row["top"][0]["probability"] for row in found["int8"]}) > 1

    measured = benchmark.benchmark(files["int8"], runs=5, per_op=True)
    assert measured["min_ms"] > 0
    assert len(measured["steps"]) > 1
