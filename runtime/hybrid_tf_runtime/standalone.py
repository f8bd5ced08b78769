"""The library's own engine, which needs no LiteRT: include/hybrid_tf.h through ctypes, with the methods of LiteRT's."""

import ctypes
import json
from typing import Any

import numpy as np

from hybrid_tf_runtime.errors import HybridTFRuntimeError
from hybrid_tf_runtime.library import check_kernels, library

_MAX_RANK, _MESSAGE_BYTES = 6, 512
_TYPES = {
    0: np.float32,
    1: np.float16,
    2: np.int32,
    3: np.uint8,
    4: np.int64,
    6: np.bool_,
    9: np.int8,
}


class _Options(ctypes.Structure):
    _fields_ = (
        ("size", ctypes.c_size_t),
        ("threads", ctypes.c_int32),
        ("unfused", ctypes.c_int32),
        ("profile", ctypes.c_int32),
        ("kernels", ctypes.c_char_p),
    )


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("data", ctypes.c_void_p),
        ("bytes", ctypes.c_size_t),
        ("type", ctypes.c_int),
        ("rank", ctypes.c_int32),
        ("dims", ctypes.c_int32 * _MAX_RANK),
        ("scale", ctypes.c_float),
        ("zero_point", ctypes.c_int32),
    )


class StandaloneEngine:
    """A network in the library's own engine. What is offered has the names and results of LiteRT's `Interpreter`."""

    def __init__(
        self, content: bytes, name: str, num_threads: int, kernels: str | None, fusion: bool, profile: bool
    ) -> None:
        """Loads the content of a file, called `name`; the other arguments are those of `Interpreter`.

        Raises:
            HybridTFRuntimeError: when the file is damaged, has operators that the engine lacks, or there are no such
                kernels.
        """
        self._engine = None
        if kernels is not None:
            check_kernels(kernels)
        self._functions = library()
        options = _Options(ctypes.sizeof(_Options), num_threads, not fusion, profile, (kernels or "").encode())
        message = ctypes.create_string_buffer(_MESSAGE_BYTES)
        self._engine = self._functions.hybrid_tf_open(
            content, len(content), ctypes.byref(options), message, len(message)
        )
        if not self._engine:
            raise HybridTFRuntimeError(f"{name} cannot be run: {message.value.decode(errors='replace')}")
        inputs, outputs = (
            [self._tensor(getattr(self._functions, f"hybrid_tf_{kind}"), i) for i in range(count(self._engine))]
            for kind, count in (
                ("input", self._functions.hybrid_tf_input_count),
                ("output", self._functions.hybrid_tf_output_count),
            )
        )
        self._arrays = [array for array, _ in inputs + outputs]
        details = [facts | {"index": i} for i, (_, facts) in enumerate(inputs + outputs)]
        self._inputs, self._outputs = details[: len(inputs)], details[len(inputs) :]

    def __del__(self) -> None:
        if self._engine:
            self._functions.hybrid_tf_close(self._engine)

    def get_input_details(self) -> list[dict[str, Any]]:
        """Returns name, index, shape, type and quantization of each input."""
        return self._inputs

    def get_output_details(self) -> list[dict[str, Any]]:
        """Returns the same of each output."""
        return self._outputs

    def set_tensor(self, index: int, value: np.ndarray) -> None:
        """Sets an input, given by its index.

        Raises:
            ValueError: when the array has another type or shape.
        """
        array = self._arrays[index]
        if (value.dtype, value.shape) != (array.dtype, array.shape):
            raise ValueError(f"it takes {array.dtype} {array.shape}, not {value.dtype} {value.shape}")
        array[...] = value

    def get_tensor(self, index: int) -> np.ndarray:
        """Returns a copy of an input or output, given by its index."""
        return self._arrays[index].copy()

    def invoke(self) -> None:
        """Runs the network.

        Raises:
            RuntimeError: when it fails.
        """
        if self._functions.hybrid_tf_run(self._engine):
            raise RuntimeError(self._functions.hybrid_tf_last_error(self._engine).decode(errors="replace"))

    def profile(self) -> list[dict[str, Any]]:
        """Returns the steps with their times, as `library.profile`, and sets these to 0."""
        size = self._functions.hybrid_tf_profile(self._engine, None, 0) + 1
        text = ctypes.create_string_buffer(size)
        self._functions.hybrid_tf_profile(self._engine, text, size)
        self._functions.hybrid_tf_profile_reset(self._engine)
        return json.loads(text.value)

    def _tensor(self, function: Any, index: int) -> tuple[np.ndarray, dict[str, Any]]:
        """Returns an input or output where it lies, and what there is to know of it."""
        tensor = _Tensor()
        function(self._engine, index, ctypes.byref(tensor))
        dtype, shape = np.dtype(_TYPES[tensor.type]), tuple(tensor.dims[: tensor.rank])
        memory = (ctypes.c_char * tensor.bytes).from_address(tensor.data)
        quantized = bool(tensor.scale)
        facts = {
            "name": tensor.name.decode(),
            "shape": np.array(shape, np.int32),
            "dtype": dtype.type,
            "quantization": (tensor.scale, tensor.zero_point),
            "quantization_parameters": {
                "scales": np.array([tensor.scale] * quantized, np.float32),
                "zero_points": np.array([tensor.zero_point] * quantized, np.int32),
                "quantized_dimension": 0,
            },
        }
        return np.frombuffer(memory, dtype).reshape(shape), facts
