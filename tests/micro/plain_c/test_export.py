"""What export-c prints, writes and refuses."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from hybrid_tf.cli import cli
from hybrid_tf.compiler.metadata import read_metadata
from hybrid_tf.errors import HybridTFError
from hybrid_tf.micro.plain_c.arena import plan
from hybrid_tf.micro.plain_c.export import export_plain_c
from hybrid_tf.micro.plain_c.fusing import bordered, fused
from hybrid_tf.micro.plain_c.reading import read_network
from hybrid_tf.tflite.flatbuffer import parse_tflite, read_bytes
from tests.micro.plain_c.conftest import TRAINED

FILES = sorted(TRAINED.glob("*/model.int8.tflite"))
BEST = TRAINED / "resnet20-residual-taught" / "model.int8.tflite"


def invoke(*arguments):
    return CliRunner().invoke(cli, ["export-c", *map(str, arguments)], catch_exceptions=False)


def test_the_command_says_what_the_network_takes(tmp_path):
    done = invoke(BEST, "-o", tmp_path / "network", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["arena_bytes"], found["alive_bytes"], found["steps"], found["operators"]) == (19744, 19744, 26, 101)
    header = (tmp_path / "network" / "network.h").read_text()
    assert "#define NETWORK_IMAGE_BYTES 784\n" in header
    assert sorted(path.name for path in (tmp_path / "network").iterdir()) == [
        "CMakeLists.txt",
        "example",
        "kernels",
        "network.c",
        "network.h",
    ]


def test_pixels_are_those_of_the_normalisation(tmp_path):
    invoke(BEST, "-o", tmp_path / "network")
    text = (tmp_path / "network" / "network.c").read_text()
    rows = text[text.index("network_pixels[") :].split("{", 2)[2].split("}")[0]
    pixels = np.array([int(number) for number in rows.replace("\n", "").split(",") if number.strip()])
    metadata, file = read_metadata(BEST), parse_tflite(read_bytes(BEST), BEST)
    image = file.tensors[file.operators[0].outputs[0]]
    real = (np.arange(256) - metadata.mean[0]) / metadata.std[0]
    assert (
        np.abs((pixels - image.zero_points[0]) * image.scales[0] - real)[pixels < 127].max() <= 0.51 * image.scales[0]
    )


@pytest.mark.parametrize("name", ["resnet20-residual", "resnet20-full_precision"])
def test_float_files_are_refused_with_operator_layer_and_fix(name, tmp_path):
    path = TRAINED / name / "model.tflite"
    text = "model.tflite: CONV_2D, of layer 'stem', computes in float32: .*`hybrid-tf convert --int8`"
    with pytest.raises(HybridTFError, match=text):
        export_plain_c(path, tmp_path / "network", read_metadata(path))
    assert not (tmp_path / "network").exists()


def test_a_folder_that_is_there_is_kept(tmp_path):
    (tmp_path / "own.c").touch()
    with pytest.raises(HybridTFError, match="is there already"):
        export_plain_c(BEST, tmp_path, read_metadata(BEST))
    assert [path.name for path in tmp_path.iterdir()] == ["own.c"]


def spans(network):
    """First and last step of each value."""
    found = {}
    for place, step in enumerate(network.steps):
        for number in (*step.reads, *step.writes):
            found[number] = (found.get(number, (place,))[0], place)
    return found


@pytest.mark.parametrize("path", FILES, ids=[path.parent.name for path in FILES])
def test_values_lie_apart_while_they_are_needed(path):
    network = bordered(fused(read_network(parse_tflite(read_bytes(path), path), path)))
    arena, times = plan(network), spans(network)
    assert arena.least <= arena.bytes <= 1.05 * arena.least
    numbers = list(arena.offsets)
    for i, one in enumerate(numbers):
        start, end = arena.offsets[one], arena.offsets[one] + network.values[one].bytes
        assert 0 <= start <= end <= arena.bytes
        for two in numbers[:i]:
            lies_apart = arena.offsets[two] >= end or arena.offsets[two] + network.values[two].bytes <= start
            # One that is written in another's place begins with the step that reads that one last.
            assert lies_apart or times[one][1] <= times[two][0] or times[two][1] <= times[one][0]
