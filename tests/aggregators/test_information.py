import numpy as np
import pytest

from fedsim.aggregators._autogm import (
    automatic_alphas,
    published_alphas,
    research_alphas,
    spread,
    weighted_median,
)
from fedsim.aggregators._information import mean_information
from fedsim.aggregators._weiszfeld import automatic_weights
from fedsim.aggregators.information import agmami, fedmi
from tests import oracles
from tests.aggregators.matrices import plain


def outputs(n, examples=9, classes=6, noise=0.5, seed=0):
    draw = np.random.default_rng(seed)
    common = 3 * draw.standard_normal((1, examples, classes))
    return (common + noise * draw.standard_normal((n, examples, classes))).astype(np.float32)


@pytest.mark.parametrize(("n", "examples", "classes"), [(3, 1, 2), (4, 5, 10), (9, 20, 62)])
def test_scores_are_the_formula(n, examples, classes):
    logits = outputs(n, examples, classes)
    np.testing.assert_allclose(mean_information(logits, n), oracles.information_scores(logits), rtol=1e-6)


def test_many_examples_are_scored_a_few_at_a_time(monkeypatch):
    logits = outputs(7, examples=50)
    whole = mean_information(logits, 7)
    monkeypatch.setattr("fedsim.aggregators._information.BUDGET", 200)
    np.testing.assert_allclose(mean_information(logits, 7), whole, rtol=1e-13)


def test_clients_with_identical_outputs_still_inform_each_other():
    logits = outputs(5)
    logits[1] = logits[0]
    np.testing.assert_allclose(mean_information(logits, 5), oracles.information_scores(logits), rtol=1e-6)
    assert np.isfinite(mean_information(np.zeros((4, 3, 5)), 4)).all()


@pytest.mark.parametrize("n", [3, 8, 11])
@pytest.mark.parametrize("k", [0.5, 2.0])
def test_fedmi_is_the_formula(n, k):
    rows, logits = plain(n), outputs(n, seed=n)
    verdict = fedmi(rows, logits, np.zeros(7), k=k)
    np.testing.assert_allclose(verdict.update, oracles.fedmi(rows, logits, k), rtol=1e-10)


def test_fedmi_leaves_out_the_client_whose_outputs_are_noise():
    rows, logits = plain(9), outputs(9, noise=0.1)
    logits[4] = np.random.default_rng(1).standard_normal(logits[4].shape)
    assert fedmi(rows, logits, np.zeros(7)).weights[4] == 0
    assert agmami(rows, logits, penalty=0.01).weights[4] == 0


def test_without_spread_those_at_the_median_are_kept():
    rows, logits = plain(5), np.repeat(outputs(1), 5, axis=0)
    np.testing.assert_allclose(fedmi(rows, logits, np.zeros(7)).weights, 0.2)


def test_beta_mixes_the_last_aggregate_in():
    rows, logits, previous = plain(6), outputs(6), np.arange(7.0)
    without = fedmi(rows, logits, previous).update
    np.testing.assert_allclose(fedmi(rows, logits, previous, beta=0.25).update, 0.75 * without + 0.25 * previous)


@pytest.mark.parametrize("n", [3, 8, 11])
@pytest.mark.parametrize("penalty", [0.003, 0.02, 0.3])
def test_agmami_is_the_formula(n, penalty):
    rows, logits = plain(n), outputs(n, noise=2.0, seed=n)
    alphas = oracles.agmami_alphas(logits, penalty)
    np.testing.assert_allclose(agmami(rows, logits, penalty=penalty, weighted=True).weights, alphas, atol=1e-6)
    kept = alphas > 1e-12
    np.testing.assert_allclose(agmami(rows, logits, penalty=penalty).update, rows[kept].mean(axis=0), rtol=1e-10)


def test_clients_whose_outputs_are_not_finite_are_set_aside():
    rows, logits = plain(6), outputs(6)
    logits[2, 3, 1] = np.nan
    others = [0, 1, 3, 4, 5]
    for rule, more in ((fedmi, (np.zeros(7),)), (agmami, ())):
        verdict = rule(rows, logits, *more)
        assert verdict.weights[2] == 0
        np.testing.assert_allclose(verdict.update, rule(rows[others], logits[others], *more).update, rtol=1e-12)


def test_says_no_when_no_two_clients_can_be_compared():
    logits = np.full((4, 3, 5), np.nan)
    with pytest.raises(ValueError, match="finite for 0 of 4 clients"):
        agmami(plain(4), logits)
    with pytest.raises(
        ValueError, match=r"root_logits must be \(n, r ≥ 1, classes ≥ 2\) with n = 4: got shape \(4, 3\)"
    ):
        fedmi(plain(4), logits[:, :, 0], np.zeros(7))


def test_automatic_weights_are_on_the_simplex_and_match_bisection():
    for penalty in (1e-3, 0.1, 10.0):
        distances = np.abs(plain(9)[:, 0])
        found = automatic_weights(distances, penalty)
        np.testing.assert_allclose(found, oracles.automatic_weights(list(distances), penalty), atol=1e-9)
        assert found.min() >= 0


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_weighted_median_is_the_middle_of_the_minimisers(n):
    for seed in range(20):
        draw = np.random.default_rng(seed)
        values, amounts = draw.integers(0, 6, n).astype(float), draw.integers(1, 4, n).astype(float)
        assert weighted_median(values, amounts) == pytest.approx(oracles.weighted_median(values, amounts))


def test_automatic_alphas_rest():
    scores = np.array([0.1, 0.11, 0.12, 0.5])
    alphas = automatic_alphas(scores, 0.01)
    distances = np.abs(scores - weighted_median(scores, alphas))
    np.testing.assert_allclose(alphas, automatic_weights(distances, 0.01))
    assert alphas[3] == 0


def strangers(seed, n=10, attackers=2, classes=62):
    """Logits of honest clients that agree and of attackers that know nothing."""
    draw = np.random.default_rng(seed)
    common = 2 * draw.normal(size=(100, classes))
    logits = common + draw.normal(size=(n, 100, classes))
    logits[:attackers] = draw.normal(size=(attackers, 100, classes))
    return logits


@pytest.mark.parametrize("variant", ["published", "research"])
@pytest.mark.parametrize("classes", [10, 62])
@pytest.mark.parametrize("seed", range(6))
def test_by_default_clients_that_know_nothing_are_dropped(variant, classes, seed):
    logits = strangers(seed, classes=classes)
    weights = agmami(plain(10), logits, variant=variant).weights
    assert weights[:2].sum() == 0
    assert (weights[2:] > 0).sum() >= 4


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_unit_of_the_penalty_is_the_scores_own_spread(scale):
    scores = np.random.default_rng(3).uniform(size=11)
    np.testing.assert_allclose(published_alphas(scale * scores, 0.7), published_alphas(scores, 0.7), rtol=1e-9)


def test_a_minority_makes_the_spread_neither_huge_nor_nothing():
    scores = np.random.default_rng(3).uniform(size=11)
    for moved in (1e9, scores[-1] + 1e-3):
        changed = scores.copy()
        changed[:5] = moved
        assert 1e-3 < spread(changed) <= np.ptp(scores)


@pytest.mark.parametrize("seed", range(40))
def test_the_research_variant_is_the_studys_description(seed):
    draw = np.random.default_rng(seed)
    scores = draw.uniform(0, 0.5, draw.integers(3, 13))
    wanted = oracles.research_alphas(list(scores))
    found = research_alphas(scores, 0.3)
    np.testing.assert_array_equal(found > 0, wanted > 0)
    np.testing.assert_allclose(found, wanted, atol=1e-9)


def test_the_research_variant_pools_the_distances_of_all_turns():
    scores = np.random.default_rng(2).uniform(0, 0.5, 9)
    assert research_alphas(scores, 0.3).sum() == pytest.approx(0.01, rel=0.5)
    assert automatic_alphas(scores, 0.3).sum() == pytest.approx(1)


def test_the_penalty_of_the_study_keeps_everybody_under_the_published_algorithm():
    scores = np.random.default_rng(2).uniform(0, 0.5, 9)
    assert (automatic_alphas(scores, 0.5) > 0).all()


@pytest.mark.parametrize("seed", range(20))
def test_two_classes_drop_nobody_by_rounding(seed):
    rows, logits = plain(7), outputs(7, classes=2, seed=seed)
    np.testing.assert_allclose(fedmi(rows, logits, np.zeros(7)).weights, 1 / 7)
    np.testing.assert_allclose(agmami(rows, logits).weights, 1 / 7)


@pytest.mark.parametrize("rule", [agmami, lambda rows, logits: fedmi(rows, logits, np.zeros(7))])
def test_scores_equal_up_to_rounding_are_equal(rule):
    """The same outputs in another scale: the last bits of the scores differ and nothing else does."""
    logits = np.concatenate([scale * outputs(1) for scale in (1, 3, 7, 11, 13, 0.3)])
    np.testing.assert_allclose(rule(plain(6), logits).weights, 1 / 6)
