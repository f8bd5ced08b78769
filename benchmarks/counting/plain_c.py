"""What networks as plain C take on microcontrollers: instructions of one inference, flash and RAM.

python -m benchmarks.counting.plain_c [FILE.tflite] [--update-docs] [--json FILE] [--cmsis-nn FOLDER]

Instructions are counted in emulation and repeat exactly; they are not time. Flash and RAM are of object files, without
C library and start-up code. --update-docs writes the tables of docs/plain-c.md, and the one of microcontrollers in
docs/fair-race.md. --cmsis-nn has a row more of each network that calls CMSIS-NN, whose source is in FOLDER.
"""

import argparse
import re
import shutil
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
RACE_PAGE = PAGE.with_name("fair-race.md")
RACE_BLOCK = "microcontrollers"
CORES = (cortex_m.CORTEX_M0_PLUS, *cortex_m.CORES.values())
RISC_V = "RV32IMAC"
SHAPE = (28, 28, 1)

_COMMAND = "python -m benchmarks.counting.plain_c --update-docs"
_MAIN = HERE / "plain_c_main.c"
_HYBRID = "ResNet-20 residual, taught (PReLU, shifts)"
_THIN = "ResNet-20 of half width, all int8"
# The operators of _THIN with CMSIS-NN's kernels of November 2026, each measured on its own at its true shape in the
# same emulator, without what an interpreter takes between them. No file is made here, so these repeat by hand only.
_CMSIS_NN = {"cortex-m0plus": 73.4e6, "cortex-m3": 32.3e6, "cortex-m4": 24.2e6, "cortex-m55": 5.25e6}

_TIE = 0.02  # what differs by less is no advantage


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
    parser.add_argument("file", nargs="?", type=Path, help="a file of yours, in the place of the networks of the page")
    parser.add_argument("--cmsis-nn", type=Path, metavar="FOLDER", help="CMSIS-NN's source, to count with it, too")
    options = parser.parse_args()
    if options.update_docs and (options.file or options.cmsis_nn):
        parser.error("--update-docs is for the networks of the page: leave the file and CMSIS-NN away")
    try:
        if options.update_docs:
            check_blocks(PAGE, _COMMAND, BLOCKS)
            check_blocks(RACE_PAGE, _COMMAND, [RACE_BLOCK])
        rows = measure({options.file.name: lambda _: options.file} if options.file else NETWORKS, options.cmsis_nn)
        tables = {"instructions": _instructions(rows), "memory": _memory(rows)}
        for name, cells in tables.items():
            show(False, None, table(name, *cells))
        if options.json:
            write_json(options.json, [asdict(row) for row in rows])
        if options.update_docs:
            write_blocks(PAGE, _COMMAND, {name: markdown_table(*cells) for name, cells in tables.items()})
            write_blocks(RACE_PAGE, _COMMAND, {RACE_BLOCK: race(rows)})
    except (EmulationError, HybridTFError) as error:
        sys.exit(f"error: {error}")


def measure(networks: dict[str, Callable[[Path], Path]], cmsis_nn: Path | None = None) -> list[Counted]:
    """Returns what each network takes, given by its name and what makes its file in a folder."""
    if reason := cortex_m.missing() or riscv.missing():
        raise HybridTFError(f"the processors cannot be emulated here; {reason}")
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        plugin = build_plugin(Path(scratch))
        for number, (name, make) in enumerate(networks.items()):
            folder = Path(scratch) / str(number)
            folder.mkdir()
            path = make(folder)
            rows.append(count(name, path, folder, plugin))
            if cmsis_nn and (folder / "network" / "kernels" / "cmsis_nn.c").exists():
                shutil.rmtree(folder / "network")
                rows.append(count(f"{name}, with CMSIS-NN", path, folder, plugin, cmsis_nn))
    return rows


def count(name: str, path: Path, folder: Path, plugin: list[str], cmsis_nn: Path | None = None) -> Counted:
    """Returns what the network of a file takes; `folder` is for what is made on the way."""
    export_plain_c(path, folder / "network", read_metadata(path))
    sources = [folder / "network" / "network.c", *sorted((folder / "network" / "kernels").glob("*.c"))]
    flags = ["-std=gnu99", "-O2", "-I", folder / "network"]
    libraries: list[Path] = []
    if cmsis_nn:
        flags += ["-DUSE_CMSIS_NN", "-I", cmsis_nn / "Include"]
        libraries = [
            source
            for part in ("Convolution", "NNSupport", "Transpose")
            for source in sorted((cmsis_nn / "Source" / f"{part}Functions").glob("*.c"))
            if not re.search("_f16|_f32|_flt|_s4", source.stem)
        ]
    counts, sizes = {}, (0, 0)
    for core in CORES:
        objects = cortex_m.compile_objects(folder / core.name, core, sources, flags)
        if core.name == "cortex-m4":
            sizes = _sizes(objects)
        objects += cortex_m.compile_objects(folder / core.name, core, libraries, [*flags, "-w"])
        objects += cortex_m.compile_objects(folder / core.name, core, [_MAIN], flags)
        program = cortex_m.link(objects, core, folder / f"{core.name}.elf")
        counts[core.name] = _marked(cortex_m.emulate(program, core, *plugin).stderr)
    if not cmsis_nn:
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
    _HYBRID: _trained("resnet20-residual-taught"),
    "ResNet-20 residual": _trained("resnet20-residual"),
    "ResNet-20 xnor": _trained("resnet20-xnor"),
    "VGG-11 residual, taught": _trained("vgg11-residual-taught"),
    "ResNet-20 residual of half width": _half_width("residual"),
    _THIN: _half_width("full_precision"),
}


def _instructions(rows: list[Counted]) -> tuple[list[str], list[list[str]]]:
    processors = list(rows[0].instructions)
    cells = [[row.network, *(_millions(row.instructions.get(name)) for name in processors)] for row in rows]
    return ["million instructions", *processors], cells


def _millions(count: int | None) -> str:
    return "-" if count is None else f"{count / 1e6:.1f}"


def _memory(rows: list[Counted]) -> tuple[list[str], list[list[str]]]:
    cells = [[row.network, f"{row.file_bytes:,}", f"{row.flash:,}", f"{row.ram:,}"] for row in rows]
    return ["bytes", "file", "flash", "arena"], cells


def race(rows: list[Counted]) -> str:
    """Returns the table of the hybrid beside the thin int8 network, and on which processors it takes fewer."""
    of = {row.network: row for row in rows}
    hybrid, thin = of[_HYBRID], of[_THIN]
    processors = list(hybrid.instructions)

    def cells(counts: dict[str, float]) -> list[str]:
        return [f"{counts[name] / 1e6:.2f}" if name in counts else "-" for name in processors]

    lines = [
        [f"*hybrid*: {_HYBRID}", "ours", *cells(hybrid.instructions)],
        [f"*rival*: {_THIN}", "ours", *cells(thin.instructions)],
        [f"*rival*: {_THIN}", "CMSIS-NN's, operators only", *cells(_CMSIS_NN)],
    ]
    best = {name: min(thin.instructions[name], _CMSIS_NN.get(name, thin.instructions[name])) for name in processors}
    parts = {name: hybrid.instructions[name] / best[name] for name in processors}
    fewer = [name for name, part in parts.items() if part < 1 - _TIE]
    more = [name for name, part in parts.items() if part > 1 + _TIE]
    as_many = [name for name in processors if name not in (*fewer, *more)]
    text = f"Beside the better rival, the hybrid takes fewer instructions on: {', '.join(fewer) or 'none'}; "
    text += f"as many, within {_TIE:.0%}, on: {', '.join(as_many) or 'none'}; more on: {', '.join(more) or 'none'}."
    return markdown_table(["million instructions", "kernels", *processors], lines) + f"\n{text}"


if __name__ == "__main__":
    main()
