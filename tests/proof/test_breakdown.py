"""Bisection finds the breakdown number that theory gives, plays nothing twice, and says what it cannot find."""

import itertools
import re

import pytest

import fedsim
from fedsim.errors import ScenarioError
from fedsim.proof.breakdown import Chain

BASE = """
rounds = 3
data = "digits"
model = "logistic"
aggregator = "median"
clients = { population = 7, sampled = 7 }
training = { epochs = 5, batch_size = 16, optimizer = { name = "sgd", lr = 0.1 } }
attacks = [{ name = "gaussian", deviation = 1000.0, count = 2 }]
evaluation = { validation = 0, limit = 200 }
root = { size = 10 }
"""


@pytest.fixture
def base(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.toml").write_text(BASE)
    return tmp_path / "base.toml"


def searched(*given, **more):
    search = fedsim.Breakdown(*given, **{"seeds": 1} | more)
    events = list(search)
    return search.answer(), [event for event in events if event.kind == "finished"]


@pytest.mark.parametrize("last", range(1, 12))
def test_a_chain_finds_the_first_that_fails_in_few_steps(last):
    for first_failing in range(last + 2):
        chain, steps = Chain("any", 1, last), 0
        while places := chain.wanted():
            steps += 1
            for place in places:
                chain.learn(place, place >= first_failing)
        assert (chain.held, chain.failed) == (first_failing - 1, first_failing if first_failing <= last else -1)
        assert steps <= 2 + last.bit_length()


@pytest.mark.parametrize(("rule", "breaks_at"), [("mean", 1), ("median", 4), ("geometric_median", 5)])
def test_the_number_of_attackers_is_that_of_theory(base, rule, breaks_at):
    """Far rows: one moves the mean, as many as half the median; b in all directions pull a geometric median by √b."""
    answer, _ = searched(base, "byzantine", "accuracy<0.5", overrides=[f"aggregator={rule}"])
    assert answer.weakest.attack == "gaussian"
    (found,) = answer.weakest.seeds
    assert (found.held, found.failed) == (breaks_at - 1, breaks_at)


def test_the_strength_is_that_of_theory(base):
    """The mean of h honest rows and b times −scale · their mean turns round at scale = h / b."""
    changes = ["aggregator=mean", 'attacks=[{name="ipm",count=2}]', "rounds=12"]
    answer, _ = searched(base, "strength", "accuracy<0.1", overrides=changes, ends=(0.5, 32.0))
    (found,) = answer.attacks[0].seeds
    assert answer.axis.words == "attacks[0].scale"
    assert found.held < 5 / 2 * 1.1
    assert 5 / 2 * 0.95 < found.failed < 5 / 2 * 1.35


def test_what_was_played_is_not_played_again_whatever_the_bar(base):
    whole, played = searched(base, "byzantine", "accuracy<0.5", folder="once")
    search = fedsim.Breakdown(base, "byzantine", "accuracy<0.5", seeds=1, folder="twice")
    for event in search:
        if event.kind == "finished":
            search.stop()
    assert 0 < len(search.seen) + 1 < len(played)
    again, rest = searched(base, "byzantine", "accuracy<0.5", folder="twice")
    assert len(rest) == len(played) - 1
    assert again.attacks == whole.attacks
    assert [one._replace(folder=None) for one in again.seen] == [one._replace(folder=None) for one in whole.seen]
    assert len(searched(base, "byzantine", "accuracy<0.45", folder="twice")[1]) <= 1


def test_the_weakest_of_several_attacks_and_seeds(base):
    answer, _ = searched(base, "byzantine", "accuracy<0.5", attacks=["gaussian", "nan"], seeds=2)
    assert {each.attack for each in answer.attacks} == {"gaussian", "nan"}
    found = {each.attack: each for each in answer.attacks}
    assert found["nan"].never  # rows that are not finite are set aside
    assert found["nan"].estimate is None
    assert answer.weakest is found["gaussian"]
    assert found["gaussian"].estimate.count == 2
    clean = {one.folder for one in answer.seen if one.value == 0}
    assert len(clean) == 2  # a run without attackers is one run, whatever they would have done


def test_a_bar_that_fails_at_once_or_never(base):
    at_once, played = searched(base, "byzantine", "accuracy<0.999")
    assert (at_once.attacks[0].already, at_once.weakest, len(played)) == (True, None, 2)
    never, _ = searched(base, "byzantine", "accuracy<0.001")
    assert never.attacks[0].never


def test_heterogeneity_and_any_key_go_from_mild_to_severe(base):
    uneven = ['partition={name="gamma",similarity=1.0}', "attacks=[]", "rounds=1"]
    search = fedsim.Breakdown(base, "heterogeneity", "accuracy<0.5", overrides=uneven, seeds=1)
    assert search.axis.values[0] == 1.0
    assert search.axis.values[-1] == 0.0
    assert all(one > other for one, other in itertools.pairwise(search.axis.values))
    alpha = fedsim.Breakdown(base, "heterogeneity", "accuracy<0.5", overrides=['partition={name="dirichlet",alpha=1}'])
    assert (alpha.axis.values[0], alpha.axis.values[-1], alpha.axis.logarithmic) == (100.0, 0.01, True)
    key = fedsim.Breakdown(base, "attacks[0].deviation", "accuracy<0.5", ends=(1, 40))
    assert key.axis.values == tuple(range(1, 41))


def test_an_axis_ends_where_the_scenario_is_refused(base):
    search = fedsim.Breakdown(base, "byzantine", "accuracy<0.5", overrides=['aggregator={name="krum",f="auto"}'])
    assert search.axis.values == (0, 1, 2)
    assert search.axis.refused.startswith("from 3 on it is refused: aggregator.f: krum needs n ≥ 2f + 3")


@pytest.mark.parametrize(
    ("axis", "changes", "words"),
    [
        ("byzantin", [], "did you mean `byzantine`?"),
        ("heterogeneity", [], "iid cannot be made more uneven: dirichlet"),
        ("byzantine", ["attacks=[]"], "there is none: name one with --attack"),
        ("strength", ["attacks=[]"], "there is none: name one with --attack"),
        ("strength", ['attacks=[{name="nan",count=1}]'], "nan has no setting that says how hard it strikes"),
        ("partition.alpha", [], "say from where to where partition.alpha goes"),
    ],
)
def test_a_question_that_cannot_be_asked(base, axis, changes, words):
    with pytest.raises(ScenarioError) as refused:
        fedsim.Breakdown(base, axis, "accuracy<0.5", overrides=changes)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("bar", "words"),
    [
        ("acuracy<0.5", "did you mean `accuracy`?"),
        ("accuracy=0.5", "say when the defence is broken, accuracy<0.5 or accuracy>0.5"),
        ("round<2", "round is no score"),
        ("asr>0.5", "does not score asr"),
    ],
)
def test_a_bar_that_cannot_be_told(base, bar, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        fedsim.Breakdown(base, "byzantine", bar)
