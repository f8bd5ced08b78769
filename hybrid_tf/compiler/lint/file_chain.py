"""The operators behind a binary convolution in a file that LCE would have folded in, in another order."""

import numpy as np

from hybrid_tf.compiler.lint.findings import Finding, finding
from hybrid_tf.compiler.lint.texts import TEXTS
from hybrid_tf.tflite import names
from hybrid_tf.tflite.flatbuffer import Operator, TFLiteFile

_BLOCKS = dict.fromkeys(names.VIEWS, "reshape")
_PADS = dict.fromkeys(names.PADS, "padding layer")
PASSING = (names.MAX_POOL_2D, *names.VIEWS, names.PAD, names.PADV2)


class FileReader:
    """Who writes and who reads each tensor of a file."""

    def __init__(self, file: TFLiteFile) -> None:
        self.file = file
        self._producers = {tensor: op for op in file.operators for tensor in op.outputs}

    def producer(self, tensor: int) -> Operator | None:
        """Returns the operator that writes a tensor; None for constants and inputs."""
        return self._producers.get(tensor)

    def only_reader(self, tensor: int) -> Operator | None:
        """Returns the operator that alone reads a tensor; None when there are more, or the network gives it out."""
        found = [op for op in self.file.operators if tensor in op.inputs]
        return found[0] if len(found) == 1 and tensor not in self.file.outputs else None

    def constant(self, tensor: int, kind: str) -> np.ndarray | None:
        """Returns the content of a float32 tensor; None for a tensor of another type than `kind`, or computed."""
        if tensor < 0 or self.file.tensors[tensor].type != kind or not len(self._content(tensor)):
            return None
        return self.file.constant(tensor, np.float32)

    def _content(self, tensor: int) -> memoryview:
        return self.file.buffers[self.file.tensors[tensor].buffer]

    def is_affine(self, op: Operator | None) -> bool:
        """Whether an operator multiplies or adds a constant."""
        return (
            op is not None and op.name in names.ARITHMETIC and any(len(self._content(tensor)) for tensor in op.inputs)
        )


def chain_findings(reader: FileReader, conv: Operator, name: str, padded: bool) -> list[Finding]:
    """Returns the operators behind a binary convolution that another order or padding would have saved.

    Args:
        reader: reader of the file.
        conv: the binary convolution.
        name: name of the convolution's layer.
        padded: whether the convolution pads with zeros.
    """
    found: list[tuple[str, int, str]] = []  # rule, operators, what
    pooled = False
    op = reader.only_reader(conv.outputs[0])
    for _ in reader.file.operators:  # a damaged file may go round in circles
        if op is None:
            break
        following = reader.only_reader(op.outputs[0])
        if op.name in names.RELUS and not pooled:
            found.append((_relu_rule(reader, conv, padded, reader.is_affine(following)), 1, ""))
        elif op.name in names.ACTIVATIONS:
            found.append(("float-activation", 1, op.name))
        elif op.name in names.POOLS:
            pooled = True
            if reader.is_affine(following):
                found.append(("pool-before-batch-norm", 0, ""))
        elif reader.is_affine(op) and found:
            rule, ops, what = found[-1]
            found[-1] = (rule, ops + 1, what)
        elif op.name in _BLOCKS | _PADS:
            found.append(("bits-not-passed", 1, (_BLOCKS | _PADS)[op.name]))
        elif op.name not in names.RELUS:
            break
        op = following
    ends_in_sign = op is not None and op.name == names.BINARY_QUANTIZE
    if padded and not any(rule == "relu-with-zero-padding" for rule, *_ in found):
        found.append(("zero-padding", 0, ""))
    bytes_more = _bytes_saved_as_bits(reader, conv) if ends_in_sign else 0
    return [
        finding(
            rule,
            name,
            TEXTS[rule][0].format(what=what),
            TEXTS[rule][1],
            {"ops": ops, "activation_bytes": bytes_more},
        )
        for rule, ops, what in found
        if rule != "bits-not-passed" or ends_in_sign
    ]


def _relu_rule(reader: FileReader, conv: Operator, padded: bool, normed: bool) -> str:
    """Returns why a ReLU was not folded, judging by what had been folded before it and whether a batch norm follows."""
    multiplier, bias = (reader.constant(tensor, "FLOAT32") for tensor in conv.inputs[2:4])
    scaled = multiplier is not None and np.any(multiplier != 1)
    biased = bias is not None and np.any(bias != 0)
    if scaled and biased and not normed:
        return "relu-behind-batch-norm"
    if biased:
        return "relu-with-bias"
    if padded:
        return "relu-with-zero-padding"
    return "relu-with-scaled-weights"


def _bytes_saved_as_bits(reader: FileReader, conv: Operator) -> int:
    shape = reader.file.tensors[conv.outputs[0]].shape
    pixels, channels = int(np.prod(shape[:-1], dtype=np.int64)), shape[-1]
    return 4 * pixels * (channels - -(-channels // names.WORD_BITS))
