"""The linter of files: the rules of Larq Compute Engine that a `.tflite` file breaks. TensorFlow is not needed.

A file shows less than its model. What the converter got wrong without a trace (a padding layer taken for SAME, a ReLU
that a bit-packed max pool dropped) can only be seen in the model, see `lint_model`.
"""

from pathlib import Path

import numpy as np

from hybrid_tf.compiler.lint.channels import channel_findings
from hybrid_tf.compiler.lint.file_chain import PASSING, FileReader, chain_findings
from hybrid_tf.compiler.lint.findings import Finding, finding
from hybrid_tf.compiler.lint.texts import TEXTS
from hybrid_tf.errors import HybridTFError
from hybrid_tf.graphs.file_graph import file_graph
from hybrid_tf.tflite import names
from hybrid_tf.tflite.flatbuffer import Operator, TFLiteFile, parse_subgraphs, read_bytes

_SIGNS = (names.BINARY_DEQUANTIZE, *names.SIGNS)
_SAME = 0  # value of LceBconv2d's option `padding`
# The tolerance of LCE's IsBinaryFilter; fewer weights than this in a channel may be alike by chance.
_SCALE_TOLERANCE = 0.005
_FEWEST_WEIGHTS = 4


def lint_file(path: str | Path) -> list[Finding]:
    """Returns what a file breaks, errors in front.

    Raises:
        HybridTFError: when the file cannot be read, is none of TensorFlow Lite, or is damaged.
    """
    files = parse_subgraphs(read_bytes(path), path)
    try:
        found = [item for file in files for item in _FileLint(file).findings()]
    except (IndexError, ValueError, TypeError, ZeroDivisionError) as error:
        # The reader checks offsets and numbers, not that an operator has the inputs and shapes that it must have.
        raise HybridTFError(f"{path} is damaged ({error}): copy or convert it again") from error
    return sorted(found, key=lambda item: item.severity != "error")


class _FileLint:
    def __init__(self, file: TFLiteFile) -> None:
        self._file = file
        self._reader = FileReader(file)
        self._rows = file_graph(file).operations
        self._hybrid = any(op.name == names.BINARY_CONV_2D for op in file.operators)

    def findings(self) -> list[Finding]:
        found = []
        for number, op in enumerate(self._file.operators):
            name = self._rows[number].name
            if op.name == names.BINARY_CONV_2D:
                found += self._binary(op, name)
            elif op.name in names.WEIGHT_OPS:
                found += self._float(op, number)
            elif op.name in _SIGNS:
                found += self._lonely_sign(op, name)
            elif op.name == names.BINARY_QUANTIZE:
                found += self._quantized(op, name)
        return found

    def _binary(self, op: Operator, name: str) -> list[Finding]:
        options, kernel = op.options(), self._file.tensors[op.inputs[1]].shape
        result = self._file.tensors[op.outputs[0]]
        filters, height, width, words = kernel
        channels = min(options.get("channels_in", words * names.WORD_BITS), words * names.WORD_BITS)
        pixels = int(np.prod(result.shape[1:3], dtype=np.int64))
        found = channel_findings(name, (height, width, channels, filters), pixels)
        padded = options.get("padding") == _SAME and options.get("pad_values") == 0
        if padded and (result.type == "INT8" or options.get("fused_activation_function")):
            message = "pads with zeros and writes int8 or has an activation: LCE's default kernels refuse the file"
            found.append(finding("zero-padding-kernel", name, message, "use pad_values=1.0"))
        return found + chain_findings(self._reader, op, name, padded)

    def _float(self, op: Operator, number: int) -> list[Finding]:
        """Looks at an operator with weights in float32: is one of its sides a sign?"""
        weights = self._reader.constant(op.inputs[1], "FLOAT32")
        if weights is None:
            return []
        sign, through = self._sign_before(op.inputs[2 if op.name == names.TRANSPOSE_CONV else 0])
        magnitude = _magnitude(weights, -1 if op.name == names.DEPTHWISE_CONV_2D else 0)
        if sign is None and magnitude != "one":
            return []
        rule, message, fix = self._judge(op, weights, sign, through, magnitude)
        row = self._rows[number]
        cost = {"bytes": 4 * weights.size - -(-weights.size // 8), "macs": row.macs}
        severity = "cost" if rule == "plain-sign" and not self._hybrid else None
        return [finding(rule, row.name, message, fix, cost, severity)]

    def _judge(
        self, op: Operator, weights: np.ndarray, sign: Operator | None, through: list[str], magnitude: str
    ) -> tuple[str, str, str]:
        """Returns the rule that keeps an operator in float32, what is wrong, and the fix."""
        kind = f"is a float32 {op.name}"
        if sign is None:
            return "weight-only", f"{kind} with binary weights and a full-precision input", "give it an input_quantizer"
        if sign.name != names.BINARY_DEQUANTIZE:
            message = f"{kind} behind {sign.name}, so its sign is none of Larq's"
            return "plain-sign", message, "use a QuantConv2D with input_quantizer='ste_sign'"
        kind += " behind a sign"
        if op.name == names.FULLY_CONNECTED:
            return "quant-dense", kind, "use a QuantConv2D with padding='valid' over the whole map"
        if op.name != names.CONV_2D or {names.RESHAPE, names.EXPAND_DIMS} & set(through):
            return "no-binary-operator", kind, "use QuantConv2D, or no quantizer"
        if magnitude == "zero":
            message = f"{kind}, and an output channel's weights are all zero"
            return "zero-weights", message, "train it further, or use ste_sign"
        if magnitude == "many":
            message = f"{kind}, and its weights have more than one magnitude in an output channel"
            return "input-only", message, "give it ste_sign as kernel_quantizer, or no input_quantizer"
        if weights.shape[-1] != self._file.tensors[op.inputs[0]].shape[-1]:
            message = f"{kind}, with {weights.shape[-1]} input channels per group"
            return "group-channels", message, f"LCE needs a multiple of {names.WORD_BITS}"
        if {names.PAD, names.PADV2} & set(through):
            return "pad-value", f"{kind}, padded with neither +1 nor 0", "use pad_values=1.0"
        return "no-binary-operator", kind, "convert it with LCE 0.16 from a QuantConv2D"

    def _sign_before(self, tensor: int) -> tuple[Operator | None, list[str]]:
        through: list[str] = []
        op = self._reader.producer(tensor)
        while op is not None and op.name in PASSING and len(through) < len(self._file.operators):
            through.append(op.name)
            op = self._reader.producer(op.inputs[0])
        return (op if op is not None and op.name in _SIGNS else None), through

    def _lonely_sign(self, op: Operator, name: str) -> list[Finding]:
        """Returns a finding for a sign that none of the operators with weights reads, for those say it themselves."""
        if any(self._sign_before(reader.inputs[0])[0] is op for reader in self._weighted()):
            return []
        if op.name == names.BINARY_DEQUANTIZE:
            message = "takes a sign and brings it back to float32"
            fix = "give the quantizer to the next convolution as its input_quantizer"
            return [finding("separate-sign", name, message, fix, {"ops": 2})]
        if op.name == names.SIGN and self._hybrid:
            message = "is a float32 SIGN"
            return [
                finding("plain-sign", name, message, "use a Larq layer with input_quantizer='ste_sign'", {"ops": 1})
            ]
        return []

    def _weighted(self) -> list[Operator]:
        return [op for op in self._file.operators if op.name in names.WEIGHT_OPS]

    def _quantized(self, op: Operator, name: str) -> list[Finding]:
        before = self._reader.producer(op.inputs[0])
        for _ in self._file.operators:
            if before is None or before.name != names.MAX_POOL_2D:
                break
            before = self._reader.producer(before.inputs[0])
        if before is None or before.name not in (names.RELU, names.RELU6):
            return []
        bits = {op.outputs[0]}
        macs = 0
        for row, reader in zip(self._rows, self._file.operators, strict=True):
            if reader.inputs and reader.inputs[0] in bits:
                bits |= set(reader.outputs) if reader.name == names.BINARY_MAX_POOL_2D else set()
                macs += row.macs
        return [finding("relu-before-sign", name, *TEXTS["relu-before-sign"], {"macs": macs})]


def _magnitude(weights: np.ndarray, axis: int) -> str:
    """Returns `one` when all weights of each output channel have the same size, `zero` when some have none."""
    rows = np.abs(np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1))
    if not rows.size or rows.shape[1] < _FEWEST_WEIGHTS:
        return "many"
    first = rows[:, :1]
    with np.errstate(invalid="ignore"):  # of infinite weights, which are not alike
        alike = np.all(np.abs(rows - first) <= _SCALE_TOLERANCE * first, axis=1)
    if not np.all(alike):
        return "many"
    return "one" if np.all(first > np.finfo(np.float32).eps) else "zero"
