"""The instructions that 64-bit ARM executes for one image, for each file of the trained networks, counted in emulation.

python -m benchmarks.counting.shipped [--json FILE] [--smoke] [--update-docs]

hybrid-tf-runtime runs each file, on an emulated Cortex-A72 (Raspberry Pi 4) and Cortex-A76 (Raspberry Pi 5). A file
without binary layers it leaves to LiteRT with XNNPACK. --smoke counts one network. --update-docs counts all, and writes
hybrid_tf/pretrained/measured.json and, once everything is measured, the table of docs/choosing.md.
"""

import argparse
import datetime
import re
import sys
import tempfile
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

from benchmarks.counting.emulated_networks import PROCESSORS, EmulatedNetworks
from benchmarks.pages.choosing import check_page, update
from benchmarks.pages.measured_record import IMAGES, SMOKE, earlier, files_to_measure, measuring_options
from hybrid_tf.errors import HybridTFError
from hybrid_tf.pretrained.measured import Measured
from hybrid_tf.system.files import write_json
from hybrid_tf.tables import show, table
from runtime.emulation import arm
from runtime.emulation.errors import EmulationError
from runtime.emulation.instruction_counts import run
from runtime.wheels import make_wheel


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options = measuring_options(parser)
    try:
        _run(options)
    except (EmulationError, HybridTFError) as error:
        sys.exit(f"error: {error}")


def _run(options: argparse.Namespace) -> None:
    if options.update_docs:
        check_page()
    found = files_to_measure(SMOKE if options.smoke else None)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        emulated = EmulatedNetworks(Path(folder), make_wheel("aarch64", Path(folder)))
        for file, path in found:
            print(f"{file.name} {file.file}", file=sys.stderr, flush=True)
            counts = {processor: emulated.instructions(processor, "ours", path) for processor in PROCESSORS}
            rows.append(replace(file, instructions=counts))
    cells = [[row.name, row.file, *(f"{count:,}" for count in row.instructions.values())] for row in rows]
    show(False, None, table("Instructions for one image", ["network", "file", *PROCESSORS], cells))
    measured = Measured(IMAGES, earlier().times, _about(), tuple(rows))
    if options.json:
        write_json(options.json, asdict(measured))
    if options.update_docs:
        update(measured)


def _about() -> dict[str, str]:
    """Returns what was counted with."""
    qemu = re.search(r"version (\S+)", run(["qemu-aarch64", "--version"]).stdout)
    return {
        "date": datetime.date.today().isoformat(),
        "QEMU": qemu[1] if qemu else "of an unknown version",
        "hybrid-tf-runtime": version("hybrid-tf-runtime"),
        **dict(requirement.split("==") for requirement in arm.REQUIREMENTS),
    }


if __name__ == "__main__":
    main()
