"""The energy of one image through a network: a model, not a measurement.

E = sum over kinds of MACs * energy of one + sum over memory levels of 32-bit accesses * energy of one

Every operator reads its kernel, its biases and its inputs once and writes its outputs once, all at their true size on
the device: bit-packed, int8 or float32. That is the least traffic possible: what a kernel fetches again because its
registers or caches are small is not counted, nor is the arithmetic of operators without multiply-accumulates.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hybrid_tf.analysis.energy_profiles import EnergyProfile
from hybrid_tf.graphs.graph import MAC_KINDS, LayerProfile
from hybrid_tf.tflite.names import VIEWS

WORD_BYTES = 4


@dataclass(frozen=True)
class Energy:
    """Energy of one image, in picojoules.

    Attributes:
        profile: name of the energy profile.
        compute: energy of the multiply-accumulates in pJ, by kind.
        weights: energy of reading kernels, biases, multipliers and thresholds, in pJ.
        activations: energy of reading and writing activations, in pJ.
        accesses: number of accesses of 32 bits, by memory level.
    """

    profile: str
    compute: dict[str, float]
    weights: float
    activations: float
    accesses: dict[str, float]

    @property
    def total(self) -> float:
        """Compute and memory traffic together, in pJ."""
        return sum(self.compute.values()) + self.weights + self.activations

    def to_dict(self) -> dict[str, Any]:
        """Returns the parts as JSON values; energies in pJ."""
        return {
            "profile": self.profile,
            "compute_pj": self.compute,
            "weights_pj": self.weights,
            "activations_pj": self.activations,
            "total_pj": self.total,
            "accesses_32_bit": self.accesses,
        }


def energy(rows: Iterable[LayerProfile], profile: EnergyProfile) -> Energy:
    """Returns the modelled energy of one image.

    Args:
        rows: row of every operator (`Graph.rows`), so that additions and poolings count with their traffic.
        profile: energy profile with the constants.
    """
    rows = tuple(rows)
    macs = {kind: sum(row.macs for row in rows if row.mac_kind == kind) for kind in MAC_KINDS}
    weight_words = sum(row.weight_bytes + row.parameter_bytes for row in rows) / WORD_BYTES
    moving = (row for row in rows if row.op not in VIEWS)
    activation_words = sum(row.input_bytes + row.output_bytes for row in moving) / WORD_BYTES
    accesses = dict.fromkeys(profile.access_pj, 0.0)
    accesses[profile.weights] += weight_words
    accesses[profile.activations] += activation_words
    return Energy(
        profile=profile.name,
        compute={kind: count * profile.mac_pj[kind] for kind, count in macs.items()},
        weights=weight_words * profile.access_pj[profile.weights],
        activations=activation_words * profile.access_pj[profile.activations],
        accesses=accesses,
    )


def picojoules(value: float) -> str:
    """Returns an energy as text, in pJ, nJ, uJ or mJ."""
    for unit in ("pJ", "nJ", "uJ"):
        if value < 1000:
            return f"{value:.4g} {unit}"
        value /= 1000
    return f"{value:.4g} mJ"
