"""The order of operators that takes the least memory.

Where branches run one after the other, what the later ones read stays in memory while the earlier ones run; a branch
that makes its tensors smaller should come first. TensorFlow's own order follows from the names of nodes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from heapq import heappop, heappush

from hybrid_tf.graphs.graph import Graph
from hybrid_tf.graphs.memory import IN_PLACE, peak_memory
from hybrid_tf.tflite import names

_MOST_STATES = 5_000  # about a second; networks with two branches at a time have about two states an operator


def least_memory_order(graph: Graph) -> list[int]:
    """Returns the numbers of the operations in the order of least peak memory, the present one where none is better.

    The search is exact. It extends the beginning with the lowest peak until one is complete. Of a network with so many
    branches that this would take long, the order stays.
    """
    order = _search(graph)
    return order if peak_memory(_in_order(graph, order)).bytes < peak_memory(graph).bytes else _present(graph)


def in_least_memory_order(graph: Graph) -> Graph:
    """Returns the graph with its operations in the order of `least_memory_order`."""
    return _in_order(graph, least_memory_order(graph))


def _present(graph: Graph) -> list[int]:
    return list(range(len(graph.operations)))


def _in_order(graph: Graph, order: list[int]) -> Graph:
    return replace(graph, operations=tuple(graph.operations[number] for number in order))


def _search(graph: Graph) -> list[int]:
    """The best order of all; sets of operations are the bits of integers, as there are many of them."""
    steps = _Steps(graph)
    everything = (1 << len(graph.operations)) - 1
    held = sum(tensor.bytes for number, tensor in graph.tensors.items() if number not in steps.makers)
    last: dict[int, int] = {}  # the operation that a set was completed with
    waiting = [(held, 0, 0, held, -1)]
    while waiting and len(last) < _MOST_STATES:
        peak, left, done, held, number = heappop(waiting)
        if done in last:
            continue
        last[done] = number
        if done == everything:
            return _path(last, done)
        for following in steps.ready(done):
            during, after = steps.memory(done, held, following)
            heappush(waiting, (max(peak, during), left - 1, done | 1 << following, after, following))
    return _present(graph)


def _path(last: dict[int, int], done: int) -> list[int]:
    order = []
    while done:
        order.append(last[done])
        done &= ~(1 << order[-1])
    return order[::-1]


@dataclass(frozen=True)
class _Steps:
    """What may run next, and the memory it takes."""

    graph: Graph

    @cached_property
    def makers(self) -> dict[int, int]:
        """The operation that makes each tensor."""
        return {tensor: number for number, op in enumerate(self.graph.operations) for tensor in op.outputs}

    @cached_property
    def needs(self) -> list[int]:
        """The operations that must run before each."""
        return [
            sum(1 << maker for maker in {self.makers[tensor] for tensor in op.inputs if tensor in self.makers})
            for op in self.graph.operations
        ]

    @cached_property
    def homes(self) -> dict[int, int]:
        """The tensor whose memory each tensor is in: its own, but of a view its input's, where that is not kept."""
        found = {tensor: tensor for tensor in self.graph.tensors}
        for op in self.graph.operations:
            if op.op in names.VIEWS:
                source, result = op.inputs[0], op.outputs[0]
                if not self.is_kept(source) and self._bytes(source) == self._bytes(result):
                    found[result] = found[source]
        return found

    @cached_property
    def readers(self) -> dict[int, int]:
        """The operations that read each home; -1, one more than there are, of one that is kept."""
        found = dict.fromkeys(self.graph.tensors, 0)
        for number, op in enumerate(self.graph.operations):
            for home in self._homes_of(op.inputs):
                found[home] |= 1 << number
        return found | {self.homes[tensor]: -1 for tensor in found if self.is_kept(tensor)}

    def is_kept(self, tensor: int) -> bool:
        """Whether a tensor stays to the end."""
        return tensor in self.graph.outputs or tensor in self.graph.persistent or tensor not in self.makers

    def _homes_of(self, tensors: tuple[int, ...]) -> set[int]:
        return {self.homes[tensor] for tensor in tensors if tensor in self.graph.tensors}

    def _bytes(self, tensor: int) -> int:
        return self.graph.tensors[tensor].bytes

    def ready(self, done: int) -> Iterator[int]:
        """Yields the operations that can run when those in `done` have."""
        for number, needed in enumerate(self.needs):
            if not done >> number & 1 and not needed & ~done:
                yield number

    def memory(self, done: int, held: int, number: int) -> tuple[int, int]:
        """Returns the bytes while an operation runs and after it, where `held` were held after those in `done`."""
        op = self.graph.operations[number]
        done |= 1 << number
        read = self._homes_of(op.inputs)
        made = self._homes_of(op.outputs) - read
        freed = {home for home in read | made if not self.readers[home] & ~done}
        during = held + sum(map(self._bytes, made))
        after = during - sum(map(self._bytes, freed))
        if op.op in IN_PLACE and {self._bytes(home) for home in freed & read} & set(map(self._bytes, made)):
            during -= sum(map(self._bytes, made))
        return during, after
