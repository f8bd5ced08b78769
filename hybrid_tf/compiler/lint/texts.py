"""The messages about an operator left behind a binary convolution, seen in a model or in a file."""

_STAY = "so the ReLU and what follows stay float32 operators"
# For each rule: what is wrong, and the fix.
TEXTS = {
    "relu-behind-batch-norm": (
        "has a ReLU behind its batch norm, where it stays a float32 operator",
        "put the ReLU between the convolution and its batch norm",
    ),
    "relu-with-bias": (f"has a bias before its ReLU, {_STAY}", "use use_bias=False: the batch norm has a bias"),
    "relu-with-zero-padding": (f"pads with zeros before its ReLU, {_STAY}", "use pad_values=1.0"),
    "relu-with-scaled-weights": (
        f"scales its weights before its ReLU, {_STAY}",
        "use kernel_quantizer='ste_sign': the batch norm scales",
    ),
    "float-activation": (
        "has a {what} behind it, which LCE cannot fuse",
        "use a ReLU between the convolution and its batch norm, or none",
    ),
    "pool-before-batch-norm": (
        "has its batch norm behind pooling, where it stays MUL and ADD",
        "put the batch norm in front of the pooling",
    ),
    "zero-padding": ("pads with zeros: LCE then writes float32, no bits, and refuses int8", "use pad_values=1.0"),
    "bits-not-passed": (
        "has a {what} between it and the next binary layer, so float32 is passed on, not bits",
        "give the padding to the next layer (padding='same', pad_values=1.0), and use a QuantConv2D with "
        "padding='valid' over the whole map instead of a reshape",
    ),
    "relu-before-sign": (
        "quantizes what a ReLU gives, which is never negative, so every input bit is +1",
        "leave that ReLU out, or put a batch norm behind it",
    ),
}
