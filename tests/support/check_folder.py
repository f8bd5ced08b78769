"""Runs the files that sweep_files.py wrote through hybrid_tf_runtime, and compares every output.

    python tests/support/check_folder.py FOLDER [--kernels NAME ...] [--fusion 0 1] [--threads 1 2] [--standalone]

Packed, int8 and bool outputs must be identical, and so must float32 ones where every sum is exact; the others may
differ by 1e-5 of the largest number. Prints what was compared as JSON; where something differs, also what, and exits
with 1.
Needs numpy, hybrid_tf_runtime and, without --standalone, ai_edge_litert only.
"""

import argparse
import json
import sys
from itertools import product
from pathlib import Path

import numpy as np

TOLERANCE = 1e-5


def run(content, inputs, kernels, fusion, threads):
    """Returns the outputs of a file in the stock interpreter; it is resized to what the inputs are."""
    from ai_edge_litert.interpreter import Interpreter

    from hybrid_tf_runtime import load_delegate

    delegate = load_delegate(kernels=kernels, fusion=fusion)
    interpreter = Interpreter(model_content=content, num_threads=threads, experimental_delegates=[delegate])
    details = interpreter.get_input_details()
    for detail, array in zip(details, inputs, strict=True):
        if tuple(detail["shape"]) != array.shape:
            interpreter.resize_tensor_input(detail["index"], array.shape)
    interpreter.allocate_tensors()
    for detail, array in zip(details, inputs, strict=True):
        interpreter.set_tensor(detail["index"], array)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def run_standalone(content, inputs, kernels, fusion, threads):
    """Returns the outputs of a file in the library's own engine."""
    from hybrid_tf_runtime.standalone import StandaloneEngine

    engine = StandaloneEngine(content, "it", threads, kernels, fusion, profile=False)
    for detail, array in zip(engine.get_input_details(), inputs, strict=True):
        engine.set_tensor(detail["index"], array)
    engine.invoke()
    return [engine.get_tensor(detail["index"]) for detail in engine.get_output_details()]


def difference(got, expected, exact):
    """Returns how an output differs, or an empty text."""
    if (got.dtype, got.shape) != (expected.dtype, expected.shape):
        return f"is {got.dtype} {got.shape}, not {expected.dtype} {expected.shape}"
    if np.array_equal(got, expected):
        return ""
    other = got != expected
    first = tuple(int(i) for i in np.argwhere(other)[0])
    text = f"{np.count_nonzero(other)} of {got.size} differ, first at {first}: {got[first]}, not {expected[first]}"
    if exact or got.dtype != np.float32:
        return text
    largest = np.abs(expected).max() * TOLERANCE
    return "" if np.abs(got - expected).max() <= largest else f"{text}, by more than {largest}"


def check_folder(folder, kernel_sets, fusions=(True, False), thread_counts=(1, 2), run=run):
    """Returns counts of what `run` was compared in, and a line for each output that differs."""
    counts = dict.fromkeys(("cases", "runs", "outputs", "floats", "identical_floats"), 0)
    failures = []
    for path in sorted(Path(folder).glob("*.tflite")):
        arrays = np.load(path.with_suffix(".npz"))
        facts = json.loads(str(arrays["facts"]))
        inputs = [arrays[f"input{i}"] for i in range(sum(name.startswith("input") for name in arrays.files))]
        counts["cases"] += facts["cases"]
        expected = [arrays[f"output{i}"] for i in range(len(facts["names"]))]
        for options in product(kernel_sets, fusions, thread_counts):
            kernels, fusion, threads = options
            where = f"kernels={kernels} fusion={fusion} threads={threads} {path.name}"
            counts["runs"] += facts["cases"]
            try:
                outputs = run(path.read_bytes(), inputs, *options)
            except RuntimeError as error:
                failures.append(f"{where}: {error}")
                continue
            for name, exact, got, right in zip(facts["names"], facts["exact"], outputs, expected, strict=True):
                counts["outputs"] += 1
                if right.dtype == np.float32:
                    counts["floats"] += 1
                    counts["identical_floats"] += bool(np.array_equal(got, right))
                if text := difference(got, right, exact):
                    failures.append(f"{where}: {name}: {text}")
    return counts, failures


def main():
    from hybrid_tf_runtime import kernels

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kernels", nargs="*", default=kernels())
    parser.add_argument("--fusion", nargs="*", type=int, default=[1, 0])
    parser.add_argument("--threads", nargs="*", type=int, default=[1, 2])
    parser.add_argument("--standalone", action="store_true", help="the library's own engine, not LiteRT")
    arguments = parser.parse_args()
    fusions = [bool(fusion) for fusion in arguments.fusion]
    counts, failures = check_folder(
        arguments.folder, arguments.kernels, fusions, arguments.threads, run_standalone if arguments.standalone else run
    )
    print(json.dumps({"kernels": list(arguments.kernels), **counts, "failures": len(failures)}))
    print("\n".join(failures[:50]))
    sys.exit(bool(failures or not counts["cases"]))


if __name__ == "__main__":
    main()
