"""The instructions that 64-bit ARM executes as tables, for the terminal and for docs/performance-arm.md."""

from pathlib import Path
from typing import Any

from benchmarks.pages.generated import check_blocks, write_blocks
from benchmarks.pages.markdown_tables import Table, markdown_table

_PAGE = Path(__file__).parents[2] / "docs" / "performance-arm.md"
_COMMAND = "python -m benchmarks.counting.arm_instructions --update-docs"
_BLOCKS = ("convolutions", "network", "steps")


def layer_table(counts: dict[str, Any]) -> Table:
    """Returns the binary convolutions alone."""
    processors = list(counts["instructions"])
    rows = []
    for layer in counts["layers"]:
        row = [layer["name"], str(layer["times"]), f"{layer['macs'] / 1e6:.1f}", f"{layer['inside_macs'] / 1e6:.1f}"]
        for processor in processors:
            count = layer["instructions"][processor]
            row += [f"{count:,}", f"{count / layer['macs']:.4f}"]
        rows.append(row)
    total = [
        text
        for processor in processors
        for text in (f"{counts['instructions'][processor]:,}", f"{counts['instructions_per_mac'][processor]:.4f}")
    ]
    times = sum(layer["times"] for layer in counts["layers"])
    inside = sum(layer["inside_macs"] * layer["times"] for layer in counts["layers"])
    rows.append(["all", str(times), f"{counts['macs'] / 1e6:.1f}", f"{inside / 1e6:.1f}", *total])
    columns = [text for processor in processors for text in (processor, "a MAC")]
    return Table("Binary convolutions", ["convolution", "times", "million MACs", "inside", *columns], rows)


def network_table(network: dict[str, Any]) -> Table:
    """Returns one inference of the hybrid network and of its twins."""
    kinds = [kind for kind in next(iter(network.values())) if kind != "steps"]
    rows = []
    for kind in kinds:
        row = [kind]
        for one in network.values():
            row += [f"{one[kind] / 1e6:.2f}", f"{one[kind] / one[kinds[0]]:.2f}"]
        rows.append(row)
    columns = [text for processor in network for text in (f"{processor}, million", "of hybrid")]
    return Table("One inference", ["network", *columns], rows)


def step_table(network: dict[str, Any]) -> Table:
    """Returns one inference of the hybrid network, step by step."""
    rows = []
    for steps in zip(*(one["steps"] for one in network.values()), strict=True):
        macs = steps[0]["binary_macs"] or steps[0]["float_macs"]
        kind = "binary" if steps[0]["binary_macs"] else "float" if macs else ""
        row = [steps[0]["name"], _layer(steps[0]["output"]), f"{macs / 1e6:.2f} {kind}" if macs else "-"]
        for step in steps:
            row += [f"{step['instructions']:,}", f"{step['instructions'] / macs:.4f}" if macs else "-"]
        rows.append(row)
    columns = [text for processor in network for text in (processor, "a MAC")]
    return Table("Steps of one inference", ["step", "makes", "million MACs", *columns], rows)


def check_page() -> None:
    """Checks that the page has the blocks of `write_page`. Raises HybridTFError when it has not."""
    check_blocks(_PAGE, _COMMAND, _BLOCKS)


def write_page(counts: dict[str, Any]) -> None:
    """Writes the blocks of the page."""
    network = counts["network"]
    tables = layer_table(counts), network_table(network), step_table(network)
    texts = [markdown_table(table.columns, table.rows) for table in tables]
    write_blocks(_PAGE, _COMMAND, dict(zip(_BLOCKS, texts, strict=True)))


def _layer(tensor: str) -> str:
    """The layer in a tensor's name, `network/layer/...`."""
    parts = tensor.split("/")
    return parts[1] if len(parts) > 1 else tensor
