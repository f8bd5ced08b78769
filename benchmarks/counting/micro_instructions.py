"""The instructions of binary convolutions on Cortex-M processors, counted in emulation: they repeat exactly.

python -m benchmarks.counting.micro_instructions [--update-docs] [--json FILE]

Instructions are not time: how many run in a cycle differs, and QEMU does not say. --update-docs writes the
tables of docs/micro-instructions.md.
"""

import argparse
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.pages.generated import check_blocks, write_blocks
from benchmarks.pages.markdown_tables import markdown_table
from hybrid_tf.errors import HybridTFError
from hybrid_tf.system.files import write_json
from hybrid_tf.tables import show, table
from runtime.emulation import cortex_m
from runtime.emulation.errors import EmulationError
from runtime.emulation.instruction_counts import Layer, build_plugin, read_marks

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "micro-instructions.md"

OUTPUTS = ("packed", "int8", "float32")  # in the order of micro_kernels.cc
_SOURCES = ("bconv2d", "bconv2d_common", "window_axis")
_COMMAND = "python -m benchmarks.counting.micro_instructions --update-docs"

LAYERS = (
    Layer(14, 16, 16, 3),
    Layer(14, 32, 32, 3),
    Layer(7, 64, 64, 3),
    Layer(4, 128, 128, 3),
    Layer(7, 64, 64, 1),
    Layer(4, 256, 256, 1),
)


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update-docs", action="store_true", help=f"write the tables of {PAGE.name}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where all counts go too")
    options = parser.parse_args()
    try:
        if options.update_docs:
            check_blocks(PAGE, _COMMAND, OUTPUTS)
        counts = measure()
        for output in OUTPUTS:
            show(False, None, table(f"{output} output: instructions for a MAC", *_rows(counts, output)))
        if options.json:
            write_json(options.json, {"layers": [asdict(layer) | {"macs": layer.macs} for layer in LAYERS], **counts})
        if options.update_docs:
            write_blocks(PAGE, _COMMAND, {output: markdown_table(*_rows(counts, output)) for output in OUTPUTS})
    except (EmulationError, HybridTFError) as error:
        sys.exit(f"error: {error}")


def measure() -> dict[str, Any]:
    """Returns the instructions of each layer, by processor, variant of the kernels, and output."""
    if cortex_m.missing():
        raise HybridTFError(f"Cortex-M cannot be emulated here; {cortex_m.missing()}")
    with tempfile.TemporaryDirectory() as folder:
        plugin = build_plugin(Path(folder))
        return {
            core.name: {
                variant: _count(Path(folder) / core.name / variant, core, variant, plugin) for variant in core.variants
            }
            for core in cortex_m.CORES.values()
        }


def _count(folder: Path, core: Any, variant: str, plugin: list[str]) -> dict[str, list[int]]:
    sources = [path for path in cortex_m.kernel_sources(variant) if path.stem in _SOURCES]
    numbers = ",".join(f"{{{layer.size},{layer.inputs},{layer.outputs},{layer.kernel}}}" for layer in LAYERS)
    flags = ["-O2", *cortex_m.variant_flags(variant), f"-DLAYERS={numbers}"]
    objects = cortex_m.compile_objects(folder, core, [*sources, HERE / "micro_kernels.cc"], flags)
    program = cortex_m.link(objects, core, folder / "program.elf")
    done = cortex_m.emulate(program, core, *plugin)
    marks = read_marks(done.stderr)
    if done.returncode or len(marks) != 2 * len(LAYERS) * len(OUTPUTS):
        raise HybridTFError(f"the program stopped after {len(marks)} marks on {core.name}: {done.stdout[-500:]}")
    counts = [count for _, count in marks[1::2]]  # the others are what happens between the convolutions
    return {output: counts[index :: len(OUTPUTS)] for index, output in enumerate(OUTPUTS)}


def _rows(counts: dict[str, Any], output: str) -> tuple[list[str], list[list[str]]]:
    columns = [(core, variant) for core, variants in counts.items() for variant in reversed(variants)]
    rows = [
        [str(layer), *(f"{counts[core][variant][output][index] / layer.macs:.3f}" for core, variant in columns)]
        for index, layer in enumerate(LAYERS)
    ]
    return ["binary convolution", *(f"{core} {variant}" for core, variant in columns)], rows


if __name__ == "__main__":
    main()
