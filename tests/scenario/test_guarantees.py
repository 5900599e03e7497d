"""Chances against counting and against simulation; promises in words."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fedsim.scenario import exposure as exposures
from fedsim.scenario import guarantees
from fedsim.scenario.exposure import chance_of_fewer, chance_of_more, exposure, known_population, tolerated
from fedsim.scenario.guarantees import odds
from fedsim.scenario.load import parse_scenario


def told(text):
    return [(each.verdict, each.text) for each in guarantees.guarantees(parse_scenario(text))]


@pytest.mark.parametrize(("population", "byzantine", "sampled"), [(7, 3, 4), (6, 6, 3), (5, 0, 2), (6, 2, 6)])
def test_more_than_f_by_counting_every_cohort(population, byzantine, sampled):
    cohorts = list(itertools.combinations(range(population), sampled))
    for f in range(-1, sampled + 1):
        bad = sum(sum(client < byzantine for client in cohort) > f for cohort in cohorts)
        assert chance_of_more(population, byzantine, sampled, f) == pytest.approx(bad / len(cohorts), rel=1e-14)


@given(st.integers(1, 400), st.data())
def test_more_than_f_is_the_hypergeometric_tail(population, data):
    byzantine = data.draw(st.integers(0, population))
    sampled = data.draw(st.integers(1, population))
    f = data.draw(st.integers(0, sampled))
    expected = stats.hypergeom.sf(f, population, byzantine, sampled)
    assert chance_of_more(population, byzantine, sampled, f) == pytest.approx(expected, rel=1e-8, abs=1e-300)


def test_a_hundred_out_of_a_thousand_million_is_binomial_in_all_but_name():
    expected = stats.binom.sf(30, 100, 0.2)
    assert chance_of_more(10**9, 2 * 10**8, 100, 30) == pytest.approx(expected, rel=1e-4)


def test_large_cohorts_agree_with_the_exact_count(monkeypatch):
    exact = chance_of_more(20_000, 4_000, 1_900, 420)
    monkeypatch.setattr(exposures, "MOST_EXACT", 0)
    assert chance_of_more(20_000, 4_000, 1_900, 420) == pytest.approx(exact, rel=1e-6)


@given(st.integers(1, 60), st.floats(0, 0.99), st.integers(0, 60))
def test_fewer_rows_is_the_binomial_lower_tail(sampled, dropout, needed):
    expected = stats.binom.cdf(needed - 1, sampled, 1 - dropout)
    assert chance_of_fewer(sampled, dropout, needed) == pytest.approx(expected, rel=1e-9, abs=1e-12)


NOISE = '[clients]\npopulation = 100\n[[attacks]]\nname = "noise"\nfraction = 0.2\n'
KRUM = '[aggregator]\nname = "krum"\nf = 3\n'


def test_the_words_of_a_risk():
    assert told(NOISE + KRUM) == [
        ("holds", "krum needs n ≥ 2f + 3: n = 10, f = 3"),
        (
            "warning",
            "1 round in 9 will sample more than f = 3 Byzantine clients (20 of 100 attack); expect 2.2 of 20",
        ),
    ]


def test_nobody_attacks_nothing_is_risked():
    assert told(KRUM) == [("holds", "krum needs n ≥ 2f + 3: n = 10, f = 3")]


def test_what_cannot_happen_holds():
    text = NOISE.replace("fraction = 0.2", "count = 3") + KRUM
    assert ("holds", "no round samples more than f = 3 Byzantine clients (3 of 100 attack)") in told(text)


def test_a_rule_without_f_is_measured_by_the_majority():
    text = NOISE.replace("fraction = 0.2", "fraction = 0.5") + '[aggregator]\nname = "median"\n'
    chance = stats.hypergeom.sf(4, 100, 50, 10)
    assert told(text) == [
        (
            "warning",
            f"{odds(chance)} will sample a Byzantine majority (50 of 100 attack); expect {20 * chance:.0f} of 20",
        )
    ]


def test_absences_may_leave_too_few_rows():
    text = "[clients]\ndropout = 0.2\n" + KRUM
    chance = stats.binom.cdf(8, 10, 0.8)
    assert (
        "warning",
        f"{chance:.0%} of rounds will be skipped: drop-out leaves fewer than the 9 rows of n ≥ 2f + 3",
    ) in told(text)


def test_the_expected_rounds_agree_with_a_simulated_schedule():
    text = (
        "rounds = 30\n[clients]\npopulation = 40\n" + KRUM
        + '[[attacks]]\nname = "noise"\ncount = 12\nstart = 4\nevery = 2\n'
        + '[[attacks]]\nname = "zero"\ncount = 10\nstop = 20\n'
    )  # fmt: skip
    scenario = parse_scenario(text)
    risk = exposure(scenario, 40)
    generator = np.random.default_rng(5)
    lost = 0
    for _ in range(400):
        for number in range(1, 31):
            held = sum(n for plan, n in zip(scenario.attacks, (12, 10), strict=True) if plan.acts(number))
            lost += (generator.permutation(40)[:10] < held).sum() > 3
    assert risk.expected == pytest.approx(lost / 400, rel=0.05)
    assert (risk.byzantine, risk.tolerated) == (22, 3)


def test_long_schedules_are_taken_to_go_on_alike():
    text = "rounds = {rounds}\n" + NOISE + KRUM
    short, long = (exposure(parse_scenario(text.format(rounds=n)), 100) for n in (100_000, 1_000_000))
    assert long.expected == pytest.approx(10 * short.expected)


def test_the_smallest_f_counts():
    text = KRUM + "[[preaggregators]]\nname = 'nnm'\nf = 1\n"
    assert tolerated(parse_scenario(text)) == 1


@pytest.mark.parametrize(
    ("text", "population"),
    [
        ("", 100),
        ("[clients]\npopulation = 30", 30),
        ("partition = 'by_writer'\ndata = {name = 'glyphs', writers = 55}", 55),
        ("partition = 'by_writer'\ndata = {name = 'digits'}", None),
    ],
)
def test_population_without_looking_at_data(text, population):
    assert known_population(parse_scenario(text)) == population


@pytest.mark.parametrize(
    ("chance", "words"),
    [
        (1.0, "every round"),
        (0.75, "75% of rounds"),
        (0.5, "1 round in 2"),
        (0.11, "1 round in 9"),
        (1e-5, "1 round in 100,000"),
    ],
)
def test_odds(chance, words):
    assert odds(chance) == words


def test_chances_are_chances():
    assert math.isclose(chance_of_more(10, 5, 5, -1), 1.0)
    assert chance_of_more(10, 5, 5, 5) == 0.0


@pytest.mark.parametrize(("settings", "warned"), [
    ("", False), ("penalty = 2.0", False), ("penalty = 10.0", True),
    ('variant = "research"', False), ('variant = "research"\npenalty = 10.0', False),
    ('variant = "research"\npenalty = 100.0', True),
])  # fmt: skip
def test_a_penalty_that_means_plain_averaging_is_said(settings, warned):
    scenario = parse_scenario(f'[aggregator]\nname = "agmami"\n{settings}')
    texts = [guarantee.text for guarantee in guarantees.guarantees(scenario)]
    assert any("is the plain mean" in text for text in texts) == warned
