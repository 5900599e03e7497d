"""The search finds what theory says must break, repeats itself, loses nothing and says what it cannot find."""

import csv
import itertools
import json

import pytest

import fedsim
from fedsim.attacks.contract import attacks
from fedsim.errors import ScenarioError
from fedsim.proof.attack_samplers import Local, Usual
from fedsim.proof.attack_space import Space, holder_of
from fedsim.randomness import Stream
from fedsim.scenario.load import examine, load_scenario
from tests.proof.test_breakdown import BASE

ROUNDS = 3


@pytest.fixture
def base(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.toml").write_text(BASE.replace('"gaussian", deviation = 1000.0', '"zero"'))
    return tmp_path / "base.toml"


def searching(base, rounds=36, **more):
    given = {"attacks": ["ipm", "sign_flip", "zero"], "overrides": ["aggregator=mean"], "folder": "found"}
    return fedsim.AttackSearch(base, "accuracy<0.3", rounds, **given | more)


def finished(search):
    return [event for event in search if event.kind == "finished"]


def told(answer):
    return [(each.words, each.number) for each in answer.tried]


def test_the_mean_is_broken_and_the_file_gives_the_same_number(base):
    """Two of seven rows turn a mean round when they are longer than 5 / 2 of the honest: no default is."""
    search = searching(base, rounds=60)
    finished(search)
    answer = search.answer()
    assert not answer.already
    assert answer.worst.fails
    assert answer.control.number > 0.8
    assert {each.fails for each in answer.tried[:3]} == {False}
    assert answer.worst.number == min(each.number for each in answer.tried)
    *_, ended = fedsim.simulate(load_scenario(search.worst_file))
    assert ended.final == answer.worst.number
    assert [(clean.seed, worst.seed) for clean, worst in answer.confirmed] == [(2, 2), (3, 3)]
    assert all(clean.number > 0.8 for clean, _ in answer.confirmed)
    assert 1 + len(answer.tried) + 2 * len(answer.confirmed) == 60 // ROUNDS


def test_an_interrupted_search_ends_as_if_nothing_had_happened(base):
    whole = searching(base, folder="whole")
    played = finished(whole)
    search = searching(base)
    for number, event in enumerate(event for event in search if event.kind == "finished"):
        assert event.summary["status"] == "finished"
        if number == 5:
            search.stop()
    assert told(search.answer()) == told(whole.answer())[:5]  # two of a generation that was broken off
    assert search.worst_file.exists()
    again = searching(base)
    rest = finished(again)
    assert len(rest) == len(played) - 6
    assert told(again.answer()) == told(whole.answer())
    assert again.worst_file.read_text() == whole.worst_file.read_text()
    assert (again.folder / "tried.csv").read_text() == (whole.folder / "tried.csv").read_text()


def test_a_greater_budget_begins_as_a_smaller_one(base):
    small, great = searching(base, 18), searching(base, 36)
    finished(small)
    new = finished(great)
    assert told(great.answer())[: len(small.answer().tried)] == told(small.answer())
    assert len(new) < 36 // ROUNDS - 3
    lines = list(csv.reader((great.folder / "tried.csv").read_text().splitlines()))
    assert len(lines) == 1 + len(great.answer().tried)


def test_a_bar_that_fails_already_or_never(base):
    already = fedsim.AttackSearch(base, "accuracy<0.999", 30)
    assert len(finished(already)) == 1
    assert already.answer().already
    assert already.answer().worst is None
    never = searching(base, 15, attacks=["zero"])
    finished(never)
    assert never.answer().never
    assert never.answer().worst.adversary["name"] == "zero"


@pytest.mark.parametrize(
    ("rounds", "more", "words"),
    [
        (5, {}, "rounds: a budget of 5 is too little: a run takes 3.*so give 6 or more"),
        (60, {"attacks": ["ipn"]}, "unknown attack `ipn`; did you mean `ipm`"),
        (60, {"overrides": ["rouns=3"]}, "did you mean `rounds`"),
    ],
)
def test_a_wrong_question_is_refused_before_anything_is_played(base, rounds, more, words):
    with pytest.raises(ScenarioError, match=words):
        searching(base, rounds, **more)
    assert not base.with_name("found").exists()


def test_a_wrong_bar_or_sampler_is_refused(base):
    with pytest.raises(ValueError, match="the sampler is local or tpe, got 'tpes'"):
        searching(base, sampler="tpes")
    with pytest.raises(ValueError, match="say when the defence is broken"):
        fedsim.AttackSearch(base, "accuracy=0.3", 60)


def test_who_attacks_and_other_adversaries_stay(base):
    two = ['attacks=[{name="zero",ids=[1,4],knowledge="own"},{name="noise",count=1}]']
    search = searching(base, 9, overrides=two)
    finished(search)
    for each in search.answer().tried:
        assert each.adversary["ids"] == [1, 4]
        assert each.adversary["knowledge"] == "own"
    assert load_scenario(search.worst_file).attacks[1].name == "noise"
    assert holder_of({}) == {"fraction": 0.2}


def test_a_run_that_fails_is_told_and_the_search_goes_on(base):
    own = base.with_name("own.py")
    own.write_text(
        "from fedsim.attacks.contract import attack\n\n\n@attack('stumbles')\ndef stumbles(own, round):\n"
        "    '''Fall over in the second round.'''\n    if round == 2:\n        raise RuntimeError('no more')\n"
        "    return -own\n"
    )
    search = searching(base, 15, attacks=["stumbles", "zero"], overrides=['plugins=["own.py"]'])
    list(search)
    failures = [each for each in search.answer().tried if each.failure]
    assert failures
    assert "no more" in failures[0].failure
    assert failures[0].harm is None
    assert search.answer().worst.harm is not None


def test_candidates_are_scenarios_of_every_kind(base):
    """Draws reach every attack, chains of two kinds and every schedule, and nearly all of them can be played."""
    names = tuple(entry.name for entry in attacks)
    space = Space(names, 20, {"count": 2})
    sampler = Local(space, Stream.root(1))
    table = {"data": "digits", "model": "logistic", "rounds": 20, "clients": {"population": 7, "sampled": 7}}
    found = [sampler.ask(number).adversary for number in range(len(names), len(names) + 150)]
    keys = set(itertools.chain.from_iterable(found))
    assert {"name", "updates", "data", "training", "start", "stop", "every"} <= keys
    playable = [not examine(table | {"attacks": [each]}, base.parent)[1] for each in found[:60]]
    assert sum(playable) > 0.8 * len(playable)
    assert Usual("alie").one_of("attack", names) == "alie"


def test_optuna_chooses_and_repeats_itself(base):
    pytest.importorskip("optuna")
    first, again = (searching(base, 30, sampler="tpe", folder=name) for name in ("first", "again"))
    finished(first)
    finished(again)
    assert told(first.answer()) == told(again.answer())
    assert len(set(told(first.answer()))) == len(first.answer().tried)
    assert first.answer().worst.number == min(number for _, number in told(first.answer()))
    assert json.loads(json.dumps(told(first.answer())))
