"""The axis of a loss: few huge values are cut off, a loss that falls as usual is not."""

import math

import pytest

from hybrid_tf.runs.history import readable_limit


@pytest.mark.parametrize(
    "values",
    [
        [],
        [math.nan, math.inf],
        [2.3, 1.5, 1.1, 0.9, 0.8, 0.7, 0.6, 0.55, 0.5, 0.45],
        [4.6 / epoch**2 for epoch in range(1, 13)],
        [120.0, 1.5],
        [1e6] * 5 + [1.0] * 5,
        [0.7] * 9,
    ],
)
def test_nothing_is_cut_off(values):
    assert readable_limit(values) is None


@pytest.mark.parametrize("first", [[120.0], [120.0, 95.0], [math.nan, 1e9]])
def test_few_huge_values_are_cut_off(first):
    others = [2.3, 1.9, 1.5, 1.2, 1.1, 1.0, 0.9, 0.9, 0.8, 0.8]
    limit = readable_limit(first + others)
    assert max(others) < limit < 10
