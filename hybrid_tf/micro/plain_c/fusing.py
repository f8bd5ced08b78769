"""One pass for what the file has as several operators: sums, PReLU, shift and signs join the layer in front of them.

Every step keeps its own rounding, so nothing changes but the number of times that a map is read and written.
"""

from dataclasses import replace

from hybrid_tf.micro.plain_c.network import Layer, Network, Signs, Step


def fused(network: Network) -> Network:
    """Returns the network with its operators in as few passes as `kernels/layer.h` can do."""
    while True:
        following = _once(network)
        if following is None:
            return network
        network = following


def _once(network: Network) -> Network | None:
    for place, step in enumerate(network.steps):
        if not isinstance(step, Layer) or step.result < 0:
            continue
        readers = network.readers(step.result)
        for reader in readers:
            other = network.steps[reader]
            only = len(readers) == 1 and step.result != network.scores
            if isinstance(other, Signs) and step.signs < 0:
                result = -1 if only else step.result
                joined = replace(step, result=result, signs=other.result, operators=(*step.operators, "LceQuantize"))
                return _replaced(network, place, reader, joined, at=place)
            if only and isinstance(other, Layer) and (both := _joined(network, place, reader)):
                return _replaced(network, place, reader, both, at=reader)
    return None


def _joined(network: Network, place: int, reader: int) -> Layer | None:
    """Two layers as one, where the second continues with what comes behind the first's last part."""
    first, second = network.steps[place], network.steps[reader]
    assert isinstance(first, Layer) and isinstance(second, Layer)
    if second.binary or first.signs >= 0:
        return None
    if second.add and first.result == second.added:  # the sum's operands change places
        if first.result == second.source:
            return None
        second = _exchanged(second)
    done = [first.add, first.prelu, first.shift]
    new = [second.add, second.prelu, second.shift]
    last = max((i for i, part in enumerate(done) if part), default=-1)
    if any(part for part in new[: last + 1]):
        return None
    return replace(
        first,
        layer=first.layer or second.layer,
        result=second.result,
        signs=second.signs,
        operators=(*first.operators, *second.operators),
        **{name: getattr(second, name) for part, names in _FIELDS.items() if getattr(second, part) for name in names},
    )


_FIELDS = {
    "add": ("add", "added", "add_factors"),
    "prelu": ("prelu", "prelu_factors"),
    "shift": ("shift", "shifts", "shift_factor"),
}


def _exchanged(layer: Layer) -> Layer:
    add = layer.add
    assert add is not None
    other = replace(add, first=add.second, second=add.first, first_zero=add.second_zero, second_zero=add.first_zero)
    return replace(layer, add=other, source=layer.added, added=layer.source, add_factors=layer.add_factors[::-1])


def _replaced(network: Network, place: int, reader: int, step: Step, at: int) -> Network:
    steps = [step if i == at else old for i, old in enumerate(network.steps)]
    del steps[reader if at == place else place]
    return network.with_steps(tuple(steps))


def bordered(network: Network) -> Network:
    """Returns the network with maps of signs that have the borders which their readers' windows reach into."""
    values = dict(network.values)
    for step in network.steps:
        if isinstance(step, Layer) and step.binary is not None:
            window, value = step.binary.window, values[step.source]
            needed = (window.before[0], window.before[1], window.after[0], window.after[1])
            top, left, bottom, right = map(max, value.border, needed)
            values[step.source] = replace(value, border=(top, left, bottom, right))
    return replace(network, values=values)
