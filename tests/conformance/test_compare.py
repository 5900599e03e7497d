"""What counts as equal, as explained and as unexplained, by packages that are made up."""

from types import SimpleNamespace

import numpy as np
import pytest

from fedsim.conformance import Difference, Peer, Shared, conform
from fedsim.conformance.cases import Case, cases
from fedsim.conformance.compare import gap

OTHERWISE = Difference("half of it", "twice theirs", lambda case: case.rows.mean(axis=0) / 2)


def found(theirs, difference=None, **more):
    shared = Shared("aggregators", "mean", theirs, difference=difference, **more)
    peer = Peer("made-up", "1.0", SimpleNamespace(PACKAGE="made-up", shared=lambda: iter([shared])))
    (finding,) = conform(peers=[peer])
    return finding


def mean(case):
    return case.rows.mean(axis=0)


def half(case):
    return case.rows.mean(axis=0) / 2


def test_the_same_formula_is_equal():
    finding = found(mean)
    assert (finding.outcome, finding.cases) == ("equal", len(list(cases())))
    assert finding.gap < 1e-14
    assert (finding.peer, finding.version) == ("made-up", "1.0")


def test_another_formula_is_unexplained_and_named_with_its_worst_case():
    finding = found(half)
    assert finding.outcome == "unexplained"
    assert "differ by 1.0e+00 at n = " in finding.words


def test_a_stated_difference_that_holds_is_explained():
    finding = found(half, OTHERWISE)
    assert (finding.outcome, finding.words, finding.by) == ("explained", "half of it", "twice theirs")


def test_a_stated_difference_that_does_not_show_is_unexplained():
    finding = found(mean, OTHERWISE)
    assert finding.outcome == "unexplained"
    assert "does not show" in finding.words


def test_a_stated_difference_that_is_not_all_of_it_is_unexplained():
    finding = found(lambda case: case.rows.mean(axis=0) / 3, OTHERWISE)
    assert finding.outcome == "unexplained"
    assert "half of it; but by twice theirs they differ" in finding.words


def test_an_explanation_that_can_be_shown_nowhere_is_none():
    nowhere = Difference("half of it", "never", half, where=lambda case: False)
    assert found(half, nowhere).outcome == "unexplained"


def test_a_package_that_raises_is_a_finding():
    finding = found(lambda case: 1 / 0)
    assert (finding.outcome, finding.words) == ("unexplained", "ZeroDivisionError: division by zero")


def test_a_package_that_writes_to_its_input_is_a_finding():
    def theirs(case):
        case.rows[0] = 0
        return mean(case)

    assert "it writes to the rows" in found(theirs).words


def test_only_what_suits_is_compared():
    finding = found(lambda case: mean(case) if case.n > 9 else 1 / 0, suits=lambda case: case.n > 9)
    assert finding.outcome == "equal"
    assert finding.cases < len(list(cases()))


def test_names_choose():
    shared = [Shared("aggregators", name, mean) for name in ("mean", "median")]
    peer = Peer("made-up", "1.0", SimpleNamespace(shared=lambda: iter(shared)))
    assert [(each.name, each.outcome) for each in conform(["median"], [peer])] == [("median", "unexplained")]


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ([1.0, -4.0], [1.0, -4.0], 0),
        ([1.0, -4.0], [1.0, -5.0], 0.2),
        ([[1.0], [1.0]], [1.0], 0),
        ([[1.0], [3.0]], [1.0], 2),
        ([np.inf, 1.0], [np.inf, 2.0], 0.5),
        ([np.inf, 1.0], [-np.inf, 1.0], np.inf),
        ([np.nan], [np.nan], 0),
        ([np.nan], [np.inf], np.inf),
        ([1.0], [np.nan], np.inf),
        ([1.0], [1.0, 1.0], np.inf),
        ([0.0], [0.0], 0),
    ],
)
def test_gap(ours, theirs, expected):
    assert gap(np.array(ours), np.array(theirs)) == pytest.approx(expected)


def test_cases_are_drawn_from_addresses_and_without_ties():
    for case, again in zip(cases(), cases(), strict=True):
        np.testing.assert_array_equal(case.rows, again.rows)
        assert case.honest.shape == (case.n - case.f, case.d)
        assert all(len(np.unique(column)) == case.n for column in case.rows.T)
    assert {case.n % 2 for case in cases()} == {0, 1}


def test_rows_that_somebody_has():
    rows = np.ones((4, 3))
    case = Case.of(rows, 1)
    assert case.rows is rows
    assert (case.n, case.f, case.d) == (4, 1, 3)
