"""What is foreseen of a network with int8 sections is what its converted file has."""

import numpy as np
import pytest

from hybrid_tf.analysis.energy import energy
from hybrid_tf.analysis.energy_profiles import PROFILES
from hybrid_tf.analysis.network_cost import network_costs
from hybrid_tf.compiler import Metadata, calibrate_int8, convert
from hybrid_tf.graphs.file_graph import file_graph
from hybrid_tf.graphs.int8_graph import int8_graph
from hybrid_tf.graphs.keras_graph import keras_graph
from hybrid_tf.graphs.memory import peak_memory, weight_bits
from hybrid_tf.models.registry import build_model
from hybrid_tf.models.spec import NetworkSpec
from hybrid_tf.tflite.flatbuffer import parse_tflite
from hybrid_tf.tflite.names import VIEWS
from tests.support.small_networks import randomise


def numbers(graph):
    """Of each operator that does more than name its input's memory otherwise."""
    return [
        (
            *(row.op, row.precision, row.weights, row.bits, row.macs, row.mac_kind),
            *(row.weight_bytes, row.parameter_bytes, row.input_bytes, row.output_bytes),
        )
        for row in graph.rows()
        if row.op not in VIEWS
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "plan"),
    [("resnet20", "residual+sections=2,3"), ("resnet18", "residual"), ("vgg11", "xnor"), ("vgg11", "residual")],
)
def test_a_file_has_what_was_foreseen(name, plan, tmp_path):
    model = randomise(build_model(name, plan, width=0.125))
    images = np.random.default_rng(0).normal(size=(16, 32, 32, 3)).astype(np.float32)
    path = tmp_path / "model.tflite"
    convert(model, path, Metadata(int8=calibrate_int8(model, images)))
    expected, found = int8_graph(keras_graph(model)), file_graph(parse_tflite(path.read_bytes(), path))
    assert sorted(numbers(found)) == sorted(numbers(expected))
    assert peak_memory(found).bytes == peak_memory(expected).bytes
    assert weight_bits(found.rows()) == weight_bits(expected.rows())
    for profile in PROFILES.values():
        assert energy(found.rows(), profile).total == pytest.approx(energy(expected.rows(), profile).total)


def test_int8_takes_less_of_everything():
    profiles = list(PROFILES.values())
    plain, int8 = network_costs(NetworkSpec("resnet20"), ["residual"], profiles, int8=True)
    assert int8.name == "residual, int8"
    full = sum(row.weights for row in plain.rows if row.precision == "full_precision")
    assert plain.weights("full_precision") == int8.weights("int8") == full
    assert int8.weights("full_precision") == int8.macs("float32") == 0
    assert plain.weight_bits - int8.weight_bits == 24 * full
    assert int8.peak.bytes < 0.5 * plain.peak.bytes
    for before, after in zip(plain.energies, int8.energies, strict=True):
        assert after.total < before.total
        assert after.compute["int8"] == pytest.approx(plain.macs("float32") * 0.3)
