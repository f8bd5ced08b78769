"""The instructions that 64-bit ARM executes, counted in emulation: they repeat exactly, and need no Raspberry Pi.

python -m benchmarks.counting.arm_instructions [--network] [--json FILE]
python -m benchmarks.counting.arm_instructions --update-docs

The first counts those of the kernels, over the binary convolutions of VGG-19 on 32x32 images (half a minute, the first
time two more). --network also counts those of the whole network, step by step: made with random weights, run by
hybrid-tf-runtime's aarch64 wheel in emulated Python, next to its full-precision twins in LiteRT with XNNPACK (three
minutes more). --update-docs writes all of it to the tables of docs/performance-arm.md. Instructions are not time: how
many run in a cycle differs.
"""

import argparse
import functools
import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.counting.emulated_networks import EmulatedNetworks, marks
from benchmarks.pages.arm_page import check_page, layer_table, network_table, step_table, write_page
from hybrid_tf.errors import HybridTFError
from hybrid_tf.system.files import write_json
from hybrid_tf.tables import show, table
from runtime.compile_library import SOURCES, kernel_sources
from runtime.emulation.errors import EmulationError
from runtime.emulation.instruction_counts import Layer, build_plugin, run
from runtime.wheels import make_wheel

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
COMPILER = [sys.executable, "-m", "ziglang", "c++", "-target", "aarch64-linux-gnu.2.17"]  # as the wheels have it
LIBRARIES = Path("/usr/aarch64-linux-gnu")  # of the package g++-aarch64-linux-gnu
KERNELS = {"cortex-a72": "neon", "cortex-a76": "neondot"}  # processor of a Raspberry Pi 4 and 5: its fastest kernels
COMPILE_FLAGS = "-std=c++17 -O3 -ffp-contract=off -fno-exceptions -fno-rtti".split()  # noqa: SIM905


@dataclass(frozen=True)
class NetworkLayer(Layer):
    """A layer that the network has `times` times."""

    times: int = 1

    @property
    def inside_macs(self) -> int:
        """Returns those of its products whose input lies inside the image."""
        pad = self.kernel // 2
        taps = self.size * self.kernel - pad * (pad + 1)  # of all positions along one axis
        return taps**2 * self.inputs * self.outputs


VGG19 = (
    NetworkLayer(32, 64, 64, 3),
    NetworkLayer(16, 64, 128, 3),
    NetworkLayer(16, 128, 128, 3),
    NetworkLayer(8, 128, 256, 3),
    NetworkLayer(8, 256, 256, 3, 3),
    NetworkLayer(4, 256, 512, 3),
    NetworkLayer(4, 512, 512, 3, 3),
    NetworkLayer(2, 512, 512, 3, 4),
    NetworkLayer(1, 512, 4096, 1),
    NetworkLayer(1, 4096, 4096, 1),
)


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", action="store_true", help="count a whole network too")
    parser.add_argument(
        "--update-docs", action="store_true", help="write docs/performance-arm.md's tables; implies --network"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="where all counts go too")
    options = parser.parse_args()
    try:
        if options.update_docs:
            check_page()
        with tempfile.TemporaryDirectory() as folder:
            counts = _layers(Path(folder))
            tables = [layer_table(counts)]
            if options.network or options.update_docs:
                counts["network"] = _network(Path(folder))
                tables += [network_table(counts["network"]), step_table(counts["network"])]
        show(False, None, *(table(*one) for one in tables))
        if options.json:
            write_json(options.json, counts)
        if options.update_docs:
            write_page(counts)
    except (EmulationError, HybridTFError) as error:
        sys.exit(f"error: {error}")


def _layers(folder: Path) -> dict[str, Any]:
    """Returns what the kernels take for each binary convolution, and for all of them."""
    if not shutil.which("qemu-aarch64") or not LIBRARIES.is_dir():
        raise HybridTFError(
            "ARM cannot be emulated here; on Debian: sudo apt-get install qemu-user g++-aarch64-linux-gnu"
        )
    program = _compile_program(folder)
    numbers = [str(number) for one in VGG19 for number in (one.size, one.inputs, one.outputs, one.kernel)]
    counts = {}
    for processor, kernels in KERNELS.items():
        command = ["qemu-aarch64", "-L", LIBRARIES, "-cpu", processor, *_plugin(folder), program, kernels, *numbers]
        counts[processor] = marks(run(command).stderr)
    macs = sum(layer.macs * layer.times for layer in VGG19)
    totals = {
        processor: sum(count * layer.times for count, layer in zip(one.values(), VGG19, strict=True))
        for processor, one in counts.items()
    }
    return {
        "layers": [
            {
                "name": str(layer),
                **asdict(layer),
                "macs": layer.macs,
                "inside_macs": layer.inside_macs,
                "instructions": {processor: one[index] for processor, one in counts.items()},
            }
            for index, layer in enumerate(VGG19, 1)
        ],
        "macs": macs,
        "instructions": totals,
        "instructions_per_mac": {name: one / macs for name, one in totals.items()},
    }


def _network(folder: Path) -> dict[str, Any]:
    """Returns what one inference takes, of the hybrid network, of its steps and of its twins."""
    from benchmarks.timing import networks

    files = networks.network_files(networks.NETWORKS["vgg19"])
    emulated = EmulatedNetworks(folder, make_wheel("aarch64", folder))
    engines = {networks.HYBRID: "ours", networks.INT8: "litert", networks.FLOAT32: "litert"}
    results: dict[str, Any] = {}
    for processor in KERNELS:
        results[processor] = {
            kind: emulated.instructions(processor, engine, files[kind]) for kind, engine in engines.items()
        }
        results[processor]["steps"] = _steps(emulated.run(processor, "profile", files[networks.HYBRID]))
    return results


def _steps(done: subprocess.CompletedProcess) -> list[dict[str, Any]]:
    """Returns the steps of the last inference, with the instructions between the runtime's readings of the clock."""
    steps = json.loads(done.stdout)
    before_last_mark = done.stderr.rpartition("instructions")[0]
    last = re.findall(r"^clock (\d+)$", before_last_mark, re.MULTILINE)[-len(steps) :]
    if len(last) < len(steps):
        raise HybridTFError("the emulator showed no reading of the clock: the plugin is for version 7.2 of QEMU")
    keys = ("name", "output", "binary_macs", "float_macs")
    return [
        {key: step[key] for key in keys} | {"instructions": int(count)} for step, count in zip(steps, last, strict=True)
    ]


_plugin = functools.cache(build_plugin)


def _compile_program(folder: Path) -> Path:
    program = folder / "arm_kernels"
    sources = [*kernel_sources("aarch64"), HERE / "arm_kernels.cc"]
    run([*COMPILER, *COMPILE_FLAGS, "-I", SOURCES, *sources, "-o", program])
    return program


if __name__ == "__main__":
    main()
