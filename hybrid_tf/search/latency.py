"""Latency of a network that has not been measured, from steps that were: `hybrid-tf-benchmark --per-op --json`.

A step with multiply-accumulates takes a time of its own and one for each multiply-accumulate, for each kind of them;
both are fitted to the measured steps, without negative values. What the other steps take is shared out over those, and
what lies outside of all steps is the same for each network. The steps of a network are scaled to its median time: they
are means, taken while every step is timed. It is a model: `LatencyTable.error` says how far it is off on the networks
that were measured.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import nnls

from hybrid_tf.errors import HybridTFError
from hybrid_tf.graphs.graph import LayerProfile
from hybrid_tf.system.files import read_json

_MAKE = "measure on the device with `hybrid-tf-benchmark MODEL.tflite --per-op --json > BENCH.json`"
_OF_ARM = ("neon", "arm")  # what the names of kernels for ARM begin with
_EITHER = "portable"
_OUTSIDE = "other"  # what hybrid-tf-benchmark calls the time outside of all steps


@dataclass(frozen=True)
class LatencyTable:
    """What a processor takes for the steps of a network.

    Attributes:
        path: path of the table.
        processor: name of the processor, and its architecture.
        per_step, per_mac: milliseconds of a step with multiply-accumulates, and of one of these, by their kind.
        rest: milliseconds of all other steps, for each step with multiply-accumulates.
        outside: milliseconds of what no step does, for a network.
        error: largest difference of the model to a measured network, as a share of its time.
    """

    path: str
    processor: str
    per_step: dict[str, float]
    per_mac: dict[str, float]
    rest: float
    outside: float
    error: float

    def milliseconds(self, rows: Iterable[LayerProfile]) -> float:
        """Returns the time of one image through a network, in ms, from the rows of its graph. See `check`."""
        return self._sum((row.mac_kind, row.macs) for row in rows if row.macs)

    def check(self, kinds: Iterable[str]) -> None:
        """Raises HybridTFError when no measured network has multiply-accumulates of one of some kinds."""
        for kind in kinds:
            if kind not in self.per_step:
                raise HybridTFError(
                    f"{self.path} has no {kind} layer to tell the time of one from: {_MAKE} of a network with {kind} "
                    "layers, too, and join both results to a JSON list"
                )

    def _sum(self, steps: Iterable[tuple[str, int]]) -> float:
        return self.outside + sum(self.per_step[kind] + self.per_mac[kind] * macs + self.rest for kind, macs in steps)


def read_latency_table(path: str) -> LatencyTable:
    """Returns the table in a file: one result of `hybrid-tf-benchmark --per-op --json`, or a JSON list of several.

    Raises:
        HybridTFError: when the file cannot be read, holds something else, does not say on which processor it was
            measured, or was measured on several, or on another one than it says.
    """
    stored = read_json(path)
    results = stored if isinstance(stored, list) else [stored]
    try:
        return _table(path, results)
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise HybridTFError(f"{path} is no latency table ({error!r}): {_MAKE}") from error


def _table(path: str, results: list[dict[str, Any]]) -> LatencyTable:
    found = {(str(result.get("processor") or ""), result["kernels"], result["threads"]) for result in results}
    if not found:
        raise ValueError("it is empty")
    processors = {processor for processor, *_ in found}
    if "" in processors:
        raise HybridTFError(f"{path} does not say on which processor it was measured: {_MAKE}")
    for processor, kernels, _ in found:
        is_arm = any(name in processor.lower() for name in ("aarch64", "arm"))
        if kernels != _EITHER and kernels.startswith(_OF_ARM) != is_arm:
            raise HybridTFError(f"{path} has kernels '{kernels}' of another processor than {processor}: {_MAKE}")
    if len(found) > 1:
        texts = sorted(f"{processor} with {kernels}, {threads} threads" for processor, kernels, threads in found)
        raise HybridTFError(f"{path} has results of several processors or settings ({'; '.join(texts)}): {_MAKE}")
    measured: dict[str, list[tuple[int, float]]] = {}
    networks, rest, outside = [], 0.0, 0.0
    for result in results:
        median = float(result["median_ms"])
        scale = median / sum(_mean_ms(step) for step in result["steps"])
        macs_of_steps = []
        for step in result["steps"]:
            kind, macs, ms = _kind(step, result["int8"]), _macs(step), scale * _mean_ms(step)
            if kind:
                measured.setdefault(kind, []).append((macs, ms))
                macs_of_steps.append((kind, macs))
            elif step["operators"] == _OUTSIDE:
                outside += ms / len(results)
            else:
                rest += ms
        networks.append((macs_of_steps, median))
    if not measured:
        raise ValueError("no step has multiply-accumulates")
    per_step, per_mac = {}, {}
    for kind, pairs in measured.items():
        counts, times = np.array(pairs, float).T
        most = counts.max()
        (per_step[kind], slope), _ = nnls(np.stack([np.ones_like(counts), counts / most], axis=1), times)
        per_mac[kind] = slope / most
    rest /= sum(map(len, measured.values()))
    table = LatencyTable(path, next(iter(processors)), per_step, per_mac, rest, max(outside, 0.0), 0.0)
    return replace(table, error=max(abs(table._sum(steps) / median - 1) for steps, median in networks))


def _kind(step: dict[str, Any], int8: bool) -> str:
    """The kind of a step's multiply-accumulates; empty without any."""
    if step["binary_macs"]:
        return "binary"
    return ("int8" if int8 else "float32") if step["float_macs"] else ""


def _macs(step: dict[str, Any]) -> int:
    macs = int(step["binary_macs"]) + int(step["float_macs"])
    if macs < 0:
        raise ValueError(f"a step has {macs} MACs")
    return macs


def _mean_ms(step: dict[str, Any]) -> float:
    ms = float(step["mean_ms"])
    if not np.isfinite(ms):
        raise ValueError(f"a step takes {ms} ms")
    return ms
