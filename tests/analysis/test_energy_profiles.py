import json

import pytest

from hybrid_tf.analysis.energy_profiles import PROFILES, energy_profile
from hybrid_tf.errors import HybridTFError

GOOD = {
    "mac_pj": {"binary": 0.1, "int8": 1, "float32": 10},
    "access_pj": {"sram": 2},
    "weights": "sram",
    "activations": "sram",
}


def test_the_default_has_the_published_numbers():
    profile = energy_profile("horowitz-45nm")
    assert profile.mac_pj == {"binary": pytest.approx(0.378125 / 32), "int8": 0.2 + 0.1, "float32": 3.7 + 0.9}
    assert profile.access_pj == {"on_chip": 5, "dram": 640}
    assert (profile.weights, profile.activations) == ("on_chip", "on_chip")
    assert energy_profile("horowitz-45nm-dram").weights == "dram"


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_every_number_has_a_source(profile):
    assert set(profile.sources) == set(profile.mac_pj) | set(profile.access_pj)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_a_profile_survives_a_file(profile, tmp_path):
    (tmp_path / "mine.json").write_text(json.dumps(profile.to_dict()))
    assert energy_profile(str(tmp_path / "mine.json")) == profile


def test_a_profile_of_one_s_own(tmp_path):
    (tmp_path / "mine.json").write_text(json.dumps(GOOD))
    profile = energy_profile(str(tmp_path / "mine.json"))
    assert profile.name == "mine"
    assert profile.mac_pj["float32"] == 10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mac_pj": {"binary": 1}}, "mac_pj must give binary, int8, float32"),
        ({"mac_pj": None}, "mac_pj must give"),
        ({"access_pj": [5]}, "access_pj must give a number"),
        ({"access_pj": {"sram": "5"}}, "'sram' is '5', not a number"),
        ({"access_pj": {"sram": -5}}, "'sram' is -5, not a number"),
        ({"access_pj": {"sram": True}}, "'sram' is True, not a number"),
        ({"weights": "dram"}, "'weights' names the level 'dram'"),
        ({"weights": ["dram"]}, "'weights' names the level"),
        ({"sources": 3}, "sources"),
    ],
)
def test_a_wrong_profile_is_an_error(tmp_path, change, message):
    (tmp_path / "mine.json").write_text(json.dumps(GOOD | change))
    with pytest.raises(HybridTFError, match=message):
        energy_profile(str(tmp_path / "mine.json"))


def test_absent_profiles_are_errors(tmp_path):
    with pytest.raises(HybridTFError, match="unknown energy profile 'horowitz': did you mean 'horowitz-45nm'"):
        energy_profile("horowitz")
    with pytest.raises(HybridTFError, match=r"cannot read none\.json"):
        energy_profile("none.json")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(HybridTFError, match="it must be an object"):
        energy_profile(str(tmp_path / "list.json"))
