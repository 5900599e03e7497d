import numpy as np
import pytest

from fedsim.partitions.plain import by_writer, iid
from fedsim.randomness import Stream

STREAM = Stream.root(5)


def test_iid_sizes_differ_by_at_most_one():
    sizes = np.diff(iid(np.zeros(103, int), 10, STREAM).offsets)
    assert sorted(set(sizes)) == [10, 11]


def test_iid_clients_see_all_labels():
    targets = np.arange(10_000) % 10
    split = iid(targets, 20, STREAM)
    counts = np.array([np.bincount(targets[split[client]], minlength=10) for client in range(20)])
    assert counts.min() > 20  # 50 expected; 20 is more than four standard deviations away


def test_iid_refuses_more_clients_than_examples():
    with pytest.raises(ValueError, match="5 training examples are too few for 6 clients: at most 5"):
        iid(np.zeros(5, int), 6, STREAM)


def test_each_writer_is_a_client():
    owners = np.array([7, 3, 7, 3, 9])
    split = by_writer(owners, None, STREAM)
    assert [list(split[client]) for client in range(len(split))] == [[1, 3], [0, 2], [4]]


def test_fewer_clients_hold_whole_writers():
    owners = np.repeat(np.arange(25), 4)
    split = by_writer(owners, 10, STREAM)
    held = [np.unique(owners[split[client]]) for client in range(10)]
    assert sorted(map(len, held)) == [2] * 5 + [3] * 5
    assert sorted(np.concatenate(held)) == list(range(25))


def test_more_clients_than_writers_is_refused():
    with pytest.raises(ValueError, match="by_writer has 2 writers for 3 clients: at most 2"):
        by_writer(np.array([0, 1, 1, 1]), 3, STREAM)


def test_no_writers_is_refused():
    with pytest.raises(ValueError, match="knows whose its examples are"):
        by_writer(None, 3, STREAM)


def test_no_clients_is_refused():
    with pytest.raises(ValueError, match="clients ≥ 1: got 0"):
        by_writer(np.array([0, 1]), 0, STREAM)
