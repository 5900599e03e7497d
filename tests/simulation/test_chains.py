"""Adversaries of several steps, adversaries that hold others in each round, and cohorts with a fixed share of each."""

import re

import numpy as np
import pytest

from fedsim.attacks.contract import attack, attacks, data_attack
from fedsim.errors import ScenarioError
from fedsim.exact_fractions import apportioned
from fedsim.scenario.build import decompose
from fedsim.scenario.exposure import exposure
from fedsim.scenario.load import parse_scenario
from fedsim.simulation import adversaries
from tests.small_runs import (
    DIGITS,
    EVERYONE,
    forged,
    played,
    registered,
    same,
    scenario,
    seen_by,
    starts,
    trained,
    verdicts,
    witness,
)

CHAIN = """
[[attacks]]
ids = [1, 4]
data = ["label_flip"]
updates = [{name = "scale", factor = 3.0}, "sign_flip"]
"""


def test_a_chain_poisons_trains_and_forges_in_order():
    with witness() as seen:
        given = scenario(DIGITS, *EVERYONE, 'aggregator="witness"', "rounds=2", rest=CHAIN)
        events = seen_by(seen, given)
        flipped = '\n[[attacks]]\nids = [1, 4]\nname = "label_flip"\n'
        rows = [seen[0]["updates"]]
        seen_by(seen, scenario(DIGITS, *EVERYONE, 'aggregator="witness"', "rounds=1", rest=flipped))
        rows.append(seen[0]["updates"])
    assert forged(events) == [(r, name, (1, 4)) for r in (1, 2) for name in ("scale", "sign_flip")]
    assert {1, 4} <= trained(events, 1)
    np.testing.assert_array_equal(rows[0][[0, 2, 3, 5]], rows[1][[0, 2, 3, 5]])
    np.testing.assert_allclose(rows[0][[1, 4]], -3 * rows[1][[1, 4]], rtol=1e-6)
    assert verdicts(events)[0].byzantine_weight == pytest.approx(1 / 3)


def test_colluders_go_on_knowing_what_they_would_have_sent():
    with registered(attacks, "spy"):
        seen = []

        @attack("spy")
        def _spy(honest, own):
            seen.append((honest.copy(), own.copy()))
            return own

        chain = '\n[[attacks]]\nids = [1, 4]\nknowledge = "colluders"\nupdates = ["spy", "zero", "spy"]\n'
        given = scenario(DIGITS, *EVERYONE, "rounds=1", rest=chain)
        seen.clear()
        played(given)
    np.testing.assert_array_equal(seen[0][0], seen[0][1])
    np.testing.assert_array_equal(seen[1][0], seen[0][0])
    assert not seen[1][1].any()


def test_a_chain_of_one_step_is_the_short_form():
    short, chain = (f"\n[[attacks]]\nids = [1, 4]\n{what}\n" for what in ('name = "noise"', 'updates = ["noise"]'))
    first, second = (same(played(scenario(DIGITS, *EVERYONE, rest=text))) for text in (short, chain))
    assert first[1:] == second[1:]


def test_a_chain_has_the_same_bits_on_any_number_of_workers():
    runs = [
        same(played(parse_scenario(DIGITS + CHAIN, ["rounds=2", "execution.workers=2", f'execution.backend="{kind}"'])))
        for kind in ("serial", "threading")
    ]
    assert runs[0] == runs[1]


def test_a_data_attack_knows_the_round_and_its_number_among_the_colluders():
    with registered(attacks, "spy"):
        seen = []

        @data_attack("spy")
        def _spy(targets, round, index, colluders):
            seen.append((round, index, colluders))
            return targets

        text = '\n[[attacks]]\nids = [1, 3, 5]\nname = "spy"\n'
        given = scenario(DIGITS, *EVERYONE, "rounds=2", rest=text)
        seen.clear()
        played(given)
    assert seen == [(round, index, 3) for round in (1, 2) for index in (0, 1, 2)]


def test_exactly_so_many_in_each_round_and_others_each_time():
    rest = '\n[[attacks]]\nname = "nan"\nids = [0]\n\n[[attacks]]\nname = "zero"\nper_round = 2\nstart = 2\n'
    events = played(scenario(DIGITS, "rounds=9", "evaluation.every=9", rest=rest))
    found = [set(start.byzantine) - {0} for start in starts(events)]
    assert [len(clients) for clients in found] == [0] + [2] * 8
    assert all(clients <= set(start.cohort) for clients, start in zip(found, starts(events), strict=True))
    assert len(set().union(*found)) > 2


@pytest.mark.parametrize("many", [0, 10_000], ids=["never listed", "listed"])
def test_a_stratified_cohort_has_the_same_number_of_each_adversary(many, monkeypatch):
    monkeypatch.setattr(adversaries, "LISTED_CLIENTS", many)
    rest = '\n[[attacks]]\nname = "nan"\nfraction = 0.25\n\n[[attacks]]\nname = "zero"\nids = [3, 5]\nstart = 3\n'
    text = ["clients.population=40", "clients.sampled=20", 'clients.sampling="stratified"', "rounds=4"]
    events = played(scenario(DIGITS, *text, "evaluation.every=9", rest=rest))
    assert [len(start.byzantine) for start in starts(events)] == [5, 5, 6, 6]
    assert all(len(set(start.cohort)) == 20 for start in starts(events))
    assert len({start.cohort for start in starts(events)}) == 4
    risk = exposure(parse_scenario(DIGITS + rest, [*text, "aggregator={name='trimmed_mean',f=5}"]), 40)
    assert (risk.worst, risk.expected) == (1.0, 2.0)


def test_what_sampling_means_for_the_chances():
    anew = '\n[[attacks]]\nname = "nan"\nper_round = 2\n'
    risks = [exposure(parse_scenario(DIGITS + anew, [f"aggregator={{name='trimmed_mean',f={f}}}"]), 12) for f in (1, 2)]
    assert [risk.worst for risk in risks] == [1.0, 0.0]


@pytest.mark.parametrize(
    ("seats", "sizes", "counts"),
    [
        (10, [80, 20], [8, 2]),
        (10, [75, 25], [8, 2]),
        (3, [1, 1, 1], [1, 1, 1]),
        (1, [50, 50], [1, 0]),
        (7, [7, 0], [7, 0]),
    ],
)
def test_seats_go_to_the_largest_remainders(seats, sizes, counts):
    assert apportioned(seats, sizes) == counts


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("name = 'noise'\ncount = 1\nupdates = ['zero']", "attacks[0].updates", "give a name, or a chain in its place"),
        ("count = 1\ndata = []", "attacks[0]", "does nothing: give it a name, or steps in data, training or updates"),
        ("count = 1", "attacks[0].name", "must name one of the attacks"),
        ("count = 1\ndata = ['noise']", "attacks[0].data[0]", "noise forges the rows that are sent: it belongs to upd"),
        ("count = 1\nupdates = ['zero', 'label_flip']", "attacks[0].updates[1]", "label_flip poisons examples: it bel"),
        ("count = 1\nupdates = ['zer']", "attacks[0].updates[0].name", "unknown attack `zer`; did you mean `zero`?"),
        ("count = 1\nupdates = 'zero'", "attacks[0].updates", "must be a list of names or tables, got 'zero'"),
        ("count = 1\nupdates = ['zero']\nscale = 2.0", "attacks[0].scale", "unknown key"),
        ("name = 'nan'\nper_round = 11", "attacks[0].per_round", "cannot hold 11 of 10 sampled clients"),
        (
            "name = 'nan'\nper_round = 1\ncount = 1",
            "attacks[0].count",
            "give one of count, fraction, ids and per_round",
        ),
        (
            "count = 1\nupdates = [{name = 'scale', factor = -1}]",
            "attacks[0].updates[0].factor",
            "must be > 0.0, got -1",
        ),
    ],
)
def test_a_wrong_adversary_is_told_with_its_place(text, where, message):
    with pytest.raises(ScenarioError) as found:
        parse_scenario(f"[[attacks]]\n{text}\n")
    told = [(problem.where, problem.message) for problem in found.value.problems]
    assert [place for place, _ in told] == [where], told
    assert re.search(re.escape(message), told[0][1]), told


def test_a_chain_is_written_as_it_is_read():
    table = decompose(parse_scenario(CHAIN))
    assert table["attacks"][0]["updates"] == [{"name": "scale", "factor": 3.0}, {"name": "sign_flip", "scale": 1.0}]
    assert "attack" not in table["attacks"][0]
