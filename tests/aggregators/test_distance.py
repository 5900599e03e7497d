import numpy as np
import pytest

from fedsim.aggregators.distance import krum, multi_krum
from tests import oracles
from tests.aggregators.matrices import KINDS, plain

each_matrix = pytest.mark.parametrize("make", KINDS)
each_variant = pytest.mark.parametrize("variant", ["blanchard2017", "byzfl"])
each_size = pytest.mark.parametrize(("n", "f"), [(3, 0), (5, 1), (6, 1), (7, 2), (10, 3), (13, 5)])


@each_matrix
@each_variant
@each_size
def test_krum_is_the_papers(make, variant, n, f):
    for seed in range(5):
        rows = make(n, seed=seed)
        verdict = krum(rows, f=f, variant=variant)
        np.testing.assert_array_equal(verdict.update, oracles.krum(rows, f, variant))
        assert verdict.weights.max() == 1


@each_matrix
@each_variant
@each_size
def test_multi_krum_is_the_papers(make, variant, n, f):
    for m in (None, 1, n - 1, n):
        rows = make(n, seed=n)
        expected = oracles.multi_krum(rows, f, m, variant)
        np.testing.assert_allclose(multi_krum(rows, f=f, m=m, variant=variant).update, expected, rtol=1e-12, atol=1e-15)


def test_the_variants_differ():
    rows = np.array([[0.0], [1.0], [1.9], [5.0], [5.5], [6.5], [20.0]])
    assert krum(rows, f=2).update != krum(rows, f=2, variant="byzfl").update


def test_multi_krum_of_one_is_krum():
    rows = plain(9)
    np.testing.assert_array_equal(multi_krum(rows, f=2, m=1).update, krum(rows, f=2).update)


def test_exact_ties_go_to_the_first_row():
    rows = np.array([[0.0, 1.0], [0.0, -1.0], [1.0, 0.0], [-1.0, 0.0], [9.0, 9.0]])
    np.testing.assert_array_equal(krum(rows, f=1).weights, [1, 0, 0, 0, 0])
    np.testing.assert_array_equal(krum(rows[::-1], f=1).weights, [0, 1, 0, 0, 0])


@pytest.mark.parametrize("m", [0, 8])
def test_multi_krum_refuses_an_m_that_is_not_there(m):
    with pytest.raises(ValueError, match=r"multi_krum needs 1 ≤ m ≤ n: got m = \d, n = 7"):
        multi_krum(plain(7), f=2, m=m)


@pytest.mark.parametrize("far", [1e3, 1e30, 3e38])
def test_f_far_rows_are_never_chosen_whatever_their_length(far):
    rows = plain(11, d=300).astype(np.float32)
    rows[:4] = far * np.sign(plain(4, d=300, seed=1)).astype(np.float32)
    honest = oracles.krum(rows[4:], 0)  # distances to the far rows enter no honest score
    assert krum(rows, f=4).weights[:4].sum() == 0
    assert multi_krum(rows, f=4).weights[:4].sum() == 0
    assert np.abs(krum(rows, f=4).update).max() < 10
    assert np.abs(honest).max() < 10


def test_the_choice_among_honest_rows_survives_a_far_row():
    rows = plain(9, d=400).astype(np.float32)
    rows[0] *= 1e12
    np.testing.assert_array_equal(krum(rows, f=1).update, oracles.krum(rows, 1))


def test_above_breakdown_colluders_win():
    rows = plain(11)
    rows[:6] = 100.0
    np.testing.assert_array_equal(krum(rows, f=4).update, rows[0])
