"""The `hybrid-tf-benchmark` command: how fast a network runs on this machine, step by step, and in how much memory."""

import argparse
import json
import os
import platform
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from hybrid_tf_runtime.command import positive, run_command
from hybrid_tf_runtime.interpreter import Interpreter
from hybrid_tf_runtime.library import kernels as supported_kernels
from hybrid_tf_runtime.model_file import load_model

_NS_PER_MS = 1e6


def benchmark(
    file: str | Path,
    threads: int = 1,
    runs: int = 100,
    kernels: str | None = None,
    fusion: bool = True,
    per_op: bool = False,
) -> dict[str, Any]:
    """Measures how long a network takes for one sample, after a warm-up, on random inputs.

    Args:
        file: path of the .tflite file.
        threads: number of threads that work on one sample.
        runs: number of measured runs.
        kernels: name of the kernels, see `load_delegate`.
        fusion: whether to fuse operators, see `load_delegate`.
        per_op: whether to measure each step too, in as many runs of their own.

    Returns:
        The measurements by name, times in milliseconds and sizes in bytes, with the name of the processor.
        `peak_memory` is that of this process, `network_memory` the part of it above what was in use before the file was
        read. With `per_op`, `steps` holds the mean time of each step, of which the last one is what is outside of the
        delegate, and `int8` says whether the network computes with int8.

    Raises:
        HybridTFRuntimeError: when the file cannot be read or run, or there are no such kernels.
    """
    if find_spec("ai_edge_litert"):
        import ai_edge_litert.interpreter  # noqa: F401  what it takes is not the network's

    before = _memory("VmRSS")
    start = time.perf_counter_ns()
    interpreter = Interpreter(file, threads, kernels=kernels, fusion=fusion)
    load_ms = (time.perf_counter_ns() - start) / _NS_PER_MS
    _warm_up(interpreter, runs)
    times = _times(interpreter, runs)
    peak = _memory("VmHWM")
    result = {
        "file": str(file),
        "bytes": len(load_model(file)[0]),
        "processor": processor(),
        "kernels": kernels or os.environ.get("HYBRID_TF_KERNELS") or supported_kernels()[0],
        "fusion": fusion,
        "threads": threads,
        "runs": runs,
        "load_ms": load_ms,
        "median_ms": float(np.median(times)),
        "p95_ms": float(np.percentile(times, 95)),
        "min_ms": float(np.min(times)),
        "peak_memory": peak,
        "network_memory": peak - before,
    }
    if per_op:
        int8_input = np.int8 in interpreter.input_types
        del interpreter
        steps = _steps(Interpreter(file, threads, kernels=kernels, fusion=fusion, profile=True), runs)
        quantized = any("QUANTIZE" in step["operators"].split("+") for step in steps)  # its float input
        result |= {"int8": int8_input or quantized, "steps": steps}
    return result


def _warm_up(interpreter: Interpreter, runs: int) -> None:
    """Sets random inputs, and fills the caches."""
    inner, random = interpreter.interpreter, np.random.default_rng(0)
    for tensor in inner.get_input_details():
        inner.set_tensor(tensor["index"], _random(random, tuple(tensor["shape"]), np.dtype(tensor["dtype"])))
    _times(interpreter, max(3, runs // 10))


def _times(interpreter: Interpreter, runs: int) -> np.ndarray:
    """Returns the time of each run in milliseconds."""
    times = []
    for _ in range(runs):
        start = time.perf_counter_ns()
        interpreter.interpreter.invoke()
        times.append(time.perf_counter_ns() - start)
    return np.array(times) / _NS_PER_MS


def _random(random: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    if dtype.kind == "f":
        return random.standard_normal(shape).astype(dtype)
    if dtype.kind == "b":
        return random.random(shape) < 0.5
    limits = np.iinfo(dtype)
    return random.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def _steps(interpreter: Interpreter, runs: int) -> list[dict[str, Any]]:
    _warm_up(interpreter, runs)
    interpreter.profile()  # only what comes after it is counted
    total = float(np.mean(_times(interpreter, runs)))
    steps = [
        {
            "operators": step["name"],
            "output": step["output"],
            "blocking": step["blocking"],
            "binary_macs": step["binary_macs"],
            "float_macs": step["float_macs"],
            "mean_ms": step["nanoseconds"] / max(step["calls"], 1) / _NS_PER_MS,
        }
        for step in interpreter.profile()
    ]
    outside = total - sum(step["mean_ms"] for step in steps)
    other = {
        "operators": "other",
        "output": "outside of the delegate",
        "blocking": "",
        "binary_macs": 0,
        "float_macs": 0,
    }
    return [*steps, other | {"mean_ms": outside}]


def processor(cpuinfo: str | Path = "/proc/cpuinfo") -> str:
    """Returns the name of this machine's processor and its architecture; empty where the system does not name it.

    Linux on ARM names the board, or only numbers of the implementer and the part.
    """
    try:
        lines = Path(cpuinfo).read_text(errors="replace").splitlines()
    except OSError:
        return ""
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    parts = [fields[key] for key in ("CPU implementer", "CPU part") if fields.get(key)]
    name = fields.get("model name") or " ".join(filter(None, (fields.get("Model"), *parts)))
    return f"{name} ({platform.machine()})" if name else ""


def _memory(what: str) -> int:
    """Returns the bytes in memory, now (`VmRSS`) or at most (`VmHWM`; `getrusage` counts a parent process too)."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return 1024 * int(fields[what].split()[0])


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(
        prog="hybrid-tf-benchmark",
        description="Measure how long a network takes for one sample on this machine.",
        epilog="examples:\n"
        "  hybrid-tf-benchmark model.tflite --threads 4 --per-op\n"
        "  hybrid-tf-benchmark model.tflite --kernels portable --json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE.tflite", help="of hybrid-tf or Larq Compute Engine")
    parser.add_argument("--threads", type=positive, default=1, metavar="N", help="threads that work on one sample (1)")
    parser.add_argument("--runs", type=positive, default=100, metavar="N", help="measured runs, after a warm-up (100)")
    parser.add_argument("--kernels", metavar="NAME", help="instead of the fastest ones, e.g. portable")
    parser.add_argument("--no-fusion", action="store_true", help="each binary operator alone, for comparison")
    parser.add_argument("--per-op", action="store_true", help="the time of each step")
    parser.add_argument("--json", action="store_true", help="print JSON")
    run_command(parser, _show)


def _show(options: argparse.Namespace) -> None:
    result = benchmark(
        options.file, options.threads, options.runs, options.kernels, not options.no_fusion, options.per_op
    )
    if options.json:
        print(json.dumps(result, indent=2))
        return
    fusion = "" if result["fusion"] else ", no fusion"
    print(
        f"{result['file']}: {result['bytes']:,} bytes, kernels {result['kernels']}{fusion}, threads {result['threads']}"
    )
    print(f"median {result['median_ms']:.3f} ms, 95 % within {result['p95_ms']:.3f} ms, {result['runs']} runs")
    print(
        f"loaded in {result['load_ms']:.1f} ms; peak memory {result['peak_memory'] / 1e6:.1f} MB, "
        f"of which the network {result['network_memory'] / 1e6:.1f} MB"
    )
    if options.per_op:
        _show_steps(result["steps"])


def _show_steps(steps: list[dict[str, Any]]) -> None:
    total = sum(step["mean_ms"] for step in steps) or 1.0
    rows = [("operators", "output", "blocking", "binary MACs", "float MACs", "mean ms", "share")]
    rows += [
        (
            step["operators"],
            step["output"],
            step["blocking"],
            f"{step['binary_macs']:,}",
            f"{step['float_macs']:,}",
            f"{step['mean_ms']:.4f}",
            f"{100 * step['mean_ms'] / total:.1f} %",
        )
        for step in steps
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        texts = [f"{text:<{width}}" for text, width in zip(row[:3], widths[:3], strict=True)]
        numbers = [f"{text:>{width}}" for text, width in zip(row[3:], widths[3:], strict=True)]
        print("  ".join(texts + numbers))


if __name__ == "__main__":
    main()
