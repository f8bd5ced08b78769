"""The operators behind a binary convolution of a traced model: what the converter folds in, and what it leaves.

LCE 0.16 folds, in this order: a ReLU or ReLU6, if nothing has been multiplied or added before and the padding is VALID
or +1 (`optimize_patterns_common.td`); any number of multiplications and additions by channel; a sign, if the padding is
VALID or +1 (`bitpack_activations_patterns.td`). A sign moves in front of a max pool (`optimize_patterns_target_arm.td`)
and a ReLU moves into one (TensorFlow Lite).
"""

import numpy as np
import tensorflow as tf

from hybrid_tf.compiler.binary_layers import quantized_kernel
from hybrid_tf.compiler.graph_rules import POOLS, RELUS, RESHAPES, readers, same, source
from hybrid_tf.compiler.lint.findings import Finding, finding
from hybrid_tf.compiler.lint.texts import TEXTS
from hybrid_tf.compiler.rules import pad_value
from hybrid_tf.tflite.names import WORD_BITS

_NAMES = {"LeakyRelu": "LeakyReLU", "Elu": "ELU", "Selu": "SELU", "Tanh": "tanh", "Sigmoid": "sigmoid"}
_CLIPS = ("Minimum", "Maximum")
_PADS = ("Pad", "PadV2", "MirrorPad")


def chain_findings(layer: tf.keras.layers.Layer, conv: tf.Operation) -> list[Finding]:
    """Returns what stays in float32 behind a binary convolution that need not.

    Args:
        layer: a QuantConv2D without faults.
        conv: convolution of the layer in the traced graph.
    """
    return _Chain(layer, conv).findings()


class _Chain:
    """The operations that follow one convolution, as far as each is the only reader of the one before."""

    def __init__(self, layer: tf.keras.layers.Layer, conv: tf.Operation) -> None:
        self._layer = layer
        self._value = conv.outputs[0]
        self._shape = self._value.shape
        self._padded = layer.padding == "same" and pad_value(layer) == 0.0
        self._scaled = bool(np.any(np.abs(quantized_kernel(layer)) != 1))
        self._biased = self._normed = self._pooled = self._blocked = False
        self._counted = False  # whether the next multiplication or addition belongs to what was found before
        self._pending: list[tuple[str, int, str]] = []  # rule, operators, what

    def findings(self) -> list[Finding]:
        """Walks the chain. What is found costs more where a sign ends it: the bits could have been passed on."""
        while self._step():
            pass
        ends_in_sign = _are_signs(readers(self._value))
        if self._padded and not any(rule == "relu-with-zero-padding" for rule, *_ in self._pending):
            self._pending.append(("zero-padding", 0, ""))
        bytes_more = _bytes_saved_as_bits(self._shape) if ends_in_sign else 0
        found = []
        for rule, ops, what in self._pending:
            if rule != "bits-not-passed" or ends_in_sign:
                message, fix = TEXTS[rule]
                cost = {"ops": ops, "activation_bytes": bytes_more}
                found.append(finding(rule, self._layer.name, message.format(what=what), fix, cost))
        return found

    def _step(self) -> bool:
        """Goes on by one operation; returns whether there may be more."""
        found = readers(self._value)
        prelu = _prelu(found)
        if prelu is not None:
            self._float_activation("PReLU", prelu)
            return True
        if len(found) != 1 or found[0] is None or found[0].type == "Sign":
            return False
        op = found[0]
        if op.type in RELUS or _is_clip(op):
            op = _end_of_clip(op)
            self._relu(op)
        elif op.type in _NAMES:
            self._float_activation(_NAMES[op.type], op.outputs[0])
        elif _is_by_channel(op, self._value):
            self._affine(op)
        elif op.type in POOLS:
            self._pooled, self._counted = True, False
        elif op.type in RESHAPES:
            self._block("reshape")
        elif op.type in _PADS:
            self._block("padding layer")
        else:
            return False
        self._value = op.outputs[0]
        return True

    def _relu(self, op: tf.Operation) -> None:
        if self._pooled or self._blocked:
            return  # TensorFlow Lite fuses it into the pool
        if self._normed:
            rule = "relu-behind-batch-norm"
        elif self._biased:
            rule = "relu-with-bias"
        elif self._padded:
            rule = "relu-with-zero-padding"
        elif self._scaled:
            rule = "relu-with-scaled-weights"
        else:
            self._normed = True  # folded; another ReLU would not be
            return
        self._pending.append((rule, 1 + self._affine_ops(op.outputs[0]), ""))
        self._blocked = True

    def _float_activation(self, name: str, output: tf.Tensor) -> None:
        self._pending.append(("float-activation", 1 + self._affine_ops(output), name))
        self._blocked = True
        self._value = output

    def _affine_ops(self, value: tf.Tensor) -> int:
        """Counts the operators that a batch norm behind `value` leaves, MUL and ADD, when nothing takes them in."""
        after = readers(value)
        self._counted = len(after) == 1 and after[0] is not None and _is_by_channel(after[0], value)
        return 2 if self._counted else 0

    def _affine(self, op: tf.Operation) -> None:
        if self._pooled and not self._counted:
            self._pending.append(("pool-before-batch-norm", 2, ""))
            self._counted = self._blocked = True  # two in a row are multiplied out into one
        self._biased |= op.type == "BiasAdd"
        self._normed |= op.type != "BiasAdd"

    def _block(self, what: str) -> None:
        if not self._blocked:
            self._pending.append(("bits-not-passed", 1, what))
            self._blocked = True


def _are_signs(found: list[tf.Operation | None]) -> bool:
    return bool(found) and all(op is not None and op.type == "Sign" for op in found)


def _is_by_channel(op: tf.Operation | None, value: tf.Tensor) -> bool:
    """Whether `op` multiplies or adds a number, or one for each channel."""
    if op.type in ("BiasAdd", "FusedBatchNormV3"):
        return same(source(op.inputs[0]), source(value))
    if op.type not in ("Mul", "AddV2", "Sub", "RealDiv"):
        return False
    others = [tensor for tensor in op.inputs if not same(source(tensor), source(value))]
    return len(others) == 1 and others[0].shape.rank is not None and others[0].shape.rank <= 1


def _is_clip(op: tf.Operation) -> bool:
    return op.type in _CLIPS and op.inputs[1].shape.rank == 0


def _end_of_clip(op: tf.Operation) -> tf.Operation:
    """Returns the second operation of a clip, which is one activation; any other operation is returned as it is."""
    after = readers(op.outputs[0]) if op.type in _CLIPS else []
    return after[0] if len(after) == 1 and after[0] is not None and _is_clip(after[0]) else op


def _prelu(found: list[tf.Operation | None]) -> tf.Tensor | None:
    """Returns the output of Keras's PReLU, relu(x) - alpha * relu(-x), when `found` are its first operations."""
    kinds = {op.type: op for op in found if op is not None}
    if len(found) != 2 or set(kinds) != {"Relu", "Neg"}:
        return None
    sums = readers(kinds["Relu"].outputs[0])
    return sums[0].outputs[0] if len(sums) == 1 and sums[0] is not None and sums[0].type == "AddV2" else None


def _bytes_saved_as_bits(shape: tf.TensorShape) -> int:
    """Returns how many bytes less an activation [N, H, W, C] takes as bits, in words, than as float32."""
    if not shape.is_fully_defined():
        return 0
    pixels, channels = int(np.prod(shape[:-1], dtype=np.int64)), shape[-1]
    return 4 * pixels * (channels - -(-channels // WORD_BITS))
