import numpy as np
import pytest

from fedsim.partitions.skewed import gamma, quantity, shards
from fedsim.randomness import Stream

STREAM = Stream.root(3)
LABELS = np.random.default_rng(0).permutation(np.arange(6000) % 10)


def labels_of(split):
    return [np.unique(LABELS[split[client]]) for client in range(len(split))]


def test_two_shards_are_mostly_two_labels():
    split = shards(LABELS, 100, STREAM, per_client=2)
    assert set(np.diff(split.offsets)) == {60}
    assert max(map(len, labels_of(split))) <= 2
    assert np.mean([len(held) for held in labels_of(split)]) > 1.7


def test_as_many_shards_as_labels_mix_more():
    few, many = (np.mean([len(h) for h in labels_of(shards(LABELS, 20, STREAM, per_client=k))]) for k in (1, 8))
    assert few < 2
    assert many > 4


def test_a_remainder_of_shards_is_spread():
    assert set(np.diff(shards(LABELS, 7, STREAM, per_client=1).offsets)) == {857, 858}


def test_too_many_shards_are_refused():
    with pytest.raises(ValueError, match="per_client = 3 for 5 clients of 10 examples: at most 2"):
        shards(np.zeros(10, int), 5, STREAM, per_client=3)


def test_no_similarity_is_sorted_by_label():
    split = gamma(LABELS, 10, STREAM, similarity=0.0)
    assert [list(held) for held in labels_of(split)] == [[k] for k in range(10)]


def test_full_similarity_is_iid():
    split = gamma(LABELS, 10, STREAM, similarity=1.0)
    counts = np.array([np.bincount(LABELS[split[client]], minlength=10) for client in range(10)])
    assert counts.min() > 30  # 60 expected


def test_similarity_is_the_share_of_strangers():
    split = gamma(LABELS, 10, STREAM, similarity=0.5)
    own = [np.mean(LABELS[split[client]] == client) for client in range(10)]
    assert np.mean(own) == pytest.approx(0.55, abs=0.03)


@pytest.mark.parametrize("similarity", np.linspace(0, 1, 11))
def test_as_many_clients_as_examples_and_nobody_empty(similarity):
    split = gamma(np.arange(10) % 3, 10, STREAM, similarity=similarity)
    assert set(np.diff(split.offsets)) == {1}


def test_sizes_follow_the_power_law():
    sizes = np.sort(np.diff(quantity(LABELS, 50, STREAM, exponent=1.0).offsets))[::-1]
    expected = 1 / np.arange(1, 51)
    np.testing.assert_allclose(sizes - 1, expected / expected.sum() * 5950, atol=1)


def test_no_exponent_is_equal_sizes():
    assert set(np.diff(quantity(LABELS, 50, STREAM, exponent=0.0).offsets)) == {120}


def test_the_largest_client_is_not_always_the_first():
    largest = {int(np.diff(quantity(LABELS, 50, Stream.root(s)).offsets).argmax()) for s in range(10)}
    assert len(largest) > 3


def test_the_least_size_is_kept():
    assert np.diff(quantity(LABELS, 50, STREAM, exponent=10.0, min_size=7).offsets).min() == 7
    with pytest.raises(ValueError, match="min_size = 121 for 50 clients of 6000 examples: at most 120"):
        quantity(LABELS, 50, STREAM, min_size=121)
