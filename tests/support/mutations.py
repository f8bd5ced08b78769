"""Damaged and malicious models, made from sound ones: by bytes, and by fields of the format."""

import copy

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

_WORDS = (0, 1, 2, 3, 4, 7, 31, 32, 33, 127, 128, 255, 256, 65535, 65536, 2**31 - 1, -(2**31), -1, -2, -128, 1 << 24)
_LONG_WORDS = (2**63 - 1, -(2**63), 2**62, 2**32)
_FLOATS = (0.0, -1.0, 1e-45, 1e-30, 1e30, float("inf"), float("nan"), 0.5, 2.0**-31)


class Mutator:
    """Makes models from one sound model."""

    def __init__(self, content: bytes):
        self.content = content
        self._model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))

    def mutate(self, rng: np.random.Generator) -> bytes:
        """Returns a changed model; nearly always an unsound one."""
        kind = rng.choice(4, p=(0.05, 0.2, 0.25, 0.5))
        return (self._cut, self._flip_bytes, self._overwrite_words, self._change_fields)[kind](rng)

    def _cut(self, rng):
        return self.content[: rng.integers(len(self.content))]

    def _flip_bytes(self, rng):
        content = bytearray(self.content)
        for _ in range(rng.integers(1, 9)):
            content[rng.integers(len(content))] = rng.integers(256)
        return bytes(content)

    def _overwrite_words(self, rng):
        content = bytearray(self.content)
        for _ in range(rng.integers(1, 4)):
            position = int(rng.integers(len(content) // 4)) * 4
            old = int.from_bytes(content[position : position + 4], "little")
            new = rng.choice(_WORDS) if rng.random() < 0.6 else old + rng.integers(-8, 9)
            content[position : position + 4] = (int(new) % 2**32).to_bytes(4, "little")
        return bytes(content[: len(self.content)])

    def _change_fields(self, rng):
        try:
            model = copy.deepcopy(self._model)
            for _ in range(rng.integers(1, 3)):
                _change(model, rng)
            builder = flatbuffers.Builder(len(self.content) + 4096)
            builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        except Exception:  # a number that its field cannot hold, options that were damaged before
            return self._overwrite_words(rng)
        return bytes(builder.Output())


def _change(model, rng):
    graph = model.subgraphs[0]
    tensor, operator = (items[rng.integers(len(items))] for items in (graph.tensors, graph.operators))
    changes = (
        lambda: _change_array(tensor, "shape", rng),
        lambda: _change_array(tensor, "shapeSignature", rng),
        lambda: setattr(tensor, "type", int(rng.integers(-1, 20))),
        lambda: setattr(tensor, "buffer", int(rng.integers(len(model.buffers) + 2))),
        lambda: setattr(tensor, "isVariable", True),
        lambda: _change_quantization(tensor, rng),
        lambda: _change_array(operator, "inputs", rng, len(graph.tensors)),
        lambda: _change_array(operator, "outputs", rng, len(graph.tensors)),
        lambda: setattr(operator, "opcodeIndex", int(rng.integers(len(model.operatorCodes) + 1))),
        lambda: _change_options(operator, rng),
        lambda: _change_options(operator, rng),
        lambda: _change_custom_options(operator, rng),
        lambda: _change_custom_options(operator, rng),
        lambda: _change_code(model.operatorCodes[rng.integers(len(model.operatorCodes))], rng),
        lambda: _change_array(graph, "inputs", rng, len(graph.tensors)),
        lambda: _change_array(graph, "outputs", rng, len(graph.tensors)),
        lambda: _change_list(graph.operators, rng),
        lambda: _change_list(graph.tensors, rng),
        lambda: _change_buffer(model.buffers[rng.integers(len(model.buffers))], rng),
        lambda: model.subgraphs.append(model.subgraphs[0]),
    )
    changes[rng.integers(len(changes))]()


def _number(rng, old, count):
    kind = rng.integers(3)
    if kind == 0:
        return int(rng.choice(_WORDS))
    return int(rng.integers(-1, count + 1)) if kind == 1 else int(old) + int(rng.integers(-3, 4))


def _change_array(owner, field, rng, count=40):
    array = np.array(getattr(owner, field) if getattr(owner, field) is not None else [], np.int64).reshape(-1)
    kind = rng.integers(6)
    if kind == 0 or not len(array):
        array = np.append(array, _number(rng, 0, count))
    elif kind == 1:
        array = np.delete(array, rng.integers(len(array)))
    elif kind == 2:
        rng.shuffle(array)
    else:
        place = rng.integers(len(array))
        array[place] = _number(rng, array[place], count)
    setattr(owner, field, array.astype(np.int32))


def _change_list(items, rng):
    kind, place = rng.integers(3), rng.integers(len(items))
    if kind == 0 and len(items) > 1:
        del items[place]
    elif kind == 1:
        items.insert(rng.integers(len(items)), items[place])
    else:
        other = rng.integers(len(items))
        items[place], items[other] = items[other], items[place]


def _change_quantization(tensor, rng):
    quantization = tensor.quantization = tensor.quantization or schema.QuantizationParametersT()
    kind = rng.integers(4)
    scales = np.float32([] if quantization.scale is None else quantization.scale)
    if kind == 0:
        tensor.quantization = None
    elif kind == 1:
        factor = rng.choice(_FLOATS) if rng.random() < 0.7 else 2.0 ** rng.integers(-40, 40)
        quantization.scale = np.float32([factor]) if not len(scales) else np.float32(scales * factor)
        if not len(scales):
            quantization.zeroPoint = np.int64([0])
    elif kind == 2:
        zero_points = np.int64([0] if quantization.zeroPoint is None else quantization.zeroPoint)
        quantization.zeroPoint = zero_points + int(rng.choice(_WORDS))
    else:
        quantization.quantizedDimension = int(rng.integers(-1, 6))
        quantization.scale = np.float32(rng.random(rng.integers(0, 9)))


def _change_options(operator, rng):
    options = operator.builtinOptions
    if options is None or rng.random() < 0.1:
        operator.builtinOptionsType = int(rng.integers(0, 127))
        return
    fields = [name for name, value in vars(options).items() if isinstance(value, int | bool | float)]
    if fields:
        field = fields[rng.integers(len(fields))]
        setattr(options, field, type(getattr(options, field))(_number(rng, getattr(options, field), 8)))
    for name, value in vars(options).items():
        if isinstance(value, np.ndarray):
            _change_array(options, name, rng)


def _change_custom_options(operator, rng):
    if operator.customOptions is None:
        return
    content = bytes(bytearray(operator.customOptions))
    if rng.random() < 0.4:
        content = bytearray(content)
        for _ in range(rng.integers(1, 4)):
            content[rng.integers(len(content))] = rng.integers(256)
        content = content[: rng.integers(1, len(content) + 1)] if rng.random() < 0.2 else content
    else:
        options = dict(flexbuffers.Loads(content))
        key = list(options)[rng.integers(len(options))]
        if rng.random() < 0.15:
            del options[key]
        else:
            options[key] = _number(rng, options[key], 300) if rng.random() < 0.9 else int(rng.choice(_LONG_WORDS))
        content = flexbuffers.Dumps(options)
    operator.customOptions = np.frombuffer(bytes(content), np.uint8)


def _change_code(code, rng):
    code.builtinCode = int(rng.integers(0, 210))
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)


def _change_buffer(buffer, rng):
    content = bytearray(buffer.data if buffer.data is not None else b"")
    if rng.random() < 0.5 and content:
        content = content[: rng.integers(len(content))]
    else:
        content += bytes(int(rng.integers(1, 64)))
    for _ in range(rng.integers(0, 5)):
        if content:
            content[rng.integers(len(content))] = rng.integers(256)
    buffer.data = np.frombuffer(bytes(content), np.uint8)
