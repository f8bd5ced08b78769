"""Larq Compute Engine's converter, called without its chatter; its wheels are for few systems, so it may be absent."""

import tempfile
from types import ModuleType

import tensorflow as tf

from hybrid_tf.errors import HybridTFError
from hybrid_tf.system.quiet import silenced

_OPTIONS = tf.saved_model.SaveOptions(experimental_custom_gradients=False)


def is_installed() -> bool:
    """Whether Larq Compute Engine can be imported here."""
    try:
        larq_compute_engine()
    except HybridTFError:
        return False
    return True


def larq_compute_engine() -> ModuleType:
    """Returns the package. Raises HybridTFError where it is not installed."""
    try:
        with silenced():
            import larq_compute_engine
    except ImportError as error:
        raise HybridTFError(
            "larq-compute-engine is not installed, which has wheels for Python up to 3.12 on x86-64 Linux, macOS and "
            "Windows: convert without --converter lce, and run files in hybrid-tf-runtime"
        ) from error
    return larq_compute_engine


def convert_function(
    function: tf.types.experimental.ConcreteFunction, variables: list[tf.Variable], io: str = "float32"
) -> bytes:
    """Returns the LCE file of a traced network.

    The converter's own `convert_keras_model` would save the whole Keras model first, losses and optimizer included,
    fall back to another route with a vague warning when that fails, and choose the batch size itself; a traced function
    leaves it no choice.

    Args:
        function: traced function from one image to a dictionary of outputs, whose names end up in the file.
        variables: variables that the function uses.
        io: type of the file's input and output; `int8` where the function rounds both.

    Raises:
        HybridTFError: with the converter's first error.
    """
    engine, holder = larq_compute_engine(), tf.Module()
    # Larq wraps the variables of quantized kernels; what a SavedModel keeps is the variable inside.
    holder.kept = [getattr(variable, "latent_variable", variable) for variable in variables]
    with tempfile.TemporaryDirectory() as folder, silenced() as written:
        try:
            tf.saved_model.save(holder, folder, signatures=function, options=_OPTIONS)
            types = {"inference_input_type": tf.as_dtype(io), "inference_output_type": tf.as_dtype(io)}
            return engine.convert_saved_model(folder, **types)
        except Exception as error:
            raise HybridTFError(f"the model cannot be converted: {first_error(written(), error)}") from error


def first_error(log: str, error: Exception) -> str:
    """Returns the first line in which the converter says what is wrong; failing that, the exception's first line."""
    for line in log.splitlines():
        _, found, reason = line.partition("error: ")
        if found and reason.strip():
            return reason.strip()
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
