"""Compares the files of both converters: of every registered network under every plan, and of the trained networks.

python -m benchmarks.counting.converters [NAME ...] [--plan PLAN ...] [--width 0.25] [--json FILE]

NAME is a registered or a trained network; without, all are converted. Registered networks have random weights and
batch-norm statistics, trained ones those they are shipped with, and the ranges of their int8 file. Compared are the
binary convolutions and their bits, the bytes, the verification of our file against Keras, and the scores: of our file
in LCE's interpreter with those of LCE's file, and in our runtime with those in LCE's interpreter. An image whose scores
differ has an input of a binary layer next to zero, where either sign is right; so int8 files and deep networks have
some. What --json FILE holds already is not compared again.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hybrid_tf.errors import HybridTFError
from hybrid_tf.system.files import write_json
from hybrid_tf.tables import show, table

if TYPE_CHECKING:
    import tensorflow as tf

    from hybrid_tf.compiler import Metadata

PLANS = ("full_precision", "xnor", "residual", "residual+sections=2,3")
CONVERTERS = ("lce", "own")
IMAGES = 16
EQUAL = 1e-4  # of the largest score
_ROUNDS = 9


@dataclass(frozen=True)
class Compared:
    """The two files of a network, LCE's and ours.

    Attributes:
        name: name of the network, and the plan of one that is not trained.
        numbers: `float32`, or `int8` where the full-precision sections are.
        same_operators: whether both files have as many operators of each kind.
        same_bits: whether both have the same binary filters, but for the negated ones of negative multipliers.
        convolutions: number of binary convolutions in each file.
        bytes: size of each file in bytes.
        difference: largest difference of our file to Keras that verification found, of the largest score.
        lsb: largest difference of an int8 value of our file to Keras.
        as_lce: number of images to which both files give the same scores in LCE's interpreter.
        as_runtime: number of images to which our file has the same scores in our runtime and in LCE's interpreter.
        milliseconds: median time of one image in our runtime, one thread, of each file.
    """

    name: str
    numbers: str
    same_operators: bool
    same_bits: bool
    convolutions: tuple[int, int]
    bytes: tuple[int, int]
    difference: float
    lsb: int
    as_lce: int
    as_runtime: int
    milliseconds: tuple[float, float]


def compared(model: "tf.keras.Model", name: str, metadata: "Metadata", folder: Path) -> Compared:
    """Converts a model with both converters, and compares the files; they stay in `folder`, as `lce.tflite`, ...

    Raises:
        HybridTFError: when one cannot be made, or ours does not compute what the model does.
    """
    from hybrid_tf.compiler import Interpreter, convert, convert_and_verify
    from hybrid_tf.compiler.tracing import image_shape
    from hybrid_tf_runtime import Interpreter as Runtime

    images = np.random.default_rng(1).normal(size=(IMAGES, *image_shape(model))).astype(np.float32)
    paths = [folder / f"{converter}.tflite" for converter in CONVERTERS]
    theirs = convert(model, paths[0], metadata, converter="lce")
    ours, verification = convert_and_verify(model, paths[1], metadata, images[: IMAGES // 2])
    lce, own = (Interpreter(path).predict(images) for path in paths)
    runtimes = [Runtime(path) for path in paths]
    return Compared(
        name,
        "int8" if metadata.int8 else "float32",
        theirs.ops == ours.ops,
        binary_filters(paths[0]) == binary_filters(paths[1]),
        (theirs.ops.get("LceBconv2d", 0), ours.ops.get("LceBconv2d", 0)),
        (theirs.bytes, ours.bytes),
        verification.max_rel_difference,
        verification.most_lsb,
        _equal(own, lce),
        _equal(runtimes[1].predict(images), own),
        _times(runtimes, images),
    )


def binary_filters(path: Path) -> Counter:
    """Returns how often a file has each binary filter, every output channel negated so that its first weight is +1.

    A negative multiplier and a negated filter are the same, and converters choose.
    """
    from hybrid_tf.tflite.bits import unpacked
    from hybrid_tf.tflite.flatbuffer import parse_tflite, read_bytes

    file = parse_tflite(read_bytes(path), path)
    found: Counter = Counter()
    for op in file.operators:
        if op.name == "LceBconv2d":
            words = file.constant(op.inputs[1], np.int32)
            bits = unpacked(words, min(op.options()["channels_in"], words.shape[-1] * 32))
            found[(bits.shape, (bits ^ bits[:, :1, :1, :1]).tobytes())] += 1
    return found


def _equal(scores: np.ndarray, others: np.ndarray) -> int:
    return int(np.sum(np.abs(scores - others).max(axis=1) <= EQUAL * np.abs(others).max()))


def _times(runtimes: list, images: np.ndarray) -> tuple[float, ...]:
    """Returns the median milliseconds of one image in each interpreter; they take turns."""
    seconds: list[list[float]] = [[] for _ in runtimes]
    for number in range(_ROUNDS):
        for runtime, taken in zip(runtimes, seconds, strict=True):
            start = time.perf_counter()
            runtime.predict(images[number % IMAGES][np.newaxis])
            taken.append(time.perf_counter() - start)
    return tuple(round(1000 * float(np.median(taken)), 3) for taken in seconds)


def registered(names: list[str], plans: tuple[str, ...], width: float) -> Iterator[tuple["tf.keras.Model", str]]:
    """Yields registered networks under plans, with random weights and batch-norm statistics, and what they are."""
    from hybrid_tf.models.registry import build_model

    for name in names:
        for plan in plans:
            model = build_model(name, plan, width=width, classes=10)
            _randomise(model)
            yield model, f"{name} {plan}"


def _randomise(model: "tf.keras.Model") -> None:
    """Gives a network weights and statistics that hide nothing: no zero bias, no fresh batch norm, gammas of a sign."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        name, shape = weight.name.rsplit("/", 1)[-1], tuple(weight.shape)
        if "kernel" in name:
            value = rng.normal(size=shape) / np.sqrt(np.prod(shape[:-1]))
        elif "variance" in name:
            value = rng.uniform(0.5, 2, shape)
        elif "gamma" in name:
            value = rng.uniform(0.5, 1.5, shape) * rng.choice([-1, 1], shape)
        else:
            value = rng.normal(size=shape)
        weight.assign(value.astype(np.float32))


def comparisons(
    names: list[str], plans: tuple[str, ...], width: float, done: set[tuple[str, str]]
) -> Iterator[Compared]:
    """Yields the comparison of each network, float32 and int8: registered ones under `plans`, trained ones as theirs.

    What is in `done`, by name and numbers, is left out.

    Raises:
        HybridTFError: for a name that is neither, or when a file is wrong.
    """
    from hybrid_tf.compiler import Metadata, calibrate_int8, read_metadata
    from hybrid_tf.deploy.conversion import metadata_of
    from hybrid_tf.errors import unknown
    from hybrid_tf.models.registry import network_names
    from hybrid_tf.pretrained import load_pretrained, pretrained_names
    from hybrid_tf.runs.names import INT8_FILE

    for name in names:
        if name not in (*network_names(), *pretrained_names()):
            raise unknown("network", name, [*network_names(), *pretrained_names()])
    wanted = names or [*network_names(), *pretrained_names()]
    with tempfile.TemporaryDirectory() as folder:
        for model, what in registered([name for name in wanted if name in network_names()], plans, width):
            images = np.random.default_rng(2).normal(size=(IMAGES, *model.input_shape[1:])).astype(np.float32)
            if (what, "float32") not in done:
                yield compared(model, what, Metadata(), Path(folder))
            if (what, "int8") not in done:
                yield compared(model, what, Metadata(int8=calibrate_int8(model, images)), Path(folder))
        for name in (name for name in wanted if name in pretrained_names()):
            run = load_pretrained(name)
            model = run.load_model()
            if (name, "float32") not in done:
                yield compared(model, name, metadata_of(run), Path(folder))
            if (name, "int8") not in done:
                yield compared(model, name, read_metadata(run.folder / INT8_FILE), Path(folder))


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="registered or trained networks  [default: all]")
    parser.add_argument("--plan", action="append", metavar="PLAN", help="plans of registered networks  [default: four]")
    parser.add_argument("--width", type=float, default=0.25, help="channels of registered networks (0.25)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep all numbers, and go on from them")
    options = parser.parse_args()
    rows = []
    if options.json and options.json.exists():
        rows = [Compared(**row) for row in json.loads(options.json.read_text())]
    done = {(row.name, row.numbers) for row in rows}
    try:
        for row in comparisons(options.names, tuple(options.plan or PLANS), options.width, done):
            print(f"{row.name} {row.numbers}", file=sys.stderr, flush=True)
            rows.append(row)
            if options.json:
                write_json(options.json, [asdict(row) for row in rows])
    except HybridTFError as error:
        sys.exit(f"error: {error}")
    show(False, None, table(f"LCE's converter and ours, {IMAGES} images", _COLUMNS, [_cells(row) for row in rows]))
    if worse := [f"{row.name} {row.numbers}" for row in rows if is_worse(row)]:
        sys.exit(f"error: worse than LCE's: {', '.join(worse)}")


def is_worse(row: Compared) -> bool:
    """Whether our file has other binary convolutions or operators than LCE's, or is larger."""
    return not (row.same_bits and row.same_operators) or row.bytes[1] > row.bytes[0]


_COLUMNS = [
    *("network", "numbers", "binary", "same bits", "same operators", "bytes", "smaller by", "to Keras", "LSB"),
    *("as LCE's file", "in our runtime", "ms"),
]


def _cells(row: Compared) -> list[str]:
    lce, own = row.bytes
    return [
        row.name,
        row.numbers,
        "/".join(map(str, row.convolutions)),
        "yes" if row.same_bits else "no",
        "yes" if row.same_operators else "no",
        f"{lce:,} / {own:,}",
        f"{100 * (1 - own / lce):.1f} %",
        f"{row.difference:.1e}",
        str(row.lsb),
        str(row.as_lce),
        str(row.as_runtime),
        " / ".join(f"{ms:.2f}" for ms in row.milliseconds),
    ]


if __name__ == "__main__":
    main()
