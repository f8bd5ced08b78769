"""Times the kernels of every instruction set of this processor on the convolutions of VGG-19 and ResNet-18.

python -m benchmarks.timing.kernels [--rounds N] [--kernels NAME] [--json FILE]

Next to each speed stands its share of a ceiling measured in the same run: for binary products, exclusive or, population
count and addition on data in the first cache, and nothing else; for float products, multiply-add on registers. Kernels
can be faster than the first ceiling, as they need not count every word (runtime/src/kernels/parity_bconv.h).
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from hybrid_tf.errors import HybridTFError
from hybrid_tf.system.files import write_json
from hybrid_tf.tables import show, table
from runtime.compile_library import COMPILE_FLAGS, X86_64_FLAGS, find_compiler, kernel_sources

HERE = Path(__file__).parent
RUNTIME = HERE.parents[1] / "runtime"

PROGRAM = ("kernels.cc", "ceilings.cc")
CEILINGS = {"binary": "popcount", "float": "fma"}  # kind of convolution: what it is compared with
NETWORKS = {"vgg19": "VGG-19, 32x32", "resnet18": "ResNet-18, 224x224"}


@dataclass(frozen=True)
class Speed:
    """How fast one kernel set does the convolutions of one shape, or all of one kind.

    Attributes:
        kernels: the kernel set.
        network: its name, a key of NETWORKS.
        name: of the shape: kernel, inputs -> outputs / stride @ height and width of the output; or `all`.
        kind: `binary` or `float`.
        macs: how many products.
        microseconds: the median of the rounds.
        share: of the ceiling.
    """

    kernels: str
    network: str
    name: str
    kind: str
    macs: int
    microseconds: float
    share: float

    @property
    def gigamacs(self) -> float:
        """Returns 10^9 products a second."""
        return self.macs / self.microseconds / 1e3


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=25, help="of which the median is taken  [default: 25]")
    parser.add_argument("--kernels", metavar="NAME", default="", help="only this kernel set")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where all numbers go too")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds: at least 1")
    try:
        ceilings, speeds = measure(options.rounds, options.kernels)
    except HybridTFError as error:
        sys.exit(f"error: {error}")
    if options.json:
        write_json(options.json, {"ceilings": ceilings, "speeds": [asdict(speed) for speed in speeds]})
    show(False, None, *_tables(ceilings, speeds))


def measure(rounds: int, kernels: str = "") -> tuple[dict[str, dict[str, float]], list[Speed]]:
    """Compiles and runs the program.

    Returns:
        For each kernel set, 10^9 products a second of its ceilings, `popcount` and `fma`; and what was measured.

    Raises:
        HybridTFError: when the program cannot be compiled, or `kernels` is no kernel set that this processor runs.
    """
    with tempfile.TemporaryDirectory() as folder:
        program = _compile(Path(folder))
        rows = [json.loads(line) for line in _run([str(program), str(rounds), kernels]).splitlines()]
    if not rows:
        raise HybridTFError(f"no kernels called {kernels!r} run on this processor; without --kernels all are measured")
    ceilings: dict[str, dict[str, float]] = {}
    for row in rows:
        if row["kind"] == "ceiling":
            ceilings.setdefault(row["kernels"], {})[row["name"]] = row["macs"] / row["ns"]
    return ceilings, list(_speeds(rows, ceilings))


def _speeds(rows: list[dict], ceilings: dict[str, dict[str, float]]) -> Iterator[Speed]:
    for kernels in ceilings:
        for network in NETWORKS:
            layers = [row for row in rows if (row["kernels"], row["network"]) == (kernels, network)]
            for kind, ceiling in CEILINGS.items():
                of_kind = [row for row in layers if row["kind"] == kind]
                total = {"name": "all", "macs": sum(r["macs"] for r in of_kind), "ns": sum(r["ns"] for r in of_kind)}
                for row in [*of_kind, total]:
                    share = row["macs"] / row["ns"] / ceilings[kernels][ceiling]
                    yield Speed(kernels, network, row["name"], kind, row["macs"], row["ns"] / 1e3, share)


def _tables(ceilings: dict[str, dict[str, float]], speeds: list[Speed]) -> Iterator:
    columns = ["network", "kind", "convolutions", "M products", "microseconds", "G products/s", "of the ceiling"]
    for kernels, limits in ceilings.items():
        rows = [
            [
                NETWORKS[speed.network],
                speed.kind,
                speed.name,
                f"{speed.macs / 1e6:.1f}",
                f"{speed.microseconds:.1f}",
                f"{speed.gigamacs:.1f}",
                f"{100 * speed.share:.0f} %",
            ]
            for speed in speeds
            if speed.kernels == kernels
        ]
        limit = ", ".join(f"{name} {value:.0f}" for name, value in limits.items())
        yield table(f"{kernels}; ceilings in G products/s: {limit}", columns, rows)


def _compile(folder: Path) -> Path:
    sources = [*kernel_sources(platform.machine()), *(HERE / name for name in PROGRAM)]
    special = X86_64_FLAGS if platform.machine() == "x86_64" else {}

    def compile_one(source: Path) -> str:
        output = str(folder / f"{source.parent.name}-{source.stem}.o")
        flags = [*COMPILE_FLAGS, *special.get(source.name, [])]
        _run([*find_compiler(), *flags, "-c", str(source), "-o", output])
        return output

    with ThreadPoolExecutor() as pool:
        objects = list(pool.map(compile_one, sources))
    program = folder / "kernels"
    _run([*find_compiler(), *objects, "-o", str(program)])
    return program


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise HybridTFError(f"{command[0]} failed:\n{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
