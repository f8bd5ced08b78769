"""The report for a microcontroller: the memory a network takes there, and the boards that have as much."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from hybrid_tf.micro.boards import BOARDS
from hybrid_tf.micro.export import MARGIN, arena_with_margin, check_classifier, network_input, tflm_here
from hybrid_tf.micro.operators import resolver_calls
from hybrid_tf.micro.plain_c.sizes import PlainCSizes, plain_c_sizes
from hybrid_tf.micro.tflm import TFLM
from hybrid_tf.tables import percent, table
from hybrid_tf.tflite.flatbuffer import TFLiteFile, parse_tflite, read_bytes

# Text of Larq Compute Engine's operators and of shifts for a Cortex-M4 with -Os, rounded up; a test compiles them.
KERNEL_BYTES = 9 * 1024
_CHUNK = 500  # images for one process
NOTE = (
    "flash: the file and the kernels of LCE's operators; TensorFlow Lite Micro's own code comes on top. RAM: the "
    f"arena, measured in TensorFlow Lite Micro on x86-64, and {MARGIN} % more; stack and your program come on top. "
    "Plain C (`hybrid-tf export-c`): flash as compiled by GCC, with all of its code; RAM: the arena, to the byte. "
    "Instructions of an inference on each core: docs/plain-c.md."
)


@dataclass(frozen=True)
class MicroReport:
    """What a network takes.

    Attributes:
        path: path of the file.
        model_bytes, kernel_bytes: bytes of flash that the model and LCE's kernels take.
        measured_arena_bytes, arena_bytes: bytes of RAM for the arena, as measured and with a margin.
        operators: number of times that the network has each operator.
        plain_c: what it takes as plain C, without TFLM.
        accuracy, images: accuracy of TFLM on this computer, 0 to 1, and number of test images; None and 0 without any.
    """

    path: Path
    model_bytes: int
    kernel_bytes: int
    measured_arena_bytes: int
    arena_bytes: int
    operators: dict[str, int]
    plain_c: PlainCSizes
    accuracy: float | None = None
    images: int = 0

    @property
    def flash_bytes(self) -> int:
        """Model and kernels."""
        return self.model_bytes + self.kernel_bytes

    def boards(self) -> list[dict[str, Any]]:
        """Returns the boards, each with whether the network fits; as plain C, None where it was not compiled."""
        plain = self.plain_c
        return [
            asdict(board)
            | {
                "fits": self.flash_bytes <= board.flash and self.arena_bytes <= board.ram,
                "fits_plain_c": plain.largest_flash <= board.flash and plain.arena_bytes <= board.ram
                if plain.flash_bytes
                else None,
            }
            for board in BOARDS
        ]

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as JSON values."""
        return {
            "file": str(self.path),
            "flash_bytes": self.flash_bytes,
            "model_bytes": self.model_bytes,
            "kernel_bytes": self.kernel_bytes,
            "ram_bytes": self.arena_bytes,
            "measured_arena_bytes": self.measured_arena_bytes,
            "operators": self.operators,
            "plain_c": asdict(self.plain_c),
            "accuracy": self.accuracy,
            "images": self.images,
            "boards": self.boards(),
            "note": NOTE,
        }

    def tables(self) -> list[Table]:
        """Returns a table of the memory, one of the operators, and one of boards."""
        memory = [
            ["flash", "the model", f"{self.model_bytes:,} bytes"],
            ["flash", "kernels of LCE's operators, at most", f"{self.kernel_bytes:,} bytes"],
            ["flash", "together", f"{self.flash_bytes:,} bytes"],
            ["RAM", "arena as measured", f"{self.measured_arena_bytes:,} bytes"],
            ["RAM", f"arena with {MARGIN} % more", f"{self.arena_bytes:,} bytes"],
        ]
        if self.accuracy is not None:
            memory.append(
                ["accuracy", f"of {self.images:,} test images, in TensorFlow Lite Micro", percent(self.accuracy)]
            )
        plain = [["flash", f"{family}, -O2", f"{found:,} bytes"] for family, found in self.plain_c.flash_bytes.items()]
        if self.plain_c.arena_bytes:
            plain.append(["RAM", "arena", f"{self.plain_c.arena_bytes:,} bytes"])
        if self.plain_c.missing:
            plain.append(["not", self.plain_c.missing, "-"])
        words = {True: "yes", False: "no", None: "-"}
        boards = [
            [
                board["name"],
                board["processor"],
                f"{board['flash'] // 1024:,} KiB",
                f"{board['ram'] // 1024:,} KiB",
                words[board["fits"]],
                words[board["fits_plain_c"]],
                board["source"],
            ]
            for board in self.boards()
        ]
        operators = [[name, count] for name, count in self.operators.items()]
        return [
            table(str(self.path), ["what", "of", ""], memory),
            table("as plain C", ["what", "of", ""], plain),
            table("operators", ["operator", "times"], operators),
            table("boards", ["board", "processor", "flash", "RAM in a row", "fits", "in plain C", "source"], boards),
        ]


def micro_report(path: Path, samples: int = 0) -> MicroReport:
    """Returns what the network in a converted file takes of a microcontroller.

    Args:
        path: path of the file.
        samples: number of test images of the file's data set to run in TFLM.

    Raises:
        HybridTFError: when TFLM lacks an operator of the network or cannot be run here.
    """
    from hybrid_tf.compiler import read_metadata

    content = read_bytes(path)
    file = parse_tflite(content, path)
    resolver_calls(file, path)
    kernels = KERNEL_BYTES if any(name.startswith("Lce") for name in file.op_counts()) else 0
    with tflm_here() as tflm:
        measured = tflm.arena_bytes(path)
        accuracy, images = _accuracy(tflm, path, file, samples) if samples else (None, 0)
    return MicroReport(
        path,
        len(content),
        kernels,
        measured,
        arena_with_margin(measured),
        file.op_counts(),
        plain_c_sizes(path, read_metadata(path)),
        accuracy,
        images,
    )


def _accuracy(tflm: TFLM, path: Path, file: TFLiteFile, samples: int) -> tuple[float, int]:
    from hybrid_tf.compiler import read_metadata  # these need TensorFlow
    from hybrid_tf.deploy.inputs import load_for
    from hybrid_tf.system.progress import with_progress

    metadata = read_metadata(path)
    check_classifier(path, metadata)
    images, labels = load_for(metadata.dataset, metadata.input_shape).test.take(samples)
    right = 0
    for start in with_progress(range(0, len(images), _CHUNK), "TensorFlow Lite Micro"):
        part = slice(start, start + _CHUNK)
        [scores] = tflm.run(path, [network_input(images[part], file, metadata)[:, None]])
        right += int(np.sum(scores[:, 0].argmax(axis=1) == labels[part]))
    return right / len(images), len(images)
