"""The cost of a network under its plans, and with int8 in its full-precision sections."""

import pytest

from hybrid_tf.analysis.energy_profiles import PROFILES
from hybrid_tf.analysis.network_cost import network_costs
from hybrid_tf.models.spec import NetworkSpec


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
