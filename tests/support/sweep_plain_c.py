"""Generated networks of int8 and of signs, for the export as plain C: one image, one int8 result."""

import numpy as np

from tests.support import sweep_int8
from tests.support.graph_builder import Graph
from tests.support.lce_reference import RELU, RELU6, RELU_N1_TO_1, SAME
from tests.support.sweep_models import Case

_CHANNELS = (1, 3, 8, 16, 17, 24, 32, 33, 48, 64, 70)
_PARTS = ("block", "block", "block", "conv", "pool", "packed", "prelu", "shift", "relu", "requantize", "signs", "add")
_ENDS = ("map", "dense", "mean", "flat", "softmax")


class PlainCase(Case):
    """One network: an image, a few operators or chains of them, and an end.

    Attributes:
        result: value that it ends in.
    """

    def __init__(self, seed, index):
        self.graph, self.rng = Graph(), np.random.default_rng([seed, index])
        self.images = np.random.default_rng([seed, index, 1])
        self._batch, self.interpreters, self.outputs, self.name = 1, {"default"}, [], f"{index}:"
        shape = self.shape(9, int(self.choose(*_CHANNELS)), least=3)
        x = sweep_int8.int8_input(self, shape)
        for _ in range(self.choose(1, 2, 3)):
            x = self._part(x, self.choose(*_PARTS))
        x = self._end(x, self.choose(*_ENDS))
        self.result = x if x.array.ndim == 2 else self.graph.reshape(x, (1, x.array.size))
        self.graph.output(self.result)

    def choose(self, *values):
        """As of any case, but LCE's padding with zeros, which plain C refuses, is never drawn."""
        value = super().choose(*values)
        return 1 if values == (1, 1, 0) else value

    def output(self, value, exact=True):
        """There is but one output, the result."""

    def _part(self, x, part):
        self.note(part=part)
        if part == "block":
            return sweep_int8.block(self, x)
        if part == "conv":
            return sweep_int8.convolution(self, x, int(self.choose(*_CHANNELS)))
        if part == "pool":
            return sweep_int8.pool(self, x, self.choose("average", "max"))
        if part == "packed":
            y = self.bconv(self.graph.quantize(x), int(self.choose(*_CHANNELS)), "packed", padding=SAME, largest=3)
            if self.chance(0.5):
                y = self.graph.bmaxpool(y, (2, 2), (2, 2), SAME)
            return self.bconv(y, int(self.choose(*_CHANNELS)), "int8", padding=SAME, largest=3)
        if part == "signs":
            to = sweep_int8.random_quantization(self)
            return self.graph.dequantize(self.graph.quantize(x), np.int8, *to)
        if part == "add":
            return sweep_int8.add(self, x, sweep_int8.prelu(self, x))
        if part == "relu":
            kind = int(self.choose(RELU, RELU_N1_TO_1, RELU6))
            return self.graph.int8_relu(x, kind, sweep_int8.random_quantization(self, x.scale))
        if part == "requantize":
            return self.graph.int8_quantize(x, sweep_int8.random_quantization(self, x.scale))
        return getattr(sweep_int8, part)(self, x)

    def _end(self, x, end):
        self.note(end=end)
        if end == "dense":
            return sweep_int8.dense(self, x)
        if end == "mean":
            return self.graph.int8_mean(x, sweep_int8.random_quantization(self, x.scale / 2), self.chance(0.5))
        if end == "flat":
            y = self.graph.reshape(x, (1, 1, 1, x.array.size))
            return sweep_int8.convolution(self, y, kernel=(1, 1), stride=(1, 1))
        if end == "softmax":
            return self.graph.int8_softmax(x, float(self.choose(1, 0.5)))
        return x
