"""Energy profiles: named sets of what an operation and a memory access cost, each number with its source.

Energies are in picojoules (pJ). The constants of Horowitz are those of "Computing's Energy Problem (and what we can do
about it)", ISSCC 2014, figure 1.1.9, for a 45 nm process at 0.9 V: rough, and years from any device on sale, but of one
source. They compare networks; they do not foretell what a power meter would show.

The binary multiply-accumulate is not in Horowitz's table. It is derived for one int32 word, which holds 32 of them:

- XNOR of two words: 32 gates. No gate is dearer than a full adder, and an int32 addition, 0.1 pJ, is 32 of these; so at
  most 0.1 pJ.
- population count: an adder tree over 32 bits, of 16 additions of 1 bit, 8 of 2, 4 of 3, 2 of 4 and 1 of 5 bits, so
  16 + 16 + 12 + 8 + 5 = 57 full adders of 0.1 / 32 pJ each: 0.178125 pJ.
- addition of the count to the sum, int32: 0.1 pJ.

Together 0.378125 pJ for 32, so 0.01181640625 pJ for one: 389 times less than in float32.
"""

from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from hybrid_tf.errors import HybridTFError, unknown
from hybrid_tf.graphs.graph import MAC_KINDS
from hybrid_tf.system.files import read_json

DEFAULT = "horowitz-45nm"

FLOAT32_MULTIPLY, FLOAT32_ADD = 3.7, 0.9  # Horowitz, figure 1.1.9
INT8_MULTIPLY, INT32_ADD = 0.2, 0.1  # Horowitz, figure 1.1.9
ON_CHIP_WORD = 5.0  # Horowitz, figure 1.1.9: 10 pJ for 64 bits from an 8 kB memory, so half of it for 32 bits
DRAM_WORD = 640.0  # Horowitz gives 1.3 to 2.6 nJ for 64 bits; 640 pJ for 32 in Han et al., arXiv 1506.02626, figure 1
POPCOUNT_ADDERS = 16 * 1 + 8 * 2 + 4 * 3 + 2 * 4 + 1 * 5
BINARY_WORD = INT32_ADD + POPCOUNT_ADDERS * INT32_ADD / 32 + INT32_ADD  # derived above: XNOR, popcount, addition


@dataclass(frozen=True)
class EnergyProfile:
    """Constants of an energy model.

    Attributes:
        name: name of the profile.
        description: what the profile stands for.
        mac_pj: energy of one multiply-accumulate of each kind, `binary`, `int8` and `float32`, in pJ.
        access_pj: energy of reading or writing 32 bits, in pJ, by memory level.
        weights: memory level that weights are read from.
        activations: memory level that activations are written to and read from.
        sources: source of each number, by kind or memory level.
    """

    name: str
    description: str
    mac_pj: dict[str, float]
    access_pj: dict[str, float]
    weights: str
    activations: str
    sources: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Returns the profile as JSON values; `energy_profile` reads a file of them back."""
        return asdict(self)


_HOROWITZ = "Horowitz, ISSCC 2014, figure 1.1.9, 45 nm, 0.9 V"
_MAC_PJ = {
    "binary": BINARY_WORD / 32,
    "int8": INT8_MULTIPLY + INT32_ADD,  # products are summed in int32
    "float32": FLOAT32_MULTIPLY + FLOAT32_ADD,
}
_ACCESS_PJ = {"on_chip": ON_CHIP_WORD, "dram": DRAM_WORD}
_SOURCES = {
    "binary": "derived for 32 of a word: XNOR 0.1, population count 57 / 32 * 0.1, int32 addition 0.1 pJ",
    "int8": f"int8 multiplication 0.2 and int32 addition 0.1 pJ: {_HOROWITZ}",
    "float32": f"multiplication 3.7 and addition 0.9 pJ: {_HOROWITZ}",
    "on_chip": f"10 pJ for 64 bits from an 8 kB memory: {_HOROWITZ}",
    "dram": f"640 pJ for 32 bits: Han et al., arXiv 1506.02626, figure 1, after {_HOROWITZ}",
}
PROFILES = {
    profile.name: profile
    for profile in (
        EnergyProfile(
            DEFAULT, "weights and activations on the chip", _MAC_PJ, _ACCESS_PJ, "on_chip", "on_chip", _SOURCES
        ),
        EnergyProfile(
            f"{DEFAULT}-dram",
            "weights in DRAM, activations on the chip",
            _MAC_PJ,
            _ACCESS_PJ,
            "dram",
            "on_chip",
            _SOURCES,
        ),
    )
}


def energy_profile(name: str) -> EnergyProfile:
    """Returns a profile by its name, or the one in a JSON file with the fields of `EnergyProfile`.

    Raises:
        HybridTFError: when there is no such profile or file, or a field of the file is missing or wrong.
    """
    if name in PROFILES:
        return PROFILES[name]
    if not name.endswith(".json") and not Path(name).exists():
        raise unknown("energy profile", name, [*PROFILES, "FILE.json"])
    return _checked(read_json(name), name)


def _checked(found: Any, path: str) -> EnergyProfile:
    def fail(reason: str) -> HybridTFError:
        return HybridTFError(f"energy profile {path}: {reason}; start from `hybrid-tf energy ... --json`")

    required = ("mac_pj", "access_pj", "weights", "activations")
    if not isinstance(found, dict) or any(key not in found for key in required):
        raise fail(f"it must be an object with {', '.join(required)}")
    macs, access = found["mac_pj"], found["access_pj"]
    if not isinstance(macs, dict) or set(macs) != set(MAC_KINDS):
        raise fail(f"mac_pj must give {', '.join(MAC_KINDS)}")
    if not isinstance(access, dict):
        raise fail("access_pj must give a number for each memory level")
    for key, value in {**macs, **access}.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value < 0:
            raise fail(f"'{key}' is {value!r}, not a number of picojoules")
    for key in ("weights", "activations"):
        if not isinstance(found[key], str) or found[key] not in access:
            raise fail(f"'{key}' names the level {found[key]!r}, which access_pj does not give")
    sources = found.get("sources") or {}
    if not isinstance(sources, dict):
        raise fail("sources must be an object of texts")
    return EnergyProfile(
        name=str(found.get("name", Path(path).stem)),
        description=str(found.get("description", "")),
        mac_pj={kind: float(macs[kind]) for kind in MAC_KINDS},
        access_pj={str(level): float(value) for level, value in access.items()},
        weights=found["weights"],
        activations=found["activations"],
        sources={str(key): str(value) for key, value in sources.items()},
    )
