"""The instructions that 64-bit ARM executes as tables, and docs/performance-arm.md, which has them all."""

from pathlib import Path
from typing import Any

from result_tables import Table, markdown

from hybrid_tf.files import write_text

_PAGE = Path(__file__).parents[1] / "docs" / "performance-arm.md"
_INTRODUCTION = """# How many instructions hybrid networks take on 64-bit ARM

Made by `python benchmarks/arm_instructions.py --update-docs`: VGG-19 for 32x32 images and 100 classes, random weights,
one image, one thread, in QEMU, which counts what an emulated Cortex-A72 (Raspberry Pi 4) and Cortex-A76 (Raspberry
Pi 5) execute. Instructions are not time: a processor runs several in a cycle, and waits for memory. Nothing here was
measured on a Pi.

- *million MACs*: products, those of the padding included; *inside*: those whose input lies inside the image.
- *a MAC*: instructions for each product, those of the padding included. The runtime does not compute most of these: it
  knows what they add. So on small maps fewer instructions are left than the products alone would take.
- *hybrid*: the network under the plan `residual`, in hybrid-tf-runtime's aarch64 wheel.
- *int8*, *float32*: the same network in full precision, in LiteRT with XNNPACK; int8 throughout, the image and the
  scores too.
- *of hybrid*: divided by the instructions of the hybrid network.
- *steps*: the hybrid network as hybrid-tf-runtime runs it. What the interpreter does around them is missing.

The kernels count the bits that differ in two words of 128 bits with four instructions (XOR, BSL, CNT and an addition:
`runtime/src/kernels/arm/bconv.h` says how), 0.0156 for a product. The rest is loading, loops, and what becomes of the
sums. A full-precision product takes a quarter of an instruction (FMLA).

"""


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


def write_page(tables: list[Table]) -> None:
    """Writes the page."""
    write_text(_PAGE, (_INTRODUCTION + "".join(map(markdown, tables))).rstrip() + "\n")


def _layer(tensor: str) -> str:
    """The layer in a tensor's name, `network/layer/...`."""
    parts = tensor.split("/")
    return parts[1] if len(parts) > 1 else tensor
