"""Label flips, each mode against its definition, and every wrong setting with its message."""

import numpy as np
import pytest

from fedsim.attacks.data import label_flip
from fedsim.randomness import Stream

STREAM = Stream.root(3)
LABELS = np.random.default_rng(2).integers(0, 10, 500)


def test_mirror_counts_from_the_other_end():
    assert label_flip(LABELS, 10, STREAM).tolist() == [9 - y for y in LABELS]


def test_mirror_of_an_odd_number_of_classes_keeps_the_middle():
    assert label_flip(np.array([0, 1, 2]), 3, STREAM).tolist() == [2, 1, 0]


def test_mirror_is_its_own_inverse():
    np.testing.assert_array_equal(label_flip(label_flip(LABELS, 10, STREAM), 10, STREAM), LABELS)


def test_pair_touches_only_its_source():
    flipped = label_flip(LABELS, 10, STREAM, mode="pair", source=7, target=1)
    assert flipped.tolist() == [1 if y == 7 else y for y in LABELS]


def test_random_is_one_map_that_leaves_no_label_right():
    flipped = label_flip(LABELS, 10, STREAM, mode="random")
    pairs = set(zip(LABELS.tolist(), flipped.tolist(), strict=True))
    assert len(pairs) == 10
    assert all(before != after for before, after in pairs)


def test_random_maps_of_many_clients_reach_every_other_class_equally():
    maps = [label_flip(np.array([4]), 5, STREAM.at(c), mode="random")[0] for c in range(2000)]
    counts = np.bincount(maps, minlength=5)
    assert counts[4] == 0
    assert np.abs(counts[:4] - 500).max() < 100  # five standard deviations


@pytest.mark.parametrize("mode", ["mirror", "random"])
def test_a_client_without_examples_keeps_none(mode):
    flipped = label_flip(np.array([], np.int64), 10, STREAM, mode=mode)
    assert flipped.shape == (0,)
    assert flipped.dtype == np.int64


@pytest.mark.parametrize(
    ("classes", "settings", "message"),
    [
        (1, {}, "at least 2 classes: got 1"),
        (9, {}, "targets in 0 … 8: got 0 … 9"),
        (10, {"mode": "pair"}, "mode pair needs source and target: got None and None"),
        (10, {"mode": "pair", "source": 1}, "mode pair needs source and target: got 1 and None"),
        (10, {"mode": "pair", "source": 1, "target": 1}, "two different classes below 10: got 1 and 1"),
        (10, {"mode": "pair", "source": 1, "target": 10}, "two different classes below 10: got 1 and 10"),
        (10, {"source": 1}, "in mode pair only: got mode = mirror"),
        (10, {"mode": "random", "target": 1}, "in mode pair only: got mode = random"),
    ],
)
def test_what_cannot_be_is_said(classes, settings, message):
    with pytest.raises(ValueError, match=message):
        label_flip(LABELS, classes, STREAM, **settings)


def test_labels_below_zero_are_refused():
    with pytest.raises(ValueError, match="got -1 … 3"):
        label_flip(np.array([-1, 3]), 10, STREAM)
