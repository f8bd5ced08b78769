"""The options of TensorFlow Lite's own operators: their fields, as tensorflow/lite/schema/schema.fbs has them."""

from hybrid_tf.tflite import names

# Name, kind as `struct` knows it, default; in the order of the schema's tables, from field 0.
_Field = tuple[str, str, int]
PADDING: _Field = ("padding", "<b", 0)
ACTIVATION: _Field = ("fused_activation_function", "<b", 0)
_STRIDES: tuple[_Field, ...] = (("stride_width", "<i", 0), ("stride_height", "<i", 0))
_DILATIONS: tuple[_Field, ...] = (("dilation_width_factor", "<i", 1), ("dilation_height_factor", "<i", 1))
_POOL = (PADDING, *_STRIDES, ("filter_width", "<i", 0), ("filter_height", "<i", 0), ACTIVATION)
_REDUCER: tuple[_Field, ...] = (("keep_dims", "<b", 0),)

# The operators that a reader outside TensorFlow computes; of others the options are not read.
FIELDS: dict[str, tuple[_Field, ...]] = {
    names.CONV_2D: (PADDING, *_STRIDES, ACTIVATION, *_DILATIONS),
    names.DEPTHWISE_CONV_2D: (PADDING, *_STRIDES, ("depth_multiplier", "<i", 0), ACTIVATION, *_DILATIONS),
    names.FULLY_CONNECTED: (ACTIVATION, ("weights_format", "<b", 0), ("keep_num_dims", "<b", 0)),
    names.AVERAGE_POOL_2D: _POOL,
    names.MAX_POOL_2D: _POOL,
    names.ADD: (ACTIVATION,),
    names.MEAN: _REDUCER,
    names.SOFTMAX: (("beta", "<f", 0),),
}
