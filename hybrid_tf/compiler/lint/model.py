"""The linter of models: what stays in float or does more than it has to, by layer, with its cost and the fix.

A strict conversion refuses the errors among them; it says nothing of the costs, because the file is right. They are
read off the traced graph, so any Keras model will do: nested, shared, functional or subclassed.
"""

from typing import NamedTuple

import larq
import numpy as np
import tensorflow as tf

from hybrid_tf.compiler.binary_layers import quantized_layers, recorded_calls
from hybrid_tf.compiler.graph_rules import CALLS, layer_name, readers, relu_fault, same, source
from hybrid_tf.compiler.lint.chain import chain_findings
from hybrid_tf.compiler.lint.channels import channel_findings
from hybrid_tf.compiler.lint.findings import Finding, finding
from hybrid_tf.compiler.lint.texts import TEXTS
from hybrid_tf.compiler.rules import layer_faults
from hybrid_tf.compiler.tracing import check_outputs, failure, image_shape
from hybrid_tf.errors import HybridTFError

_WEIGHT_OPS = ("Conv2D", "DepthwiseConv2dNative", "MatMul", "Conv2DBackpropInput")
_CONVOLUTIONS = ("Conv2D", *CALLS)
_REARRANGING = ("MaxPool", "Reshape", "Pad", "PadV2", "Squeeze", "ExpandDims", "SpaceToBatchND")
# Rules that LCE's converter needs alone: ours makes these layers binary.
_MENDED = ("quant-dense", "pad-value", "zero-weights")
# Rules under which the weights are stored, and the MACs done, in float32; the other errors make the numbers wrong.
_FLOAT32 = (
    "no-binary-operator",
    "weight-only",
    "input-only",
    "input-quantizer",
    "kernel-quantizer",
    "group-channels",
)


class _Call(NamedTuple):
    """One use of a quantized layer in a traced model."""

    layer: tf.keras.layers.Layer
    input: tf.Tensor
    output: tf.Tensor


def lint_model(model: tf.keras.Model) -> list[Finding]:
    """Returns what a model breaks, errors in front; a layer that is used twice is listed for each use that is at fault.

    A model that `convert` would not take for other reasons (several inputs, for example) is linted all the same, and
    that is a finding too. Where it cannot be run at all, only its layers are looked at.
    """
    faults = [(layer, fault) for layer, fault in layer_faults(model) if fault.rule not in _MENDED]
    at_fault = {id(layer) for layer, _ in faults}
    graph, calls, found = _trace(model)
    for layer, fault in faults:
        outputs = [call.output for call in calls if call.layer is layer]
        found.append(finding(fault.rule, fault.layer, fault.message, fault.fix, _layer_cost(layer, fault, outputs)))
    if graph is not None:
        found += _plain_signs(graph, bool(quantized_layers(model)), {fault.layer for _, fault in faults})
    for call in calls:
        if id(call.layer) not in at_fault and isinstance(call.layer, larq.layers.QuantConv2D):
            found += _call_findings(call)
    return sorted(found, key=lambda item: item.severity != "error")


def _trace(model: tf.keras.Model) -> tuple[tf.Graph | None, list[_Call], list[Finding]]:
    """Traces a model in inference mode for a batch of 1, whatever it takes and gives; without a graph if it cannot."""
    calls: list[_Call] = []

    @tf.function
    def infer(*args: tf.Tensor, **kwargs: tf.Tensor) -> list[tf.Tensor]:
        calls.clear()
        return tf.nest.flatten(model(*args, **{**kwargs, "training": False}))

    try:
        image_shape(model)
        refused = None
    except HybridTFError as error:
        refused = str(error)
    specs = model.save_spec()
    graph = None
    if specs is not None:
        args = tf.nest.map_structure(lambda spec: tf.TensorSpec((1, *spec.shape[1:]), spec.dtype), specs[0])
        with recorded_calls(quantized_layers(model), lambda *call: calls.append(_Call(*call))):
            try:
                graph = infer.get_concrete_function(*args).graph
                check_outputs(model.name, graph.outputs)
            except HybridTFError as error:
                refused = refused or str(error)
            except Exception as error:
                calls.clear()
                refused = refused or f"model '{model.name}' cannot be run on one image: {failure(error)}"
    message = f"cannot be converted ({refused})"
    return graph, calls, [finding("interface", model.name, message, "change the model")] if refused else []


def _layer_cost(layer: tf.keras.layers.Layer, fault: Finding, outputs: list[tf.Tensor]) -> dict[str, int]:
    if fault.rule == "separate-sign":
        return {"ops": 2}  # LceQuantize, and LceDequantize for the float32 reader
    if fault.rule not in _FLOAT32:
        return {}
    kernels = [weight for weight in layer.trainable_weights if len(weight.shape) > 1]
    count = sum(weight.shape.num_elements() for weight in kernels)
    return {"bytes": _float_bytes(count), "macs": sum(_macs(output.op) for output in outputs)}


def _float_bytes(weights: int) -> int:
    """Returns how many bytes more `weights` take as float32 than as bits."""
    return 4 * weights - -(-weights // 8)


def _macs(last: tf.Operation) -> int:
    """Returns the MACs of the weight operations behind `last`, back to the first activation or other layer's output."""
    op, macs = last, 0
    layer = layer_name(last)
    while op.inputs and layer in op.name.split("/"):
        if op.type in (*_WEIGHT_OPS, *_CONVOLUTIONS):
            macs += _macs_of(op)
        op = source(op.inputs[2 if op.type == "Conv2DBackpropInput" else 0]).op
    return macs


def _macs_of(op: tf.Operation) -> int:
    kernel = op.inputs[1].shape
    transposed = op.type == "Conv2DBackpropInput"  # each pixel that comes in meets the whole kernel
    pixels = op.inputs[2] if transposed else op.outputs[0]
    positions = pixels.shape[:-1] if op.type == "MatMul" else pixels.shape[1:-1]
    if not (kernel.is_fully_defined() and positions.is_fully_defined()):
        return 0
    return int(np.prod(kernel, dtype=np.int64) * np.prod(positions, dtype=np.int64))


def _plain_signs(graph: tf.Graph, hybrid: bool, at_fault: set[str]) -> list[Finding]:
    """Returns the signs of activations that are not Larq's: tf.sign gives 0 at zero, so LCE leaves it as SIGN."""
    found = []
    for op in graph.get_operations():
        if op.type != "Sign" or _is_larq_sign(op) or source(op.inputs[0]).op.type in ("ReadVariableOp", "Const"):
            continue
        convs = _weight_readers(op.outputs[0])
        names = {layer_name(conv) for conv in convs} or {layer_name(op)}
        if names & at_fault or not (convs or hybrid):
            continue  # said already; or a sign that nothing binary was meant by
        weights = sum(conv.inputs[1].shape.num_elements() or 0 for conv in convs)
        found.append(
            finding(
                "plain-sign",
                min(names),
                "is given the result of tf.sign, which is 0 at zero and stays a float32 SIGN",
                "use a QuantConv2D with input_quantizer='ste_sign'",
                {"ops": 1, "bytes": _float_bytes(weights), "macs": sum(map(_macs_of, convs))},
                "error" if hybrid else "cost",
            )
        )
    return found


def _is_larq_sign(op: tf.Operation) -> bool:
    """Whether `op` is part of sign(sign(x) + 0.1), which is how larq.math.sign gets +1 at zero."""
    before = source(op.inputs[0]).op
    if before.type == "AddV2" and source(before.inputs[0]).op.type == "Sign":
        return True
    sums = [reader for reader in readers(op.outputs[0]) if reader is not None and reader.type == "AddV2"]
    return any(reader is not None and reader.type == "Sign" for add in sums for reader in readers(add.outputs[0]))


def _weight_readers(tensor: tf.Tensor) -> list[tf.Operation]:
    found = []
    for op in readers(tensor):
        if op is not None and op.type in _WEIGHT_OPS:
            found.append(op)
        elif op is not None and op.type in _REARRANGING:
            found += _weight_readers(op.outputs[0])
    return found


def _call_findings(call: _Call) -> list[Finding]:
    """Returns what a binary convolution, and what is around it, costs more than it would have to."""
    conv = source(call.output).op
    while conv.type not in _CONVOLUTIONS:
        if not conv.inputs or same(source(conv.outputs[0]), source(call.input)):
            return []
        conv = source(conv.inputs[0]).op
    found = chain_findings(call.layer, conv)
    positions = conv.outputs[0].shape[1:-1]
    count = int(np.prod(positions, dtype=np.int64)) if positions.is_fully_defined() else 0
    found += channel_findings(call.layer.name, tuple(call.layer.kernel.shape), count)
    if relu_fault(call.layer.name, call.input):
        found.append(finding("relu-before-sign", call.layer.name, *TEXTS["relu-before-sign"], {"macs": _macs_of(conv)}))
    return found
