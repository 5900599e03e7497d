"""Min-Max and Min-Sum: the greatest step that keeps within the honest rows' own distances, found by bisection."""

import numpy as np
import pytest

from fedsim.attacks.distances import min_max, min_sum

DIRECTIONS = ["unit", "std", "sign"]


def honest_rows(seed=0, h=7, d=30, dtype=np.float64, shift=0.5):
    return np.random.default_rng(seed).normal(shift, 1, (h, d)).astype(dtype)


def slow_push(honest, direction):
    mean = sum(honest) / len(honest)
    if direction == "unit":
        return -mean / np.sqrt(sum(x * x for x in mean))
    if direction == "std":
        return -np.array([np.std(column, ddof=1) for column in honest.T])
    return -np.array([1.0 if x > 0 else -1.0 for x in mean])


def slow_gap(left, right):
    return sum((a - b) ** 2 for a, b in zip(left, right, strict=True))


def within_the_greatest(row, honest):
    most = max(slow_gap(a, b) for a in honest for b in honest)
    return max(slow_gap(row, u) for u in honest) <= most


def within_the_greatest_sum(row, honest):
    most = max(sum(slow_gap(a, b) for b in honest) for a in honest)
    return sum(slow_gap(row, u) for u in honest) <= most


def bisected(honest, direction, allowed):
    mean, push = sum(honest) / len(honest), slow_push(honest, direction)
    low, high = 0.0, 1e4
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if allowed(mean + middle * push, honest) else (low, middle)
    return mean + low * push


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(("attack", "allowed"), [(min_max, within_the_greatest), (min_sum, within_the_greatest_sum)])
@pytest.mark.parametrize("seed", range(3))
def test_the_step_is_what_bisection_finds(attack, allowed, direction, seed):
    honest = honest_rows(seed)
    rows = attack(honest, 2, direction=direction)
    np.testing.assert_allclose(rows, [bisected(honest, direction, allowed)] * 2, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(("attack", "allowed"), [(min_max, within_the_greatest), (min_sum, within_the_greatest_sum)])
def test_in_single_precision_the_step_is_greatest_to_a_thousandth(attack, allowed, direction):
    honest = honest_rows(4, 9, 400, np.float32)
    mean, exact = honest.astype(float).mean(axis=0), honest.astype(float)
    step = attack(honest, 1, direction=direction)[0].astype(float) - mean
    assert allowed(mean + 0.999 * step, exact)
    assert not allowed(mean + 1.001 * step, exact)


@pytest.mark.parametrize("attack", [min_max, min_sum])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_rows_that_agree_leave_no_room(attack, direction):
    honest = np.tile(honest_rows(1, 1), (5, 1))
    np.testing.assert_allclose(attack(honest, 1, direction=direction), honest[:1], rtol=1e-12)


@pytest.mark.parametrize("attack", [min_max, min_sum])
def test_from_a_mean_of_zero_no_direction_leads_away(attack):
    honest = np.array([[1.0, 0.0], [-1.0, 0.0]])
    np.testing.assert_array_equal(attack(honest, 1), [[0.0, 0.0]])


@pytest.mark.parametrize("common", [0.0, 1e4])
def test_a_large_common_part_costs_no_digits(common):
    honest = honest_rows(2, 6, 50, shift=common)
    row = min_max(honest, 1, direction="std")[0]
    reach = np.sqrt(max(slow_gap(row, u) for u in honest))
    assert reach == pytest.approx(np.sqrt(max(slow_gap(a, b) for a in honest for b in honest)), rel=1e-6)
