"""Runs a network with the interface of Larq Compute Engine's interpreter, in LiteRT or in the library's own engine."""

import ctypes
import os
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np

from hybrid_tf_runtime.errors import HybridTFRuntimeError, unknown
from hybrid_tf_runtime.library import load_delegate, reset_profile
from hybrid_tf_runtime.library import profile as profile_of
from hybrid_tf_runtime.model_file import Model, load_model
from hybrid_tf_runtime.standalone import StandaloneEngine

Data = np.ndarray | list[np.ndarray]
AUTO, LITERT, STANDALONE = ENGINES = "auto", "litert", "standalone"


class Interpreter:
    """A network, ready to run. One at a time may use it; two interpreters can run in two threads.

    After a `fork()` parent and child may both use it, also when a thread of the parent was in the middle of a run.

    `engine` says what runs it, `litert` or `standalone`. `interpreter` is the LiteRT interpreter that does, for all
    that is not offered here, or the `StandaloneEngine`.
    """

    def __init__(
        self,
        flatbuffer_model: Model,
        num_threads: int = 1,
        use_reference_bconv: bool = False,
        use_indirect_bgemm: bool = False,
        use_xnnpack: bool = False,
        *,
        kernels: str | None = None,
        fusion: bool = True,
        profile: bool = False,
        trusted: bool = False,
        engine: str = AUTO,
    ) -> None:
        """Loads a network.

        Args:
            flatbuffer_model: the content of a .tflite file, or its path.
            num_threads: number of threads that may work on one image.
            use_reference_bconv: argument without effect, like `use_indirect_bgemm` and `use_xnnpack`: they choose
                between kernels of Larq Compute Engine, and programs that were written for it can go on passing them.
            use_indirect_bgemm: argument without effect, see `use_reference_bconv`.
            use_xnnpack: argument without effect, see `use_reference_bconv`.
            kernels: name of the kernels, see `load_delegate`.
            fusion: whether to fuse operators, see `load_delegate`.
            profile: whether to time each step, see `load_delegate`.
            trusted: whether to run the file without checking it: for one that you made or trust, with operators that
                the check does not know. A damaged one may end the process, or worse. Of LiteRT only.
            engine: `litert`; `standalone`, the library's own engine, which needs no other package, gives the same
                integers and runs the operators that README.md lists; or `auto`, LiteRT where it is installed.

        Raises:
            HybridTFRuntimeError: when the file cannot be read or run, is damaged, or there are no such kernels.
        """
        if not isinstance(num_threads, int) or num_threads < 1:
            raise HybridTFRuntimeError(f"num_threads is a whole number from 1, not {num_threads!r}")
        self.engine = _choose(engine)
        self._content, self.name = load_model(flatbuffer_model, trusted or self.engine == STANDALONE)
        self._num_threads, self._options = num_threads, (kernels, fusion, profile)
        self._running_in: int | None = None  # the process, during a run
        self._load()
        self._inputs = self.interpreter.get_input_details()
        self._outputs = self.interpreter.get_output_details()

    @property
    def input_types(self) -> list[np.dtype]:
        """Returns the type of each input."""
        return [np.dtype(tensor["dtype"]) for tensor in self._inputs]

    @property
    def input_shapes(self) -> list[tuple[int, ...]]:
        """Returns the shape of each input, batch first."""
        return [tuple(map(int, tensor["shape"])) for tensor in self._inputs]

    @property
    def input_scales(self) -> list[float | list[float] | None]:
        """Returns the scale of each input, one or one for each slice; None where it is not quantized."""
        return [_one_or_all(tensor, "scales") for tensor in self._inputs]

    @property
    def input_zero_points(self) -> list[int | list[int] | None]:
        """Returns the zero point of each input, like `input_scales`."""
        return [_one_or_all(tensor, "zero_points") for tensor in self._inputs]

    @property
    def output_types(self) -> list[np.dtype]:
        """Returns the type of each output."""
        return [np.dtype(tensor["dtype"]) for tensor in self._outputs]

    @property
    def output_shapes(self) -> list[tuple[int, ...]]:
        """Returns the shape of each output, batch first."""
        return [tuple(map(int, tensor["shape"])) for tensor in self._outputs]

    @property
    def output_scales(self) -> list[float | list[float] | None]:
        """Returns the scale of each output, like `input_scales`."""
        return [_one_or_all(tensor, "scales") for tensor in self._outputs]

    @property
    def output_zero_points(self) -> list[int | list[int] | None]:
        """Returns the zero point of each output, like `input_scales`."""
        return [_one_or_all(tensor, "zero_points") for tensor in self._outputs]

    def predict(self, x: Data | Iterator[Data], verbose: int = 0) -> Data:
        """Runs the network on any number of samples.

        Args:
            x: the samples [N, ...], in a list of arrays when the network has several inputs; or an iterator over single
                samples without the axis N, each an array or a list of arrays.
            verbose: 1 for a progress bar, 0 for none.

        Returns:
            The outputs [N, ...], in a list of arrays when the network has several.

        Raises:
            HybridTFRuntimeError: when the samples do not fit the network.
        """
        samples = _samples(x, len(self._inputs))
        if verbose:
            samples = _with_progress(samples)
        rows = [self._run(sample) for sample in samples]
        if not rows:
            raise HybridTFRuntimeError("there are no samples to run the network on")
        outputs = [np.concatenate(column) for column in zip(*rows, strict=True)]
        return outputs[0] if len(outputs) == 1 else outputs

    def predict_float(self, x: Data | Iterator[Data]) -> Data:
        """As `predict`, with float32 on both sides whatever the network takes and gives.

        Samples for int8 inputs are rounded as the network would do it if its input were float32; int8 outputs become
        the numbers that they stand for. Both are left as they are where the network has float32.
        """
        samples = ([*map(_rounded, self._inputs, sample)] for sample in _samples(x, len(self._inputs)))
        outputs = self.predict(samples)
        outputs = [outputs] if isinstance(outputs, np.ndarray) else outputs
        numbers = [_numbers(tensor, output) for tensor, output in zip(self._outputs, outputs, strict=True)]
        return numbers[0] if len(numbers) == 1 else numbers

    def profile(self) -> list[dict[str, Any]]:
        """Returns the steps, with their times since the last call; see `library.profile`. Needs `profile=True`."""
        if isinstance(self.interpreter, StandaloneEngine):
            return self.interpreter.profile()
        steps = profile_of(self._delegate)
        reset_profile(self._delegate)
        return steps

    def _load(self) -> None:
        if self.engine == STANDALONE:
            self.interpreter = StandaloneEngine(self._content, self.name, self._num_threads, *self._options)
            return
        self._delegate = load_delegate(*self._options)
        self.interpreter = _load(self._content, self.name, self._num_threads, self._delegate)

    def _leave_run_of_parent(self) -> None:
        """Loads the network again in a child that a fork() has made in the middle of a run, which nobody here ends.

        LiteRT refuses another run for ever then, and would wait for threads that are not here when it is given up.
        """
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self.interpreter))  # never given up
        self._load()

    def _run(self, sample: list[np.ndarray]) -> list[np.ndarray]:
        if len(sample) != len(self._inputs):
            raise HybridTFRuntimeError(f"a sample has {len(sample)} arrays, but {self.name} takes {len(self._inputs)}")
        if self._running_in not in (None, os.getpid()):
            self._leave_run_of_parent()
        self._running_in = os.getpid()
        try:
            return self._invoke(sample)
        finally:
            self._running_in = None

    def _invoke(self, sample: list[np.ndarray]) -> list[np.ndarray]:
        for tensor, value in zip(self._inputs, sample, strict=True):
            self._check(tensor, value)
            self.interpreter.set_tensor(tensor["index"], value[None])
        try:
            self.interpreter.invoke()
        except RuntimeError as error:
            raise HybridTFRuntimeError(f"{self.name} failed: {_one_line(error)}") from error
        return [self.interpreter.get_tensor(tensor["index"]) for tensor in self._outputs]

    def _check(self, tensor: dict[str, Any], value: np.ndarray) -> None:
        shape, dtype = tuple(map(int, tensor["shape"])), np.dtype(tensor["dtype"])
        if (1, *value.shape) != shape:
            raise HybridTFRuntimeError(
                f"a sample has shape {value.shape}, but {self.name} takes {shape[1:]}: samples are stacked along a "
                "first axis, also a single one (x[None])"
            )
        if value.dtype != dtype:
            fix = "predict_float(x)" if (value.dtype, dtype) == (np.float32, np.int8) else f"x.astype('{dtype}')"
            raise HybridTFRuntimeError(f"the samples are {value.dtype}, but {self.name} takes {dtype}: {fix}")


def _choose(engine: str) -> str:
    """Returns the engine that a name stands for."""
    if engine not in ENGINES:
        raise unknown("engine", str(engine), ENGINES)
    installed = find_spec("ai_edge_litert") is not None
    if engine == LITERT and not installed:
        raise HybridTFRuntimeError("engine='litert' needs LiteRT: pip install ai-edge-litert, or engine='standalone'")
    return (LITERT if installed else STANDALONE) if engine == AUTO else engine


def _load(content: bytes, name: str, num_threads: int, delegate: Any) -> Any:
    from ai_edge_litert.interpreter import Interpreter as LiteRT

    try:
        interpreter = LiteRT(model_content=content, num_threads=num_threads, experimental_delegates=[delegate])
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise HybridTFRuntimeError(f"{name} cannot be run: {_one_line(error)}") from error
    return interpreter


def _with_progress(samples: Iterable[Any]) -> Iterable[Any]:
    try:
        from tqdm import tqdm  # comes with ai-edge-litert
    except ImportError as error:
        raise HybridTFRuntimeError("verbose=1 needs tqdm: pip install tqdm, or verbose=0") from error
    return tqdm(samples)


def _samples(x: Data | Iterator[Data], inputs: int) -> Iterable[list[np.ndarray]]:
    if isinstance(x, np.ndarray):
        x = [x]
    if isinstance(x, list):
        if len(x) != inputs or not all(map(np.ndim, x)) or len({len(values) for values in x}) != 1:
            raise HybridTFRuntimeError(
                f"the network has {inputs} inputs, so it takes a list of as many arrays, each with the same number of "
                f"samples; given: {', '.join(str(np.shape(values)) for values in x) or 'nothing'}"
            )
        return list(map(list, zip(*x, strict=True)))
    if hasattr(x, "__next__") and hasattr(x, "__iter__"):
        return ([np.asarray(sample)] if isinstance(sample, np.ndarray) else list(sample) for sample in x)
    raise HybridTFRuntimeError(
        f"samples are an array, a list of arrays or an iterator over them, not {type(x).__name__}"
    )


def _rounded(tensor: dict[str, Any], value: np.ndarray) -> np.ndarray:
    """Returns a sample as QUANTIZE rounds it: halves to even in whole vectors of 8 numbers, after them away from zero.

    Like there NaN becomes 127. A sample that is not float32, or of an input that is not int8, is returned as it is.
    """
    if (np.dtype(tensor["dtype"]), value.dtype) != (np.int8, np.float32):
        return value
    scale, zero_point = tensor["quantization"]
    scale, values = np.float32(scale), value.ravel()
    whole = values.size // 8 * 8
    rest = values[whole:].astype(np.float64) / scale
    steps = np.concatenate([np.rint(values[:whole] * (1 / scale)), np.trunc(rest + np.copysign(0.5, rest))])
    steps = np.nan_to_num(steps, nan=np.inf)
    return np.clip(steps + zero_point, -128, 127).astype(np.int8).reshape(value.shape)


def _numbers(tensor: dict[str, Any], values: np.ndarray) -> np.ndarray:
    """Returns what int8 outputs stand for; others as they are."""
    if values.dtype != np.int8:
        return values
    scale, zero_point = tensor["quantization"]
    return (values.astype(np.float32) - zero_point) * np.float32(scale)


def _one_or_all(tensor: dict[str, Any], key: str) -> Any:
    values = tensor["quantization_parameters"][key].tolist()
    return values if len(values) > 1 else next(iter(values), None)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
