"""The engines of the inference benchmark: what runs which file, and how."""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import networks

LCE, OURS, TWIN = "LCE", "ours", "twin"
LCE_MODES = {
    "default": {},
    "reference": {"use_reference_bconv": True},
    "indirect bgemm": {"use_indirect_bgemm": True},
    "indirect bgemm + XNNPACK": {"use_indirect_bgemm": True, "use_xnnpack": True},
}


@dataclass(frozen=True)
class Engine:
    """One way to run a network.

    Attributes:
        name: what tables call it.
        family: LCE, OURS or TWIN; a TWIN runs the network in full precision.
        file: which file it runs: `networks.HYBRID`, `networks.HYBRID_INT8`, `networks.FLOAT32` or `networks.INT8`.
        options: of its interpreter.
        amx: whether XNNPACK may use the matrix unit of newer Intel processors.
    """

    name: str
    family: str
    file: str
    options: dict[str, Any] = field(default_factory=dict)
    amx: bool = True

    @property
    def is_fused(self) -> bool:
        """Whether it is ours as users get it, with fusion, on the float32 hybrid that goals are set for."""
        return self.family == OURS and self.options["fusion"] and self.file == networks.HYBRID


@dataclass(frozen=True)
class Runner:
    """A loaded network.

    Attributes:
        prepare: from one float32 image [1, height, width, channels] to what `run` takes.
        run: from that to the scores as the file has them; this is timed.
        finish: from those to float32 scores [classes].
    """

    prepare: Callable[[np.ndarray], np.ndarray]
    run: Callable[[np.ndarray], np.ndarray]
    finish: Callable[[np.ndarray], np.ndarray]


def engines(kernels: list[str], has_amx: bool) -> list[Engine]:
    """Returns all engines.

    Args:
        kernels: of hybrid-tf-runtime on this processor, the fastest first.
        has_amx: whether this processor has AMX; then XNNPACK in int8 is measured without it too.
    """
    return [
        *(Engine(f"LCE, {name}", LCE, networks.HYBRID, options) for name, options in LCE_MODES.items()),
        *(Engine(f"ours, {name}", OURS, networks.HYBRID, {"kernels": name, "fusion": True}) for name in kernels),
        Engine(f"ours, {kernels[0]}, no fusion", OURS, networks.HYBRID, {"kernels": kernels[0], "fusion": False}),
        Engine("LCE, indirect bgemm, int8 hybrid", LCE, networks.HYBRID_INT8, LCE_MODES["indirect bgemm"]),
        Engine(f"ours, {kernels[0]}, int8 hybrid", OURS, networks.HYBRID_INT8, {"kernels": kernels[0], "fusion": True}),
        Engine("twin, XNNPACK float32", TWIN, networks.FLOAT32),
        Engine("twin, XNNPACK int8", TWIN, networks.INT8),
        *([Engine("twin, XNNPACK int8 without AMX", TWIN, networks.INT8, amx=False)] if has_amx else []),
    ]


def load(engine: Engine, path: Path, threads: int) -> Runner:
    """Loads a file.

    Raises:
        HybridTFRuntimeError, RuntimeError, ValueError: when the engine refuses it.
    """
    if not engine.amx:
        _refuse_amx()
    if engine.family == LCE:
        return _lce(path, threads, engine.options)
    if engine.family == OURS:
        from hybrid_tf_runtime import Interpreter

        return _litert(Interpreter(path, threads, **engine.options).interpreter)
    from ai_edge_litert.interpreter import Interpreter as LiteRT  # with XNNPACK, unless it is told otherwise

    return _litert(LiteRT(str(path), num_threads=threads))


def _lce(path: Path, threads: int, options: dict[str, bool]) -> Runner:
    from hybrid_tf.compiler.lce import larq_compute_engine

    interpreter = larq_compute_engine().testing.Interpreter(path.read_bytes(), threads, **options).interpreter

    (image,), (scores,) = (
        [
            {"dtype": dtype, "quantization": (scale, zero_point)}
            for dtype, scale, zero_point in zip(*details, strict=True)
        ]
        for details in (
            (interpreter.input_types, interpreter.input_scales, interpreter.input_zero_points),
            (interpreter.output_types, interpreter.output_scales, interpreter.output_zero_points),
        )
    )

    def prepare(values: np.ndarray) -> np.ndarray:
        # Of an image from another process it does not know the type.
        return _quantized(values, image).astype(image["dtype"].type)

    return Runner(prepare, lambda values: interpreter.predict([values])[0], lambda values: _real(values, scores)[0])


def _litert(interpreter: Any) -> Runner:
    interpreter.allocate_tensors()
    (image,), (scores,) = interpreter.get_input_details(), interpreter.get_output_details()
    image_index, scores_index = image["index"], scores["index"]

    def run(values: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(image_index, values)
        interpreter.invoke()
        return interpreter.get_tensor(scores_index)

    return Runner(lambda values: _quantized(values, image), run, lambda values: _real(values, scores)[0])


def _quantized(values: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    if tensor["dtype"] != np.int8:
        return values
    scale, zero_point = tensor["quantization"]
    return np.clip(np.round(values / scale) + zero_point, -128, 127).astype(np.int8)


def _real(values: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    if tensor["dtype"] != np.int8:
        return values
    scale, zero_point = tensor["quantization"]
    return ((values.astype(np.float32) - zero_point) * scale).astype(np.float32)


class _SignalStack(ctypes.Structure):
    _fields_ = [("pointer", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]


_small_stack = ctypes.create_string_buffer(8192)  # as long as this process lives


def _refuse_amx() -> None:
    """Keeps XNNPACK from using AMX in this process, for which it has no option.

    Linux grants AMX's registers on request only, and not to a process with an alternate signal stack that is too small
    to save them. XNNPACK then takes the AVX-512 VNNI kernels that it has for other processors.
    """
    stack = _SignalStack(ctypes.cast(_small_stack, ctypes.c_void_p), 0, len(_small_stack))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.sigaltstack(ctypes.byref(stack), None):
        raise OSError(ctypes.get_errno(), "cannot refuse AMX")
