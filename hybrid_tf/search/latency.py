"""Latency of a network that has not been measured, from steps that were: `hybrid-tf-benchmark --per-op --json`.

A step with multiply-accumulates takes a time of its own and one for each multiply-accumulate, for each kind of them;
both are fitted to the measured steps, without negative values. What the other steps take is shared out over those. It
is a model: `LatencyTable.error` says how far it is off on the networks that were measured.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import nnls

from hybrid_tf.errors import HybridTFError
from hybrid_tf.graphs.graph import LayerProfile
from hybrid_tf.system.files import read_json

_MAKE = "measure on the device with `hybrid-tf-benchmark MODEL.tflite --per-op --json > BENCH.json`"
_OF_ARM = ("neon", "arm")  # what the names of kernels for ARM begin with
_EITHER = "portable"


@dataclass(frozen=True)
class LatencyTable:
    """What a processor takes for the steps of a network.

    Attributes:
        path: path of the table.
        processor: name of the processor, and its architecture.
        per_step, per_mac: milliseconds of a step with multiply-accumulates, and of one of these, by their kind.
        rest: milliseconds of all other steps, for each step with multiply-accumulates.
        error: largest difference of the model to a measured network, as a share of its time.
    """

    path: str
    processor: str
    per_step: dict[str, float]
    per_mac: dict[str, float]
    rest: float
    error: float

    def milliseconds(self, rows: Iterable[LayerProfile]) -> float:
        """Returns the time of one image through a network, in ms.

        Args:
            rows: row of every operator of the network's graph.

        Raises:
            HybridTFError: when no network of the table has multiply-accumulates of a kind.
        """
        return self._sum((row.mac_kind, row.macs) for row in rows if row.macs)

    def _sum(self, steps: Iterable[tuple[str, int]]) -> float:
        total = 0.0
        for kind, macs in steps:
            if kind not in self.per_step:
                raise HybridTFError(
                    f"{self.path} has no {kind} layer to tell the time of one from: {_MAKE} of a network with {kind} "
                    "layers, too, and join both results to a JSON list, or search without them"
                )
            total += self.per_step[kind] + self.per_mac[kind] * macs + self.rest
        return total

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of multiply-accumulates that were measured."""
        return tuple(self.per_step)


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
    except (KeyError, TypeError, ValueError, AttributeError) as error:
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
    networks, rest = [], 0.0
    for result in results:
        steps = [(_kind(step, result["int8"]), *_macs_and_ms(step)) for step in result["steps"]]
        networks.append((steps, sum(ms for *_, ms in steps)))
        rest += sum(ms for kind, _, ms in steps if not kind)
        for kind, macs, ms in steps:
            if kind:
                measured.setdefault(kind, []).append((macs, ms))
    if not measured:
        raise ValueError("no step has multiply-accumulates")
    per_step, per_mac = {}, {}
    for kind, pairs in measured.items():
        counts, times = np.array(pairs, float).T
        scale = counts.max()
        (per_step[kind], slope), _ = nnls(np.stack([np.ones_like(counts), counts / scale], axis=1), times)
        per_mac[kind] = slope / scale
    count = sum(map(len, measured.values()))
    table = LatencyTable(path, next(iter(processors)), per_step, per_mac, rest / count, 0.0)
    errors = [abs(table._sum((kind, macs) for kind, macs, _ in steps if kind) / ms - 1) for steps, ms in networks]
    return LatencyTable(path, table.processor, per_step, per_mac, table.rest, max(errors))


def _kind(step: dict[str, Any], int8: bool) -> str:
    """The kind of a step's multiply-accumulates; empty without any."""
    if step["binary_macs"]:
        return "binary"
    return ("int8" if int8 else "float32") if step["float_macs"] else ""


def _macs_and_ms(step: dict[str, Any]) -> tuple[int, float]:
    macs, ms = int(step["binary_macs"]) + int(step["float_macs"]), float(step["mean_ms"])
    if macs < 0 or not np.isfinite(ms):
        raise ValueError(f"a step takes {ms} ms for {macs} MACs")
    return macs, ms
