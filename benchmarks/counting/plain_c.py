"""What networks as plain C take on microcontrollers: instructions of one inference, flash and RAM.

python -m benchmarks.counting.plain_c [--update-docs] [--json FILE]

Instructions are counted in emulation and repeat exactly; they are not time. Flash and RAM are of object files, without
C library and start-up code. --update-docs writes the tables of docs/plain-c.md.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.pages.generated import check_blocks, write_blocks
from benchmarks.pages.markdown_tables import markdown_table
from hybrid_tf import pretrained
from hybrid_tf.compiler import Metadata, calibrate_int8, convert, read_metadata
from hybrid_tf.errors import HybridTFError
from hybrid_tf.micro.plain_c.export import export_plain_c
from hybrid_tf.models.registry import build_model
from hybrid_tf.system.files import write_json
from hybrid_tf.tables import show, table
from runtime.emulation import cortex_m, riscv
from runtime.emulation.errors import EmulationError
from runtime.emulation.instruction_counts import build_plugin, read_marks

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "plain-c.md"
BLOCKS = ("instructions", "memory")
CORES = (cortex_m.CORTEX_M0_PLUS, *cortex_m.CORES.values())
RISC_V = "RV32IMAC"
SHAPE = (28, 28, 1)

_COMMAND = "python -m benchmarks.counting.plain_c --update-docs"
_MAIN = HERE / "plain_c_main.c"


@dataclass(frozen=True)
class Counted:
    """What a network takes.

    Attributes:
        network: what it is.
        file_bytes: bytes of its `.tflite` file.
        flash, ram: bytes of code and constants, and of the arena, on a Cortex-M4.
        instructions: instructions of one inference, by processor.
    """

    network: str
    file_bytes: int
    flash: int
    ram: int
    instructions: dict[str, int]


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update-docs", action="store_true", help=f"write the tables of {PAGE.name}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the numbers go too")
    options = parser.parse_args()
    try:
        if options.update_docs:
            check_blocks(PAGE, _COMMAND, BLOCKS)
        rows = measure()
        tables = {"instructions": _instructions(rows), "memory": _memory(rows)}
        for name, cells in tables.items():
            show(False, None, table(name, *cells))
        if options.json:
            write_json(options.json, [asdict(row) for row in rows])
        if options.update_docs:
            write_blocks(PAGE, _COMMAND, {name: markdown_table(*cells) for name, cells in tables.items()})
    except (EmulationError, HybridTFError) as error:
        sys.exit(f"error: {error}")


def measure() -> list[Counted]:
    """Returns what each network takes."""
    if reason := cortex_m.missing() or riscv.missing():
        raise HybridTFError(f"the processors cannot be emulated here; {reason}")
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        plugin = build_plugin(Path(scratch))
        for number, (name, make) in enumerate(NETWORKS.items()):
            folder = Path(scratch) / str(number)
            folder.mkdir()
            rows.append(count(name, make(folder), folder, plugin))
    return rows


def count(name: str, path: Path, folder: Path, plugin: list[str]) -> Counted:
    """Returns what the network of a file takes; `folder` is for what is made on the way."""
    export_plain_c(path, folder / "network", read_metadata(path))
    sources = [folder / "network" / "network.c", *sorted((folder / "network" / "kernels").glob("*.c"))]
    flags = ["-std=gnu99", "-O2", "-I", folder / "network"]
    counts, sizes = {}, (0, 0)
    for core in CORES:
        objects = cortex_m.compile_objects(folder / core.name, core, sources, flags)
        if core.name == "cortex-m4":
            sizes = _sizes(objects)
        objects += cortex_m.compile_objects(folder / core.name, core, [_MAIN], flags)
        program = cortex_m.link(objects, core, folder / f"{core.name}.elf")
        counts[core.name] = _marked(cortex_m.emulate(program, core, *plugin).stderr)
    program = riscv.build(folder, [*sources, _MAIN], flags)
    counts[RISC_V] = _marked(riscv.emulate(program, *plugin).stderr)
    return Counted(name, path.stat().st_size, *sizes, counts)


def _marked(errors: str) -> int:
    """The instructions between the first and the second mark."""
    return read_marks(errors)[1][1]


def _sizes(objects: list[Path]) -> tuple[int, int]:
    """Bytes of flash and of RAM that object files take."""
    rows = [list(map(int, row.split()[:3])) for row in cortex_m.run(["arm-none-eabi-size", *objects]).splitlines()[1:]]
    text, data, bss = (sum(column) for column in zip(*rows, strict=True))
    return text + data, data + bss


def _trained(name: str) -> Callable[[Path], Path]:
    return lambda folder: pretrained.FOLDER / name / "model.int8.tflite"


def _half_width(plan: str) -> Callable[[Path], Path]:
    """A ResNet-20 of half width in int8; what it takes does not depend on its weights, which are not trained."""

    def make(folder: Path) -> Path:
        model = build_model("resnet20", plan, input_shape=SHAPE, classes=10, width=0.5)
        images = np.random.default_rng(0).normal(size=(16, *SHAPE)).astype(np.float32)
        path = folder / "model.int8.tflite"
        numbers = Metadata(tuple(map(str, range(10))), (78.0,), (95.8,), SHAPE, int8=calibrate_int8(model, images))
        convert(model, path, numbers)
        return path

    return make


NETWORKS = {
    "ResNet-20 residual, taught (PReLU, shifts)": _trained("resnet20-residual-taught"),
    "ResNet-20 residual": _trained("resnet20-residual"),
    "ResNet-20 xnor": _trained("resnet20-xnor"),
    "VGG-11 residual, taught": _trained("vgg11-residual-taught"),
    "ResNet-20 residual of half width": _half_width("residual"),
    "ResNet-20 of half width, all int8": _half_width("full_precision"),
}


def _instructions(rows: list[Counted]) -> tuple[list[str], list[list[str]]]:
    processors = list(rows[0].instructions)
    cells = [[row.network, *(f"{row.instructions[name] / 1e6:.1f}" for name in processors)] for row in rows]
    return ["million instructions", *processors], cells


def _memory(rows: list[Counted]) -> tuple[list[str], list[list[str]]]:
    cells = [[row.network, f"{row.file_bytes:,}", f"{row.flash:,}", f"{row.ram:,}"] for row in rows]
    return ["bytes", "file", "flash", "arena"], cells


if __name__ == "__main__":
    main()
