"""Numbers whose squares float64 does not hold: one huge row among usual ones, and rows that are all tiny."""

import numpy as np
import pytest

import fedsim
from fedsim.kernels import distances_to
from fedsim.kernels.rules.distances import squared_distances

N, F = 11, 3
KEYWORDS = {"krum": {"f": F}, "multi_krum": {"f": F}, "geometric_median": {}, "autogm": {"penalty": 1.0}}
HUGE = [1e155, 1e160, 1e250, 1e308, -1.7e308]


def usual(seed=0, d=20):
    return np.random.default_rng(seed).standard_normal((N, d))


@pytest.mark.parametrize("huge", HUGE)
@pytest.mark.parametrize("rule", KEYWORDS)
@pytest.mark.parametrize("place", [0, 5, N - 1])
def test_one_huge_row_does_not_move_a_rule(rule, huge, place):
    """It may pull as a row a million times as far out as the others pulls, and no more."""
    rows, far = usual(), usual()
    rows[place], far[place] = huge, np.copysign(1e9, huge)
    expected = fedsim.aggregate(rule, far, **KEYWORDS[rule])
    np.testing.assert_allclose(fedsim.aggregate(rule, rows, **KEYWORDS[rule]), expected, atol=1e-6)


@pytest.mark.parametrize("seed", range(40))
def test_krum_never_answers_with_the_huge_row(seed):
    rows = usual(seed)
    rows[seed % N] *= 1e308 / np.abs(rows[seed % N]).max()
    assert np.abs(fedsim.aggregate("krum", rows, f=F)).max() < 10


@pytest.mark.parametrize("scale", [1e-170, 1e-300, 1e160, 1e300])
@pytest.mark.parametrize("rule", ["krum", "multi_krum", "geometric_median"])
def test_a_common_size_is_only_a_unit(rule, scale):
    power = 2.0 ** np.round(np.log2(scale))
    rows = usual()
    expected = fedsim.aggregate(rule, rows, **KEYWORDS[rule]) * power
    np.testing.assert_allclose(fedsim.aggregate(rule, rows * power, **KEYWORDS[rule]), expected, rtol=1e-6)


def test_autogm_of_tiny_rows_with_a_penalty_of_their_size():
    expected = fedsim.aggregate("autogm", usual(), penalty=1.0) * 2.0**-600
    np.testing.assert_allclose(fedsim.aggregate("autogm", usual() * 2.0**-600, penalty=2.0**-600), expected, rtol=1e-6)


@pytest.mark.parametrize("huge", HUGE)
def test_mixing_keeps_a_huge_row_to_itself(huge):
    rows = usual()
    rows[4] = huge
    mixed = fedsim.preaggregate("nnm", rows, f=F)
    kept = np.delete(np.arange(N), 4)
    assert np.abs(mixed[kept]).max() < 10


@pytest.mark.parametrize("huge", HUGE)
def test_clipping_shortens_and_does_not_erase(huge):
    rows = usual(d=4)
    rows[4] = huge / 4
    clipped = fedsim.preaggregate("clip", rows, norm=1.0)
    np.testing.assert_allclose(np.linalg.norm(clipped[4]), 1.0)


def test_distances_in_one_unit():
    rows = usual() * 2.0**-600
    np.testing.assert_allclose(squared_distances(rows) / squared_distances(rows)[0, 1], _ratios(usual()))


def _ratios(rows):
    exact = ((rows[:, None] - rows[None]) ** 2).sum(axis=2)
    return exact / exact[0, 1]


def test_equal_huge_rows_are_at_distance_zero():
    rows = usual()
    rows[:3] = 1e200
    found = squared_distances(rows)
    assert (found[:3, :3] == 0).all()
    assert np.isinf(found[:3, 3:]).all()
    np.testing.assert_allclose(found[3:, 3:], ((rows[3:, None] - rows[None, 3:]) ** 2).sum(axis=2))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e-30, 1e-170, 1e30, 1e200])
def test_lengths(dtype, scale):
    if scale in (1e-170, 1e200) and dtype is np.float32:
        pytest.skip("no float32")
    rows = (usual() * scale).astype(dtype)
    exact = np.linalg.norm((rows / dtype(scale)).astype(np.float64), axis=1) * scale
    np.testing.assert_allclose(distances_to(np.zeros(20, dtype), rows), exact, rtol=1e-6)


def test_a_cluster_near_zero_survives_mixing_with_many_assumed_byzantine():
    rows = np.random.default_rng(1).normal(size=(20, 50)) * 1e-3
    rows[:12] += 1e6
    rows = rows.astype(np.float32)
    mixed = fedsim.preaggregate("nnm", rows, f=13)
    exact = np.array([rows[[i, *_others(rows, i)[:6]]].mean(axis=0, dtype=np.float64) for i in range(12, 20)])
    np.testing.assert_allclose(mixed[12:], exact, rtol=1e-4, atol=1e-9)


def _others(rows, i):
    distances = ((rows.astype(float) - rows[i]) ** 2).sum(axis=1)
    distances[i] = np.inf
    return np.argsort(distances, kind="stable")
