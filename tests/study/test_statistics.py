"""Statistics against scipy and against numbers worked out by hand."""

import numpy as np
import pytest
from scipy import stats

from fedsim.study.analysis import Analysis
from fedsim.study.questions import Questions
from fedsim.study.statistics import estimate, holm, paired, ranks
from fedsim.study.tables import as_html, as_markdown, study_tables

VALUES = [0.61, 0.72, 0.68, 0.55, 0.70]
OTHERS = [0.60, 0.69, 0.70, 0.50, 0.61]


def test_the_t_interval_is_scipys():
    found = estimate(VALUES)
    low, high = stats.t.interval(0.95, len(VALUES) - 1, np.mean(VALUES), stats.sem(VALUES))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.mean == pytest.approx(np.mean(VALUES))
    assert found.deviation == pytest.approx(np.std(VALUES, ddof=1))


def test_one_value_has_no_interval_and_none_no_mean():
    assert estimate([0.5]) == estimate([0.5], "bootstrap")
    assert (estimate([0.5]).low, estimate([0.5]).high, estimate([0.5]).count) == (None, None, 1)
    assert estimate([]) is None


def test_a_value_that_is_not_finite_leaves_no_interval():
    assert estimate([0.5, float("nan")]).low is None


def test_the_bootstrap_is_the_same_every_time_and_near_the_exact_quantiles():
    first, second = estimate([0.0, 1.0], "bootstrap"), estimate([0.0, 1.0], "bootstrap")
    assert first == second
    assert (first.low, first.high) == (0.0, 1.0)  # two values: a quarter of the samples lies at either end
    many = np.linspace(0, 1, 101).tolist()
    found = estimate(many, "bootstrap")
    half = 1.96 * np.std(many) / np.sqrt(len(many))
    assert found.high - found.low == pytest.approx(2 * half, rel=0.1)
    assert estimate([0.5, 0.5, 0.5], "bootstrap").low == 0.5


def test_paired_differences_are_the_paired_t_test():
    found = paired(VALUES, OTHERS)
    differences = np.subtract(VALUES, OTHERS)
    assert found.p == pytest.approx(stats.ttest_rel(VALUES, OTHERS).pvalue)
    assert found.effect == pytest.approx(differences.mean() / differences.std(ddof=1))
    interval = stats.ttest_rel(VALUES, OTHERS).confidence_interval(0.95)
    assert (found.estimate.low, found.estimate.high) == pytest.approx(interval)


def test_differences_that_do_not_vary_have_no_p():
    assert paired([0.5, 0.5], [0.5, 0.5]).p is None
    assert paired([0.5], [0.4]).p is None


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, None]) == pytest.approx([0.03, 0.06, 0.06, None])
    assert holm([0.5, 0.9]) == [1.0, 1.0]


def test_ranks_share_ties_and_the_greatest_is_the_first():
    rows = [[0.9, 0.8, 0.8], [0.5, 0.6, 0.7], [0.9, 0.2, 0.1]]
    found = ranks(rows)
    assert found.mean == pytest.approx(((1 + 3 + 1) / 3, (2.5 + 2 + 2) / 3, (2.5 + 1 + 3) / 3))
    assert found.p == pytest.approx(stats.friedmanchisquare(*np.transpose(rows)).pvalue)


@pytest.mark.parametrize(("variants", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (10, 3.164)])
def test_the_critical_difference_is_that_of_demsars_table(variants, q):
    """Table 5(a) of Demšar 2006: critical values of the two-tailed Nemenyi test at α = 0.05."""
    rows = np.random.default_rng(0).random((14, variants)).tolist()
    expected = q * np.sqrt(variants * (variants + 1) / (6 * 14))
    assert ranks(rows).critical_difference == pytest.approx(expected, rel=1e-3)


def test_a_single_condition_has_no_critical_difference():
    assert ranks([[0.5, 0.6, 0.7]]).critical_difference is None
    assert ranks([[0.5]]) is None


AXES = {"rule": ["mean", "median"], "attack": ["none", "flip", "noise"], "seed": ["1", "2"]}
SCORES = {
    ("mean", "none"): (0.9, 0.8), ("mean", "flip"): (0.1, 0.3), ("mean", "noise"): (0.5, 0.2),
    ("median", "none"): (0.7, 0.7), ("median", "flip"): (0.6, 0.4), ("median", "noise"): (0.5, 0.5),
}  # fmt: skip
RECORDS = [
    {"rule": rule, "attack": attack, "seed": seed, "final": value, "loss": 1 - value}
    for (rule, attack), values in SCORES.items()
    for seed, value in zip((1, 2), values, strict=True)
]
PLANNED = [{"rule": record["rule"], "attack": record["attack"], "seed": str(record["seed"])} for record in RECORDS]
ASKED = Questions(compare="rule", worst_over="attack")


def test_the_worst_case_is_each_seeds_worst_and_the_best_of_them_wins():
    found = {each.variant: each for each in Analysis(RECORDS, AXES, ASKED, PLANNED).worst_cases()}
    assert found["mean"].estimate.mean == pytest.approx((0.1 + 0.2) / 2)
    assert found["mean"].attack == "flip"
    assert found["mean"].spread == pytest.approx(0.85 - 0.2)
    assert found["median"].estimate.mean == pytest.approx((0.5 + 0.4) / 2)
    assert [found["mean"].wins, found["median"].wins] == [False, True]


def test_of_a_loss_the_greatest_is_the_worst():
    questions = Questions(score="loss", compare="rule", worst_over="attack")
    found = {each.variant: each for each in Analysis(RECORDS, AXES, questions, PLANNED).worst_cases()}
    assert found["mean"].estimate.mean == pytest.approx((0.9 + 0.8) / 2)
    assert found["median"].wins


def test_a_variant_whose_attacks_are_not_all_finished_has_no_worst_case():
    half = [record for record in RECORDS if (record["rule"], record["attack"]) != ("mean", "flip")]
    assert [each.variant for each in Analysis(half, AXES, ASKED, PLANNED).worst_cases()] == ["median"]


def test_differences_are_paired_by_seed():
    found = {each.condition["attack"]: each for each in Analysis(RECORDS, AXES, ASKED, PLANNED).differences()}
    assert found["flip"].difference.estimate.mean == pytest.approx((0.5 + 0.1) / 2)
    assert found["flip"].difference.p == pytest.approx(stats.ttest_rel([0.6, 0.4], [0.1, 0.3]).pvalue)
    ps = [each.difference.p for each in found.values()]
    assert [each.difference.holm for each in found.values()] == pytest.approx(holm(ps))


def test_tables_say_what_each_number_is():
    tables = {table.name: table for table in study_tables(RECORDS, AXES, ASKED, PLANNED)}
    assert list(tables) == ["means", "differences", "worst", "ranks"]
    assert tables["means"].columns == ("rule \\ attack", "none", "flip", "noise")
    assert tables["means"].rows[1][1] == "0.700 ±0.000"
    assert "test accuracy after the last round" in tables["means"].notes[0]
    assert tables["worst"].rows[1][-1] == "best"
    for table in tables.values():
        assert as_markdown(table).count("\n| ") == len(table.rows) + 2 - 1 + 1
        assert as_html(table).count("<tr>") == len(table.rows) + 1


def test_one_seed_says_that_it_has_no_interval():
    axes = AXES | {"seed": ["1"]}
    one = [record for record in RECORDS if record["seed"] == 1]
    tables = study_tables(one, axes, ASKED, PLANNED[::2])
    assert tables[0].rows[0][1] == "0.900"
    assert "one seed: no interval" in tables[0].notes[0]
    assert any("one seed" in note for note in tables[1].notes)


def test_the_best_on_test_is_called_optimistic():
    questions = Questions(score="best", compare="rule", worst_over="attack")
    records = [record | {"best": record["final"]} for record in RECORDS]
    assert "optimistic" in study_tables(records, AXES, questions, PLANNED)[0].notes[0]
    assert Questions().score == "final"


def test_differences_that_only_rounding_tells_apart_have_no_test():
    found = paired([0.8, 0.35], [0.5, 0.0])
    assert (found.effect, found.p) != (None, None)
    same = paired([0.7 + 0.1, 0.1 + 0.1, 0.3], [0.7, 0.1, 0.2])
    assert same.estimate.deviation > 0  # by the last bits
    assert (same.effect, same.p) == (None, None)
