"""Whole answers, breakdown numbers, curves, and what is refused."""

import numpy as np
import pytest

from fedsim.errors import ScenarioError, UnknownName
from fedsim.probe import NotProbed, breaking_number, candidates, probe
from fedsim.probe.curves import curves, quantiles
from fedsim.probe.subject import subject
from fedsim.report.probe_figure import draw_probe


@pytest.mark.parametrize(
    ("rule", "n", "expected"),
    [
        ("mean", 11, 1),
        ("fedavg", 11, 1),
        ("median", 11, 6),
        ("median", 12, 6),
        ("geometric_median", 11, 6),
        ("trimmed_mean", 11, 3),
        ("trimmed_mean(f = 5)", 11, 6),
        ("cge", 11, 3),
        ("mda", 11, 3),
        ("norm_bound(norm = 1.0)", 11, None),
        ("sign_majority(lr = 1.0)", 11, None),
        ("nnm+mean", 11, 1),
    ],
)
def test_breakdown_numbers(rule, n, expected):
    assert breaking_number(subject(rule, 2), n, 2) == expected


@pytest.mark.parametrize("rule", ["krum", "bulyan", "meamed", "phocas", "aksel", "smea", "caf", "multi_krum"])
def test_robust_rules_bear_the_f_that_they_are_told(rule):
    assert breaking_number(subject(rule, 2), 11, 2) > 2


def test_everything_about_the_trimmed_mean():
    found = probe("trimmed_mean", n=11, f=2)
    assert (found.rule, found.kind, found.breaks_at, found.calls) == ("trimmed_mean(f = 2)", "exact", 3, 0)
    assert found.is_optimal
    assert found.rows is None


def test_settings_and_steps_are_named():
    found = probe("nnm + krum(variant = 'byzfl')", n=7, f=1, calls=1)
    assert found.rule == 'nnm(f = 1) + krum(variant = "byzfl", f = 1)'


def test_every_rule_of_rows_alone_is_a_candidate():
    rules = {each.partition("(")[0] for each in candidates()}
    assert {"krum", "median", "norm_bound", "autogm", "mean", "rlr"} <= rules
    assert not {"fltrust", "zeno", "lasa", "fedmi", "deepsight"} & rules


@pytest.mark.parametrize(
    ("rule", "n", "f", "error", "message"),
    [
        ("fltrust", 11, 2, NotProbed, "fltrust asks for trusted: it is no function of the rows alone"),
        ("krum", 5, 2, NotProbed, "krum needs n ≥ 2f . 3: got n = 5, f = 2"),
        ("median", 4, 2, NotProbed, "n = 4, f = 2: more than half of the rows have to be honest"),
        ("krum(f = 'auto')", 11, 2, ScenarioError, "must be a whole number"),
        ("krumm", 11, 2, UnknownName, "did you mean `krum`"),
        ("nmn+krum", 11, 2, UnknownName, "did you mean `nnm`"),
        ("norm_bound", 11, 2, ScenarioError, "norm_bound needs|norm"),
        ("krum(variant = 'x')", 11, 2, ScenarioError, "must be 'blanchard2017' or 'byzfl'"),
        ("krum(", 11, 2, ScenarioError, "cannot be read"),
    ],
)
def test_what_cannot_be_asked(rule, n, f, error, message):
    with pytest.raises(error, match=message):
        probe(rule, n=n, f=f, calls=10)


def test_the_mean_is_moved_in_proportion_and_the_trimmed_mean_no_further_than_its_bound():
    mean, trimmed = (curves(subject(rule, 2), 11, 2) for rule in ("mean", "trimmed_mean"))
    np.testing.assert_allclose(mean.several, 2 / 11 * mean.places, atol=1e-9)
    np.testing.assert_allclose(mean.one, 1 / 11 * mean.places, atol=1e-9)
    assert np.isfinite(mean.most).tolist() == [True] + [False] * 5
    assert np.isfinite(trimmed.most).tolist() == [True] * 3 + [False] * 3
    assert np.abs(trimmed.several).max() <= trimmed.most[2] * (1 + 1e-9)
    assert (np.diff(trimmed.most[:3]) > 0).all()
    np.testing.assert_allclose(trimmed.several, -trimmed.several[::-1], atol=1e-9)


@pytest.mark.parametrize("count", [1, 2, 9, 10])
def test_honest_rows_have_mean_zero_and_deviation_one(count):
    rows = quantiles(count)
    assert rows.mean() == pytest.approx(0, abs=1e-12)
    assert rows.std() == pytest.approx(1.0 if count > 1 else 0.0)


@pytest.mark.parametrize("rule", ["trimmed_mean", "mean", "norm_bound(norm = 1.0)"])
def test_the_figure_is_drawn(rule, tmp_path):
    path = tmp_path / "probe.png"
    draw_probe(path, rule, 11, 2, curves(subject(rule, 2), 11, 2), curves(subject("median", 2), 11, 2))
    assert path.read_bytes().startswith(b"\x89PNG")
