"""The content of a `.tflite` file, LCE's or any other: read from the file alone, without TensorFlow."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from hybrid_tf.errors import HybridTFError
from hybrid_tf.graphs.file_graph import damage_in, file_graph
from hybrid_tf.graphs.graph import MAC_KINDS, PRECISIONS, LayerProfile
from hybrid_tf.graphs.memory import Peak, file_memory, peak_memory, size, weight_bits
from hybrid_tf.tables import table
from hybrid_tf.tflite.flatbuffer import Tensor, parse_subgraphs, read_bytes


@dataclass(frozen=True)
class Inspection:
    """What is in a file.

    Attributes:
        path: path of the file.
        bytes: size of the file in bytes.
        memory: bytes of the file by use; they sum to `bytes`.
        inputs, outputs: tensors of the first subgraph.
        subgraphs: operators of each subgraph, with the multiply-accumulates of one run of it.
        peaks: peak of the activation memory of each subgraph.
        metadata: size of each metadata entry in bytes, by name.
    """

    path: Path
    bytes: int
    memory: dict[str, int]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    subgraphs: tuple[tuple[LayerProfile, ...], ...]
    peaks: tuple[Peak, ...]
    metadata: dict[str, int]

    @property
    def rows(self) -> list[LayerProfile]:
        """Every operator of every subgraph."""
        return [row for graph in self.subgraphs for row in graph]

    def weights(self, precision: str) -> int:
        """Returns the number of weights stored as `binary`, `int8` or `full_precision`; biases are not weights."""
        return sum(row.weights for row in self.rows if row.precision == precision)

    def macs(self, kind: str) -> int:
        """Returns the number of multiply-accumulates of a kind."""
        return sum(row.macs for row in self.rows if row.mac_kind == kind)

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as JSON values; sizes in bytes."""
        return {
            "file": str(self.path),
            "bytes": self.bytes,
            "memory": self.memory,
            "weights": {precision: self.weights(precision) for precision in PRECISIONS},
            "weight_bytes": weight_bits(self.rows) / 8,
            "macs": {kind: self.macs(kind) for kind in MAC_KINDS},
            "peak_activation_bytes": self.peaks[0].bytes,
            "peak_activation_at": self.peaks[0].operation,
            "inputs": [_described(tensor) for tensor in self.inputs],
            "outputs": [_described(tensor) for tensor in self.outputs],
            "ops": dict(Counter(row.op for row in self.rows).most_common()),
            "metadata": self.metadata,
            "layers": [row.to_dict() for row in self.rows if row.macs],
            "subgraphs": [
                {"peak_activation_bytes": peak.bytes, "operators": [row.to_dict() for row in rows]}
                for rows, peak in zip(self.subgraphs, self.peaks, strict=True)
            ],
        }

    def tables(self) -> list[Table]:
        """Returns a table of the operators, one of the file's bytes, and one of the totals."""
        operators = [
            [
                row.name,
                f"{row.op} {row.kind.split()[-1]}" if " " in row.kind else row.op,
                row.precision,
                "x".join(map(str, row.output_shape)),
                f"{row.weights:,}" if row.macs else "",
                f"{row.macs:,}" if row.macs else "",
                size(row.input_bytes),
                size(row.output_bytes),
            ]
            for row in self.rows
        ]
        columns = ["layer", "operator", "precision", "output", "weights", "MACs", "reads", "writes"]
        totals = [
            *([f"{kind} MACs", f"{self.macs(kind):,}"] for kind in MAC_KINDS if self.macs(kind)),
            *([f"{kind} weights", f"{self.weights(kind):,}"] for kind in PRECISIONS if self.weights(kind)),
            ["peak of the activations", f"{self.peaks[0].bytes:,} bytes, at {self.peaks[0].operation or '-'}"],
            *(["input", _text(tensor)] for tensor in self.inputs),
            *(["output", _text(tensor)] for tensor in self.outputs),
        ]
        stored = [[use, f"{count:,}"] for use, count in self.memory.items() if count]
        return [
            table(str(self.path), columns, operators),
            table(f"{self.bytes:,} bytes", ["of the file", "bytes"], stored),
            table("in total", ["", "of one image"], totals),
        ]


def inspect_file(path: str | Path) -> Inspection:
    """Returns what is in a `.tflite` file.

    Raises:
        HybridTFError: when it cannot be read, is no TensorFlow Lite file, or is cut off or damaged.
    """
    content = read_bytes(path)
    files = parse_subgraphs(content, path)
    if not files:
        raise HybridTFError(f"{path} holds no network: it has no subgraph")
    seen: set[int] = set()
    with damage_in(path):
        graphs = [file_graph(file, seen) for file in files]
        peaks = tuple(peak_memory(graph) for graph in graphs)
        subgraphs = tuple(tuple(graph.rows()) for graph in graphs)
        memory = file_memory(files, len(content))
    first = files[0]
    return Inspection(
        path=Path(path),
        bytes=len(content),
        memory=memory,
        inputs=tuple(first.tensors[number] for number in first.inputs),
        outputs=tuple(first.tensors[number] for number in first.outputs),
        subgraphs=subgraphs,
        peaks=peaks,
        metadata={name: len(value) for name, value in first.metadata.items()},
    )


def _described(tensor: Tensor) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "type": tensor.type,
        "scales": list(tensor.scales),
        "zero_points": list(tensor.zero_points),
    }


def _text(tensor: Tensor) -> str:
    scale = f", scale {tensor.scales[0]:.4g}, zero point {tensor.zero_points[0]}" if _is_quantized(tensor) else ""
    return f"{tensor.type.lower()} {'x'.join(map(str, tensor.shape))}{scale}"


def _is_quantized(tensor: Tensor) -> bool:
    return len(tensor.scales) == 1 == len(tensor.zero_points)
