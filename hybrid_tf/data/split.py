"""The division of examples into two parts that hold the same mix of classes."""

import numpy as np


def stratified_split(
    labels: np.ndarray, count: int, seed: int, *, every_class: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Divides examples at random so that each part has nearly the same fraction of every class.

    Args:
        labels: class numbers [N]; all equal when the classes are not known, which makes the division plainly random.
        count: number of examples in the second part.
        seed: seed of the division, 0 or more.
        every_class: whether each part gets at least one example of every class of two or more, even if the second part
            then has another size than `count`.

    Returns:
        The indices of the first and of the second part, each in random order.
    """
    random = np.random.default_rng(seed)
    order = random.permutation(len(labels))
    _, classes, totals = np.unique(labels, return_inverse=True, return_counts=True)
    shares = totals * (count / max(len(labels), 1))
    taken = np.floor(shares).astype(int)
    largest_remainders = np.argsort(taken - shares, kind="stable")[: count - taken.sum()]
    taken[largest_remainders] += 1
    if every_class:
        taken = np.clip(taken, 1, np.maximum(totals - 1, 1))
    by_class = order[np.argsort(classes[order], kind="stable")]
    rank_in_class = np.arange(len(labels)) - np.repeat(np.cumsum(totals) - totals, totals)
    second = np.zeros(len(labels), bool)
    second[by_class[rank_in_class < np.repeat(taken, totals)]] = True
    return random.permutation(np.flatnonzero(~second)), random.permutation(np.flatnonzero(second))
