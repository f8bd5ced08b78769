"""TensorFlow's own converter, called without its chatter: from a traced network to a graph of stock operators."""

import re

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from hybrid_tf.compiler.lce import first_error
from hybrid_tf.errors import HybridTFError
from hybrid_tf.system.quiet import silenced


def float_graph(function: tf.types.experimental.ConcreteFunction, *, int8: bool, io: str = "float32") -> bytes:
    """Returns the `.tflite` file of a traced network, in which signs and binary weights are float operators.

    Variables become constants first: a function that has some is saved with all that holds them, of a Keras model with
    losses, gradients and every layer as a function of its own, which takes most of a conversion's time.

    Args:
        function: traced function from one image to a dictionary of outputs.
        int8: whether operators between values that the function rounds (fake quantization) become int8.
        io: type of the file's input and output; `int8` where the function rounds both.

    Raises:
        HybridTFError: with the converter's first error.
    """
    with silenced() as written:
        try:
            frozen = convert_variables_to_constants_v2(function, lower_control_flow=False)
            converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
            if int8:
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
                converter.inference_input_type = converter.inference_output_type = tf.as_dtype(io)
            return converter.convert()
        except Exception as error:
            reason = first_error(written(), error)
            if foreign := re.search(r"'tf\.(\w+)' op is neither a custom op nor a flex op", reason):
                reason = f"there is no TensorFlow Lite operator for {foreign[1]} of these types: replace it"
            raise HybridTFError(f"the model cannot be converted: {reason}") from error
