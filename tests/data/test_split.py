import numpy as np

from hybrid_tf.data.split import stratified_split

LABELS = np.repeat([0, 1, 2], [50, 30, 21])


def test_every_class_has_its_share():
    first, second = stratified_split(LABELS, 20, seed=3)
    assert sorted([*first, *second]) == list(range(101))
    np.testing.assert_array_equal(np.bincount(LABELS[second]), [10, 6, 4])


def test_the_size_is_exact_when_shares_are_fractions():
    for count in range(102):
        assert len(stratified_split(LABELS, count, seed=0)[1]) == count


def test_the_seed_decides():
    np.testing.assert_array_equal(stratified_split(LABELS, 20, seed=1)[1], stratified_split(LABELS, 20, seed=1)[1])
    assert set(stratified_split(LABELS, 20, seed=1)[1]) != set(stratified_split(LABELS, 20, seed=2)[1])


def test_classes_are_mixed_in_both_parts():
    for part in stratified_split(LABELS, 20, seed=0):
        assert set(LABELS[part[:12]]) == {0, 1, 2}


def test_every_class_is_in_both_parts_when_asked():
    labels = np.repeat(np.arange(10), 2)
    for part in stratified_split(labels, 4, seed=0, every_class=True):
        np.testing.assert_array_equal(np.bincount(labels[part]), np.ones(10))
