"""Searches for rows at which rules err: never below what holds of all, never above what is proved, and repeatable."""

from itertools import combinations

import numpy as np
import pytest

from fedsim.probe import NotProbed, candidates, least_possible, probe
from fedsim.probe.coefficient import Ratio, constructions, search
from fedsim.probe.subject import subject


def slow_ratio(answer, rows, honest):
    chosen = rows[list(honest)]
    mean = chosen.mean(axis=0)
    return ((answer - mean) ** 2).sum() / np.mean([((row - mean) ** 2).sum() for row in chosen])


@pytest.mark.parametrize("rule", candidates())
def test_no_rule_is_below_what_holds_of_all(rule):
    found = probe(rule, n=7, f=1, d=1, calls=300)
    assert found.kappa >= least_possible(7, 1) * (1 - 1e-6)


@pytest.mark.parametrize("rule", ["geometric_median", "smea", "krum(variant = 'byzfl')", "nnm+trimmed_mean"])
def test_no_search_passes_what_is_proved(rule):
    found = probe(rule, n=7, f=2, d=2, calls=1000)
    assert found.kind == "found"
    assert found.kappa <= found.published.value


@pytest.mark.parametrize("rule", ["meamed", "nnm+median", "median(weighting = 'examples')"])
def test_the_rows_that_are_found_have_the_ratio(rule):
    found = search(subject(rule, 2), 7, 2, 2, 900)
    answer = subject(rule, 2)(found.rows)
    assert slow_ratio(answer, found.rows, found.honest) == pytest.approx(found.kappa, rel=1e-6)
    assert len(found.honest) == 5


def test_the_greatest_ratio_is_that_of_the_worst_set():
    rows = np.random.default_rng(0).standard_normal((7, 3))
    asked = subject("median", 2)
    slow = max(slow_ratio(asked(rows), rows, chosen) for chosen in combinations(range(7), 5))
    assert Ratio(asked, 7, 2)(rows) == pytest.approx(slow)


def test_equal_rows_and_rounding_are_no_error():
    for number in (0.0, 0.1, 1e6):
        rows = np.full((7, 2), number)
        assert Ratio(lambda rows: rows.mean(axis=0), 7, 2)(rows) == 0


@pytest.mark.parametrize(("n", "f"), [(3, 1), (8, 3), (11, 2)])
def test_the_proof_that_nothing_is_less_is_among_the_constructions(n, f):
    """n − f rows at 0 and f at 1: a rule that gives back 0 errs by f/(n − f) for those who may be honest."""
    ratio = Ratio(lambda rows: np.zeros(1), n, f)
    proof = [rows for rows in constructions(n, f, 1) if sorted(rows[:, 0]) == [0.0] * (n - f) + [1.0] * f]
    assert proof
    assert ratio(proof[0]) == pytest.approx(least_possible(n, f))


def test_the_same_question_has_the_same_answer():
    first, second = (search(subject("meamed", 2), 7, 2, 2, 900) for _ in range(2))
    assert first.kappa == second.kappa
    np.testing.assert_array_equal(first.rows, second.rows)


def test_more_calls_find_no_less():
    few, many = (search(subject("meamed", 2), 7, 2, 1, calls).kappa for calls in (300, 2000))
    assert few <= many


@pytest.mark.parametrize("rule", ["cge", "norm_bound(norm = 1.0)", "centered_clip(radius = 1.0)", "monna"])
def test_rules_that_equal_honest_rows_do_not_decide(rule):
    found = probe(rule, n=7, f=2, calls=300)
    assert found.kappa == np.inf
    assert found.rows[found.honest].std(axis=0).max() < 1e-3 * np.abs(found.rows).max()


def test_too_many_sets_are_refused():
    with pytest.raises(NotProbed, match="n = 40, f = 8 has 76,904,685 sets of honest rows"):
        probe("krum", n=40, f=8)


def test_more_coordinates_are_searched_than_the_line():
    found = search(subject("meamed", 2), 7, 2, 3, 1500)
    assert found.rows.shape == (7, 3)
