"""What is proved: closed forms against the page's formulas and against search, and bounds in their order."""

import numpy as np
import pytest

from fedsim.probe import closed_form, least_possible, published_bound
from fedsim.probe.coefficient import search
from fedsim.probe.published import of_sorted
from fedsim.probe.subject import subject

SIZES = [(3, 1), (5, 2), (7, 1), (10, 3), (11, 2), (12, 5), (20, 4), (101, 30), (100, 49)]
each_size = pytest.mark.parametrize(("n", "f"), SIZES)


@each_size
def test_the_trimmed_mean_is_the_most_robust_rule_that_there_can_be(n, f):
    assert closed_form(subject("trimmed_mean", f), n, f) == pytest.approx(f / (n - 2 * f), rel=1e-12)
    assert closed_form(subject("trimmed_mean", f), n, f) == pytest.approx(least_possible(n, f), rel=1e-12)


@each_size
def test_the_median(n, f):
    expected = (n - 1) / (n + 1 - 2 * f) if n % 2 else (n - 2) / (n + 2 - 2 * f)
    assert closed_form(subject("median", f), n, f) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("rule", ["mean", "fedavg", "trimmed_mean(f = 1)"])
def test_rules_that_outsiders_move_without_bound(rule):
    assert closed_form(subject(rule, 2), 11, 2) == np.inf


def test_nobody_errs_without_outsiders():
    assert closed_form(subject("mean", 0), 5, 0) == 0
    assert closed_form(subject("trimmed_mean", 0), 5, 0) == pytest.approx(0)
    assert least_possible(5, 0) == 0


def test_a_trimmed_mean_that_trims_more_is_less_robust_than_it_could_be():
    kappa = closed_form(subject("trimmed_mean(f = 3)", 2), 11, 2)
    assert least_possible(11, 2) < kappa < closed_form(subject("median", 2), 11, 2)


@pytest.mark.parametrize("rule", ["krum", "nnm+trimmed_mean", "median(weighting = 'examples')", "meamed"])
def test_rules_without_a_closed_form(rule):
    assert closed_form(subject(rule, 2), 11, 2) is None


@pytest.mark.parametrize(("rule", "n", "f"), [("median", 7, 2), ("median", 8, 2), ("trimmed_mean(f = 2)", 8, 1)])
def test_a_search_comes_near_the_closed_form_and_never_above(rule, n, f):
    asked = subject(rule, f)
    exact, found = closed_form(asked, n, f), search(asked, n, f, 1, 2500)
    assert 0.97 * exact <= found.kappa <= exact * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_the_projection_is_the_worst_of_ascending_rows(seed):
    draw = np.random.default_rng(seed)
    weights = draw.dirichlet(np.ones(6))
    exact = of_sorted(weights)
    rows = np.sort(draw.standard_normal((20_000, 6)) ** 3, axis=1)
    ratios = (rows @ (weights - 1 / 6)).clip(0) ** 2 / rows.var(axis=1)
    assert ratios.max() <= exact * (1 + 1e-9) + 1e-12
    assert ratios.max() >= 0.8 * exact - 1e-12


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("trimmed_mean", 6 * 2 / 7 * (1 + 2 / 7)),
        ("median", 4 * (1 + 2 / 7) ** 2),
        ("geometric_median", 4 * (1 + 2 / 7) ** 2),
        ("krum(variant = 'byzfl')", 6 * (1 + 2 / 7)),
        ("smea", 4 * 2 / 9 * (1 + 2 / 7) ** 2),
        ("nnm+median", 8 * 2 / 9 * (1 + 4 * (1 + 2 / 7) ** 2)),
    ],
)
def test_published_bounds(rule, expected):
    assert published_bound(subject(rule, 2), 11, 2).value == pytest.approx(expected)


@pytest.mark.parametrize("rule", ["krum", "mean", "trimmed_mean(f = 3)", "arc+median", "nnm(f = 1)+median", "nnm+mda"])
def test_what_has_no_published_bound(rule):
    assert published_bound(subject(rule, 2), 11, 2) is None


@each_size
@pytest.mark.parametrize("rule", ["trimmed_mean", "median"])
def test_closed_forms_lie_between_the_bounds(rule, n, f):
    asked = subject(rule, f)
    exact = closed_form(asked, n, f)
    assert least_possible(n, f) * (1 - 1e-12) <= exact <= published_bound(asked, n, f).value
