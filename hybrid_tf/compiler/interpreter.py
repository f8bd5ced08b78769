"""A converted file, run on this computer: by Larq Compute Engine's interpreter, or by ours where that is absent."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from hybrid_tf.compiler.int8.image_rounding import rounded_image
from hybrid_tf.compiler.isolation import isolated
from hybrid_tf.compiler.lce import is_installed, larq_compute_engine
from hybrid_tf.compiler.tracing import check_images
from hybrid_tf.errors import HybridTFError
from hybrid_tf.system.progress import with_progress
from hybrid_tf.system.quiet import silenced
from hybrid_tf.tflite.flatbuffer import Tensor, parse_tflite, read_bytes
from hybrid_tf.tflite.names import BINARY_CONV_2D, LCE_OPS

if TYPE_CHECKING:
    from hybrid_tf_runtime import Interpreter as RuntimeInterpreter

LCE, RUNTIME = "LCE", "hybrid-tf-runtime"  # the engines by the names that people know them by


class Interpreter:
    """A converted network, ready to run.

    Attributes:
        input_shape: height, width and channels of an image.
        classes: number of scores.
        engine: name of what runs it, LCE or RUNTIME.
    """

    def __init__(self, file: str | Path | bytes) -> None:
        """Loads a file, given by its path or content.

        Raises:
            HybridTFError: when the file cannot be read, is damaged, is not from one image to one row of scores, both
                float32 or int8, or needs operators that LCE does not have.
        """
        content = file if isinstance(file, bytes) else read_bytes(file)
        self.name = "the file" if isinstance(file, bytes) else str(file)
        self._image, self._scores = _interface(content, self.name)
        self.input_shape, self.classes = tuple(self._image.shape[1:]), self._scores.shape[1]
        self._content = content
        self.engine = LCE if is_installed() else RUNTIME
        isolated(self._try_to_load, self.name)

    def predict(self, images: np.ndarray, progress: str = "") -> np.ndarray:
        """Returns the scores, float32 [N, classes]; the images of an int8 network are rounded first.

        Args:
            images: float32 images [N, height, width, channels], normalised as the network was trained.
            progress: text beside the progress bar; without it there is no bar.

        Raises:
            HybridTFError: when the images do not fit the network, or it gives other scores than its file says.
        """
        scores, *_ = self.outputs(images, progress)
        return scores

    def outputs(self, images: np.ndarray, progress: str = "") -> list[np.ndarray]:
        """As `predict`, but returns every output of the file, those behind the scores as they are; [N, ...] each."""
        check_images(images, self.input_shape, self.name)

        def predict() -> list[np.ndarray]:
            inputs = with_progress(images, progress)
            if self._image.type == "INT8":
                inputs = (rounded_image(image, self._image) for image in inputs)
            outputs = self.load().predict(iter(inputs))
            return [outputs] if isinstance(outputs, np.ndarray) else outputs

        scores, *others = isolated(predict, self.name)
        kind, shape = np.dtype(self._scores.type.lower()), (len(images), self.classes)
        if (scores.dtype, scores.shape) != (kind, shape):  # the interpreter finds out for itself
            raise HybridTFError(
                f"{self.name} gives {scores.dtype} {scores.shape} for {len(images)} images, and says that it gives "
                f"{kind} {shape}: it is damaged, copy or convert it again"
            )
        if self._scores.type == "INT8":
            scores = (scores.astype(np.float32) - self._scores.zero_points[0]) * np.float32(self._scores.scales[0])
        return [scores, *others]

    def _try_to_load(self) -> list[np.ndarray]:
        self.load()
        return []

    def load(self) -> Any:
        """Returns LCE's own interpreter with the file in it, or ours; some files take the process down: see `isolated`.

        Both have the same interface.
        """
        if self.engine == RUNTIME:
            return runtime_interpreter(self._content, self.name)
        engine = larq_compute_engine()
        with silenced() as written:
            try:
                # LCE's interpreter trusts every offset in the file and takes the process down with a damaged one;
                # TensorFlow Lite's own verifies the whole file first. Neither survives all operators that do not fit.
                tf.lite.Interpreter(model_content=self._content)
                # Of LCE's three kernels, which give the same numbers, the indirect one is the fastest on x86 and,
                # unlike the default, runs grouped convolutions; on maps smaller than their filter both pad with zeros
                # wrongly, and the reference kernel does not. One thread: it takes one image at a time, and a second
                # thread waits for work more than it works, on small images up to four times as long.
                kernel = "use_reference_bconv" if _pads_small_maps(self._content) else "use_indirect_bgemm"
                return engine.testing.Interpreter(self._content, num_threads=1, **{kernel: True})
            except (ValueError, RuntimeError) as error:
                reason = (written().strip() or str(error)).splitlines()[0].removeprefix("ERROR: ")
                raise HybridTFError(f"{self.name} cannot be run: {reason}") from error


def _pads_small_maps(content: bytes) -> bool:
    """Whether a binary convolution pads a map with zeros that is smaller than its filter."""
    file = parse_tflite(content, "the file")
    for op in file.operators:
        options = op.options() if op.name == BINARY_CONV_2D else {}
        if not options or options.get("padding") or options.get("pad_values"):
            continue
        sizes, filters = file.tensors[op.inputs[0]].shape[1:3], file.tensors[op.inputs[1]].shape[1:3]
        dilations = (options.get("dilation_height_factor", 1), options.get("dilation_width_factor", 1))
        if any((f - 1) * d >= size for size, f, d in zip(sizes, filters, dilations, strict=False)):
            return True
    return False


def runtime_interpreter(file: Path | bytes, name: str = "") -> "RuntimeInterpreter":
    """Returns hybrid-tf-runtime's interpreter of a file.

    Args:
        file: path or content of the file.
        name: name of a file that is given by its content, for an error.

    Raises:
        HybridTFError: when it is not installed, or cannot run the file.
    """
    try:
        import hybrid_tf_runtime
    except ImportError as error:
        raise HybridTFError(
            "hybrid-tf-runtime is not installed: `pip install ./runtime` in hybrid-tf's repository, or its wheel"
        ) from error
    try:
        with silenced():  # LiteRT says which delegate it makes
            return hybrid_tf_runtime.Interpreter(file)
    except hybrid_tf_runtime.HybridTFRuntimeError as error:
        raise HybridTFError(f"{name}: {error}" if name else str(error)) from error


def _interface(content: bytes, name: str) -> tuple[Tensor, Tensor]:
    file = parse_tflite(content, name)
    foreign = sorted({op.name for op in file.operators if op.is_custom} - set(LCE_OPS))
    if foreign:
        raise HybridTFError(f"{name} needs operators that Larq Compute Engine does not have: {', '.join(foreign)}")
    inputs = [file.tensors[number] for number in file.inputs]
    outputs = [file.tensors[number] for number in file.outputs]
    is_network = (
        len(inputs) == 1
        and len(outputs) >= 1
        and (_is_number(inputs[0]), len(inputs[0].shape), inputs[0].shape[:1]) == (True, 4, (1,))
        and (_is_number(outputs[0]), len(outputs[0].shape), outputs[0].shape[:1]) == (True, 2, (1,))
    )
    if not is_network:
        given = ", ".join(f"{t.type.lower()} {t.shape}" for t in inputs)
        gives = ", ".join(f"{t.type.lower()} {t.shape}" for t in outputs)
        raise HybridTFError(
            f"{name} turns {given} into {gives}: only a network from one image (1, height, width, channels) to scores "
            "(1, classes), each float32 or int8, can be run"
        )
    return inputs[0], outputs[0]


def _is_number(tensor: Tensor) -> bool:
    return tensor.type == "FLOAT32" or (tensor.type == "INT8" and len(tensor.scales) == len(tensor.zero_points) == 1)
