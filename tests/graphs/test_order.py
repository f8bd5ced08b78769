import itertools
from dataclasses import replace

import numpy as np
import pytest

from hybrid_tf.graphs.graph import Activation, Graph, Operation
from hybrid_tf.graphs.memory import peak_memory
from hybrid_tf.graphs.order import in_least_memory_order, least_memory_order


def random_graph(random, count):
    """`count` operators, each of up to two of the tensors before; all that nothing reads are outputs."""
    tensors = {0: Activation("image", (1, 4), "INT8")}
    operations = []
    for number in range(1, count + 1):
        inputs = random.choice(number, size=min(number, int(random.integers(1, 3))), replace=False)
        kind = str(random.choice(["ADD", "CONV_2D", "RESHAPE"]))
        size = tensors[inputs[0]].shape[1] if kind != "CONV_2D" else int(random.integers(1, 10))
        tensors[number] = Activation(f"t{number}", (1, size), "INT8")
        operations.append(
            Operation(f"op{number}", kind, tuple(map(int, inputs[: 1 if kind == "RESHAPE" else 2])), (number,))
        )
    read = {tensor for op in operations for tensor in op.inputs}
    return Graph(tensors, tuple(operations), (0,), tuple(sorted(tensors.keys() - read)))


def all_orders(graph):
    """Each order in which every operator runs behind those that make its inputs."""
    for operations in itertools.permutations(graph.operations):
        made = {*graph.inputs}
        for operation in operations:
            if not made.issuperset(operation.inputs):
                break
            made |= {*operation.outputs}
        else:
            yield replace(graph, operations=operations)


@pytest.mark.parametrize("seed", range(40))
def test_no_order_takes_less(seed):
    graph = random_graph(np.random.default_rng(seed), 6)
    orders = list(all_orders(graph))
    found = in_least_memory_order(graph)
    assert found in orders
    assert peak_memory(found).bytes == min(peak_memory(order).bytes for order in orders)


def test_an_order_as_good_as_any_stays():
    graph = random_graph(np.random.default_rng(0), 6)
    best = in_least_memory_order(graph)
    assert least_memory_order(best) == list(range(6))


def test_a_network_of_very_many_branches_keeps_its_order():
    """2^30 sets of operators could run first: the search gives up."""
    branches = range(1, 31)
    tensors = {number: Activation(str(number), (1, number + 1), "INT8") for number in (0, *branches)}
    operations = [Operation(str(number), "CONV_2D", (0,), (number,)) for number in branches]
    graph = Graph(tensors, tuple(operations), (0,), tuple(branches))
    assert least_memory_order(graph) == list(range(30))
