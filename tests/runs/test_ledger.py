"""What the rule did with whom, against what the events say by hand."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import binom

from fedsim.events import Aggregated, BatchTrained, RoundStarted
from fedsim.runs.event_json import event_line, read_event
from fedsim.runs.ledger import COLUMNS, Ledger, as_columns, ledger_of, pages
from fedsim.runs.ledger_totals import Totals, main_classes
from fedsim.runs.load import load_run
from fedsim.runs.partition_file import Holdings
from fedsim.runs.summary_file import read_summary
from tests.small_runs import DIGITS, held, played, run_in, scenario, starts, verdicts

KRUM = scenario(DIGITS, "aggregator.name=krum", "aggregator.f=1")
FEDAVG = scenario(DIGITS, "aggregator.name=fedavg")


def verdict(number, clients, weights, **more):
    """A round's verdict."""
    more = {"nonfinite": (), "skipped": ""} | more
    return Aggregated(1.0, number, clients, weights, 0.0, (), (), more.pop("nonfinite"), 1.0, 0.5, **more)


def book(given, *events):
    """The pages of these events."""
    return list(pages(given, events))


def test_a_row_is_cut_that_keeps_less_than_half_of_its_share():
    (page,) = book(KRUM, RoundStarted(0.0, 1, (2, 3, 5, 7), (3,)), verdict(1, (2, 3, 5, 7), (0.5, 0.124, 0.25, 0.126)))
    assert page.byzantine.tolist() == [False, True, False, False]
    assert page.fair.tolist() == [0.25] * 4
    assert page.voices.tolist() == [2.0, 0.496, 1.0, 0.504]
    assert page.kept.tolist() == [True, False, True, True]


def test_rows_that_were_set_aside_are_cut_and_take_no_share_from_others():
    (page,) = book(KRUM, RoundStarted(0.0, 1, (2, 3, 5), (3,)), verdict(1, (2, 5), (0.5, 0.5), nonfinite=(3,)))
    assert page.clients.tolist() == [2, 5, 3]
    assert page.fair.tolist() == [0.5] * 3
    assert page.voices.tolist() == [1.0, 1.0, 0.0]
    assert page.byzantine.tolist() == [False, False, True]
    assert page.finite.tolist() == [True, True, False]


def test_a_row_of_an_earlier_round_is_what_its_client_was_in_that_round():
    events = [
        RoundStarted(0.0, 1, (2, 3), (3,)), verdict(1, (2,), (1.0,)),
        RoundStarted(0.0, 2, (3, 4), ()), verdict(2, (3, 3, 4), (0.5, 0.25, 0.25), staleness=(1, 0, 0)),
    ]  # fmt: skip
    assert book(KRUM, *events)[1].byzantine.tolist() == [True, False, False]


def test_where_the_rule_counts_examples_few_of_them_are_no_reason_to_call_a_client_cut():
    events = [
        RoundStarted(0.0, 1, (2, 3, 5), ()), BatchTrained(0.0, 1, (2, 3), (1.0, 1.0), (90, 10), 0.1),
        verdict(1, (2, 3, 5), (0.6, 0.0667, 0.3333)),
    ]  # fmt: skip
    (page,) = book(FEDAVG, *events)
    assert page.fair == pytest.approx([0.6, 1 / 15, 1 / 3])  # 5 trained nothing: it claims as many as others on average
    assert page.kept.all()
    assert book(KRUM, *events)[0].kept.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("rule", "counted"),
    [
        ("fedavg", True),
        ("median", False),
        ({"name": "median", "weighting": "examples"}, True),
        ({"name": "layerwise", "rule": "fedavg"}, True),
        ({"name": "layerwise", "rule": "geometric_median"}, False),
        ({"name": "layerwise", "rule": "median", "settings": {"weighting": "examples"}}, True),
        ("krum", False),
    ],
)
def test_which_rules_count_examples(rule, counted):
    from fedsim.runs.ledger import counts_examples
    from fedsim.scenario.sections import Choice

    settings = {} if isinstance(rule, str) else {key: value for key, value in rule.items() if key != "name"}
    assert counts_examples(Choice(rule if isinstance(rule, str) else rule["name"], settings)) is counted


def test_where_every_row_is_multiplied_with_zero_nobody_is_heard():
    (page,) = book(KRUM, RoundStarted(0.0, 1, (2, 3), ()), verdict(1, (2, 3), (0.5, 0.5), factors=(0.0, 0.0)))
    assert page.voices.tolist() == [0.0, 0.0]
    assert not page.kept.any()


def test_a_skipped_round_has_no_page_and_a_fork_none_of_the_rounds_before():
    skipped = [RoundStarted(0.0, 1, (2,), ()), verdict(1, (2,), (), skipped="too few")]
    assert book(KRUM, *skipped) == []
    ledger = Ledger(KRUM, after=1)
    told = [RoundStarted(0.0, 1, (2,), ()), verdict(1, (2,), (1.0,)), RoundStarted(0.0, 2, (2,), ())]
    assert [ledger(event) for event in told] == [None] * 3
    assert ledger(verdict(2, (2,), (1.0,))).round == 2


def test_totals_are_the_counts_by_hand():
    events = [
        RoundStarted(0.0, 1, (2, 3, 5, 7), (3, 5)), verdict(1, (2, 3, 5, 7), (0.5, 0.0, 0.5, 0.0)),
        RoundStarted(0.0, 2, (2, 3, 5, 7), (3,)),
        verdict(2, (2, 3, 5, 7), (1.0, 0.0, 0.0, 0.0), factors=(0.5, 1, 1, 1)),
    ]  # fmt: skip
    totals = Totals(book(KRUM, *events))
    assert (totals.rounds, totals.byzantine.rows, totals.honest.rows) == (2, 3, 5)
    assert (totals.byzantine.cut, totals.honest.cut) == (2, 3)
    assert (totals.precision, totals.recall, totals.false_positives) == (2 / 5, 2 / 3, 3 / 5)
    assert totals.honest.mean_voice == pytest.approx((2 + 0 + 4 + 0 + 0) / 5)
    assert (totals.honest.mean_factor, totals.byzantine.mean_factor) == (0.75, 1.0)
    records = {each.client: each for each in totals.clients()}
    assert {client: (each.rows, each.cut) for client, each in records.items()} == {2: (2, 0), 5: (1, 1), 7: (2, 2)}
    assert records[7].chance == pytest.approx(binom.sf(1, 2, (1 + 1) / (3 + 2)))


def test_a_run_without_attackers_or_cuts_has_no_recall_and_no_precision():
    totals = Totals(book(KRUM, RoundStarted(0.0, 1, (2, 3), ()), verdict(1, (2, 3), (0.5, 0.5))))
    assert (totals.precision, totals.recall, totals.false_positives) == (None, None, 0.0)


def rounds(number, cut):
    """So many rounds of ten honest clients, of which these are cut each time."""
    clients = tuple(range(10))
    kept = [0.0 if client in cut else 1 / (10 - len(cut)) for client in clients]
    for round in range(1, number + 1):
        yield RoundStarted(0.0, round, clients, ())
        yield verdict(round, clients, tuple(kept))


def test_one_who_is_always_cut_while_others_are_not_is_silenced_and_once_is_no_proof():
    many, once = Totals(book(KRUM, *rounds(20, {4}))), Totals(book(KRUM, *rounds(1, {4})))
    assert [each.client for each in many.clients() if each.silenced] == [4]
    assert many.clients()[0].client == 4
    assert not any(each.silenced for each in once.clients())


def test_a_rule_that_cuts_all_but_one_silences_nobody_more_than_others():
    draws = np.random.default_rng(1).integers(0, 10, 60)
    clients = tuple(range(10))
    events = []
    for round, chosen in enumerate(draws, 1):
        weights = tuple(float(client == chosen) for client in clients)
        events += [RoundStarted(0.0, round, clients, ()), verdict(round, clients, weights)]
    totals = Totals(book(KRUM, *events))
    assert totals.false_positives == 0.9
    assert not any(each.silenced for each in totals.clients())


def test_classes_are_heard_as_those_who_hold_them():
    classes = np.zeros((10, 3), np.int64)
    classes[:, 0], classes[4, 1], classes[3, 2], classes[4, 2] = 10, 8, 5, 15
    holdings = Holdings(classes.sum(axis=1), classes)
    totals = Totals(book(KRUM, *rounds(20, {4})))
    rare, mixed, common = totals.classes(holdings)
    assert (rare.label, rare.examples, rare.holders, rare.voice) == (1, 8, 1, 0.0)
    assert (mixed.label, mixed.holders) == (2, 2)
    assert mixed.voice == pytest.approx(10 / 9 * 5 / 20)
    assert common.voice == pytest.approx(1.0)
    assert main_classes(4, holdings, 2) == [(2, 15, 0.75), (0, 10, 0.1)]
    told = totals.summary(holdings)
    assert told["silenced_clients"][0]["classes"][-1] == {"class": 1, "examples": 8, "share": 1.0}
    assert told["least_heard_classes"][0] == {"class": 1, "examples": 8, "holders": 1, "voice": 0.0}


def test_the_ledger_of_a_run_holds_what_its_events_hold(tmp_path):
    clipped = ["aggregator.name=centered_clip", "aggregator.radius=0.05", 'preaggregators=[{name="clip",norm=0.2}]']
    given = scenario(DIGITS, *clipped, rest=held(1, 4, name="noise"))
    run_in(tmp_path, given)
    events = load_run(tmp_path).events
    found = as_columns(ledger_of(tmp_path))
    assert tuple(found) == tuple(COLUMNS)
    assert load_run(tmp_path).ledger["weight"].tolist() == found["weight"].tolist()
    for begun, told in zip(starts(events), verdicts(events), strict=True):
        here = found["round"] == told.round
        assert found["client"][here].tolist() == list(told.clients)
        assert found["weight"][here].tolist() == list(told.weights)
        assert found["factor"][here].tolist() == list(told.factors)
        assert found["weight"][here][found["byzantine"][here]].sum() == pytest.approx(told.byzantine_weight)
        assert set(found["client"][here][found["byzantine"][here]].tolist()) == set(begun.byzantine)
    assert found["factor"][found["byzantine"]].max() < 0.2 < found["factor"][~found["byzantine"]].mean()
    told = read_summary(tmp_path)["ledger"]
    assert (told["byzantine_rows"], told["honest_rows"]) == (found["byzantine"].sum(), (~found["byzantine"]).sum())
    assert told["byzantine_cut"] == (found["byzantine"] & ~found["kept"]).sum()


def test_stale_rows_say_for_how_long_they_were_on_their_way():
    slow = ['clients.latency={name="lognormal",device=1.0,jitter=1.0}', "clients.deadline=1.0", 'clients.late="keep"']
    events = played(scenario(DIGITS, "rounds=6", "clients.population=6", *slow))
    stale = [told for told in verdicts(events) if told.staleness]
    assert stale
    for told in stale:
        assert len(told.staleness) == len(told.clients) + len(told.nonfinite)
        begun = {event.round: event for event in starts(events)}
        for client, late in zip(told.clients, told.staleness, strict=False):
            assert client in begun[told.round - late].cohort


def test_a_field_with_a_default_is_written_only_where_it_is_another():
    plain, clipped = verdict(1, (2, 3), (0.5, 0.5)), verdict(1, (2, 3), (0.5, 0.5), factors=(1.0, 0.25))
    assert "factors" not in event_line(plain)
    assert "staleness" not in event_line(plain)
    assert '"factors":[1.0,0.25]' in event_line(clipped)
    for event in (plain, clipped, dataclasses.replace(plain, staleness=(1, 0))):
        assert read_event(event_line(event)) == event
