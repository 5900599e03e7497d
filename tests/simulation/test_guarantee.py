"""Rounds in which more Byzantine rows are judged than the server is set up to bear."""

import json

import pytest

from fedsim.events import BROKEN, RunEnded
from fedsim.runs.consistency import inconsistencies, outline
from fedsim.runs.event_json import event_line, event_record, read_event
from fedsim.runs.load import load_run
from fedsim.runs.perform import perform
from fedsim.runs.replay import state_before
from tests.small_runs import DIGITS, played, scenario, starts, verdicts

RULE = 'aggregator={name="trimmed_mean", f=1}'
ATTACK = '[[attacks]]\nname = "sign_flip"\ncount = 4\n'


def test_a_round_is_broken_by_more_attackers_than_f():
    events = played(scenario(DIGITS, RULE, "rounds=12", rest=ATTACK))
    many = [len(start.byzantine) > 1 for start in starts(events)]
    assert 0 < sum(many) < len(many)
    assert [verdict.guarantee == BROKEN for verdict in verdicts(events)] == many
    assert isinstance(events[-1], RunEnded)
    assert events[-1].guarantee_broken == sum(many)


@pytest.mark.parametrize(("held", "broken"), [(2, False), (3, True)])
def test_a_rule_without_f_is_broken_by_a_majority(held, broken):
    attack = f'[[attacks]]\nname = "sign_flip"\nper_round = {held}\n'
    events = played(scenario(DIGITS, 'aggregator="median"', rest=attack))
    assert {bool(verdict.guarantee) for verdict in verdicts(events)} == {broken}


def test_rows_that_are_not_finite_are_set_aside_and_lower_f():
    both = '[[attacks]]\nname = "nan"\nper_round = 1\n[[attacks]]\nname = "zero"\nper_round = 1\n'
    one, two = (verdicts(played(scenario(DIGITS, RULE, f"aggregator.f={f}", rest=both))) for f in (1, 2))
    assert {verdict.guarantee for verdict in one} == {BROKEN}  # nothing is left of f for the other
    assert {verdict.guarantee for verdict in two} == {""}


def test_a_round_that_changes_nothing_breaks_nothing():
    rule, attack = 'aggregator={name="krum", f=1}', '[[attacks]]\nname = "zero"\nper_round = 3\n'
    gone = verdicts(played(scenario(DIGITS, rule, "clients.dropout=0.5", rest=attack)))
    assert any(verdict.skipped for verdict in gone)
    assert not any(verdict.guarantee for verdict in gone if verdict.skipped)


def test_a_record_holds_it_only_where_it_is_broken():
    events = verdicts(played(scenario(DIGITS, RULE, "rounds=6", rest=ATTACK)))
    kept, broken = (next(v for v in events if v.guarantee == promise) for promise in ("", BROKEN))
    assert "guarantee" not in event_record(kept)
    assert event_record(broken)["guarantee"] == BROKEN
    assert read_event(event_line(kept)) == kept  # as of a run from before there was such a field
    assert read_event(event_line(broken)) == broken


def test_a_run_counts_them_and_goes_on_counting(tmp_path):
    given = scenario(DIGITS, RULE, "rounds=9", "output.checkpoint_every=4", rest=ATTACK)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    events = list(perform(given, whole))
    for event in perform(given, parts):
        if getattr(event, "round", 0) == 6:
            break
    list(perform(given, parts))
    count = sum(bool(verdict.guarantee) for verdict in verdicts(events))
    summaries = [json.loads((folder / "summary.json").read_text()) for folder in (whole, parts)]
    assert [summary["guarantee_broken"] for summary in summaries] == [count, count]
    assert state_before(whole, 9).tally.broken == sum(bool(v.guarantee) for v in verdicts(events)[:8])
    assert load_run(whole).summary["guarantee_broken"] == count


def test_a_summary_from_before_is_as_good(tmp_path):
    given = scenario(DIGITS, RULE, rest=ATTACK)
    list(perform(given, tmp_path / "old"))
    path = tmp_path / "old" / "summary.json"
    summary = json.loads(path.read_text())
    del summary["guarantee_broken"]
    path.write_text(json.dumps(summary, indent=2) + "\n")
    kept = outline(tmp_path / "old")
    assert not list(inconsistencies(tmp_path / "old", given, kept))
    path.write_text(json.dumps(summary | {"guarantee_broken": 99}, indent=2) + "\n")
    assert [each.field for each in inconsistencies(tmp_path / "old", given, kept)] == ["guarantee_broken"]
