"""Counts the instructions that 64-bit ARM executes, in emulation: they repeat exactly, and need no Raspberry Pi.

python benchmarks/arm_instructions.py [--json FILE]
python benchmarks/arm_instructions.py --wheel WHEEL --hybrid FILE --int8 FILE --float32 FILE [--json FILE]

The first counts those of the kernels, over the binary convolutions of VGG-19 on 32x32 images. The second counts whole
networks in emulated Python: a hybrid one with the runtime in the aarch64 WHEEL (of `make wheels`), and its
full-precision twins in LiteRT with XNNPACK. Instructions are not time: how many run in a cycle differs.
"""

import argparse
import functools
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

from hybrid_tf.errors import HybridTFError
from hybrid_tf.files import write_json
from hybrid_tf.tables import show, table

HERE = Path(__file__).parent
SOURCES = HERE.parent / "runtime" / "src"
EMULATION = HERE.parent / "tests" / "runtime" / "arm" / "setup.py"
COMPILER = [sys.executable, "-m", "ziglang", "c++", "-target", "aarch64-linux-gnu.2.17"]  # as the wheels have it
LIBRARIES = Path("/usr/aarch64-linux-gnu")  # of the package g++-aarch64-linux-gnu
KERNELS = {"cortex-a72": "neon", "cortex-a76": "neondot"}  # processor of a Raspberry Pi 4 and 5: its fastest kernels
COMPILE_FLAGS = "-std=c++17 -O3 -ffp-contract=off -fno-exceptions -fno-rtti".split()  # noqa: SIM905


@dataclass(frozen=True)
class Layer:
    """A binary convolution with stride 1 and SAME padding, which the network has `times` times."""

    size: int
    inputs: int
    outputs: int
    kernel: int
    times: int = 1

    @property
    def macs(self) -> int:
        """Returns the binary products of one such convolution."""
        return self.size**2 * self.inputs * self.outputs * self.kernel**2

    def __str__(self) -> str:
        """Returns its name in tables."""
        return f"{self.kernel}x{self.kernel}x{self.inputs}->{self.outputs} @{self.size}"


VGG19 = (
    Layer(32, 64, 64, 3),
    Layer(16, 64, 128, 3),
    Layer(16, 128, 128, 3),
    Layer(8, 128, 256, 3),
    Layer(8, 256, 256, 3, 3),
    Layer(4, 256, 512, 3),
    Layer(4, 512, 512, 3, 3),
    Layer(2, 512, 512, 3, 4),
    Layer(1, 512, 4096, 1),
    Layer(1, 4096, 4096, 1),
)


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, help="of hybrid-tf-runtime for aarch64")
    parser.add_argument("--hybrid", type=Path, metavar="FILE", help="the .tflite file that the runtime runs")
    parser.add_argument("--int8", type=Path, metavar="FILE", help="its full-precision twin in int8")
    parser.add_argument("--float32", type=Path, metavar="FILE", help="its full-precision twin in float32")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where all counts go too")
    options = parser.parse_args()
    files = (options.wheel, options.hybrid, options.int8, options.float32)
    if any(files) and not all(files):
        parser.error("--wheel, --hybrid, --int8 and --float32 belong together")
    try:
        missing = [str(file) for file in files if file and not file.is_file()]
        if missing:
            raise HybridTFError(f"there is no file {missing[0]}")
        with tempfile.TemporaryDirectory() as folder:
            counts = _networks(Path(folder), *files) if all(files) else _layers(Path(folder))
        if options.json:
            write_json(options.json, counts)
    except HybridTFError as error:
        sys.exit(f"error: {error}")


def _layers(folder: Path) -> dict:
    if not shutil.which("qemu-aarch64") or not LIBRARIES.is_dir():
        raise HybridTFError(
            "ARM cannot be emulated here; on Debian: sudo apt-get install qemu-user g++-aarch64-linux-gnu"
        )
    program = _compile_program(folder)
    numbers = [str(number) for one in VGG19 for number in (one.size, one.inputs, one.outputs, one.kernel)]
    counts = {}
    for processor, kernels in KERNELS.items():
        plugin = ["-plugin", str(_plugin(folder)), "-d", "plugin"]
        counts[processor] = _count(
            ["qemu-aarch64", "-L", LIBRARIES, "-cpu", processor, *plugin, program, kernels, *numbers]
        )
    macs = [layer.macs * layer.times for layer in VGG19]
    rows = []
    for index, layer in enumerate(VGG19, 1):
        row = [str(layer), str(layer.times), f"{layer.macs / 1e6:.1f}"]
        for processor in KERNELS:
            row += [f"{counts[processor][index]:,}", f"{counts[processor][index] / layer.macs:.4f}"]
        rows.append(row)
    totals = {
        processor: sum(count * layer.times for count, layer in zip(counts[processor].values(), VGG19, strict=True))
        for processor in KERNELS
    }
    total = [text for one in totals.values() for text in (f"{one:,}", f"{one / sum(macs):.4f}")]
    rows.append(["all", str(sum(layer.times for layer in VGG19)), f"{sum(macs) / 1e6:.1f}", *total])
    columns = [text for processor in KERNELS for text in (processor, "a MAC")]
    show(False, None, table("VGG-19: instructions", ["binary convolution", "times", "million MACs", *columns], rows))
    return {
        "layers": [
            {**asdict(layer), "macs": layer.macs, "instructions": {name: counts[name][index] for name in KERNELS}}
            for index, layer in enumerate(VGG19, 1)
        ],
        "macs": sum(macs),
        "instructions": totals,
        "instructions_per_mac": {name: one / sum(macs) for name, one in totals.items()},
    }


def _networks(folder: Path, wheel: Path, hybrid: Path, int8: Path, float32: Path) -> dict:
    done = subprocess.run([sys.executable, EMULATION], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise HybridTFError("emulated ARM could not be set up, see above")
    emulation = Path(done.stdout.strip())
    try:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder / "wheel")
    except zipfile.BadZipFile:
        raise HybridTFError(f"{wheel} is no wheel") from None
    environment = os.environ | {
        "ARM_PYTHONPATH": str(folder / "wheel"),
        "QEMU_ARGUMENTS": f"-plugin {_plugin(folder)} -d plugin",
    }
    engines = {"hybrid": ("ours", hybrid), "int8": ("litert", int8), "float32": ("litert", float32)}
    counts = {}
    for processor in KERNELS:
        counts[processor] = {}
        for name, (engine, file) in engines.items():
            command = [emulation / f"python-{processor}", HERE / "arm_network.py", engine, file.resolve()]
            marks = _count(command, environment)
            counts[processor][name] = int(statistics.median(marks.values()))
    rows = []
    for name in engines:
        row = [name]
        for one in counts.values():
            row += [f"{one[name] / 1e6:.2f}", f"{one[name] / one['hybrid']:.2f}"]
        rows.append(row)
    columns = [text for processor in KERNELS for text in (f"{processor}, million", "of hybrid")]
    show(False, None, table("one inference: instructions", ["network", *columns], rows))
    return counts


@functools.cache
def _plugin(folder: Path) -> Path:
    if not shutil.which("gcc"):
        raise HybridTFError("gcc is missing; on Debian: sudo apt-get install gcc")
    plugin = folder / "count_instructions.so"
    _run(["gcc", "-O2", "-fPIC", "-shared", HERE / "count_instructions.c", "-o", plugin])
    return plugin


def _compile_program(folder: Path) -> Path:
    program = folder / "arm_kernels"
    sources = [*SOURCES.glob("kernels_*.cc"), SOURCES / "dispatch.cc", SOURCES / "packing.cc", HERE / "arm_kernels.cc"]
    _run([*COMPILER, *COMPILE_FLAGS, "-I", SOURCES, *sources, "-o", program])
    return program


def _count(command: list, environment: dict[str, str] | None = None) -> dict[int, int]:
    """Returns the instructions before each mark that the command makes, by number, without those before marks 0."""
    marks = re.findall(r"^instructions (\d+) (\d+)$", _run(command, environment), re.MULTILINE)
    if not marks:
        raise HybridTFError("the emulator counted nothing: the plugin is for version 7.2 of QEMU")
    return {int(tag): int(count) for tag, count in marks if int(tag)}


def _run(command: list, environment: dict[str, str] | None = None) -> str:
    command = list(map(str, command))
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise HybridTFError(f"{' '.join(command[:4])} ... failed: {done.stderr.strip()[-1000:]}")
    return done.stderr


if __name__ == "__main__":
    main()
