"""A scenario at a glance."""

import pytest

from fedsim.scenario.labels import labels
from tests.small_runs import DIGITS, scenario

RULE = 'aggregator={name="krum",f=1,variant="byzfl"}'


def test_settings_that_are_not_defaults_stand_in_the_label():
    given = scenario(DIGITS, 'preaggregators=[{name="nnm",f=1}]', RULE, 'partition={name="dirichlet",alpha=0.1}')
    assert labels(given) == {
        "rule": "nnm(f=1)+krum(f=1, variant=byzfl)",
        "attack": "none",
        "partition": "dirichlet(alpha=0.1)",
        "data": "digits",
        "model": "logistic",
    }


@pytest.mark.parametrize(
    ("attack", "label"),
    [
        ("{name='alie',fraction=0.125}", "alie on 12.5%"),
        ("{name='alie',count=2,start=2}", "alie on 2 from round 2"),
        ("{name='noise',ids=[1,4],stop=3,every=2}", "noise on clients 1,4 to 3 every 2"),
        (
            "{data=['label_flip'],updates=[{name='scale',factor=3.0}],per_round=2}",
            "label_flip → scale(factor=3.0) on 2 a round",
        ),
    ],
)
def test_an_attack_says_what_through_whom_and_when(attack, label):
    assert labels(scenario(DIGITS, f"attacks=[{attack}]"))["attack"] == label


def test_two_adversaries_are_both_told_and_so_is_who_holds_data():
    two = "attacks=[{name='alie',count=1},{name='noise',count=1}]"
    told = labels(scenario(DIGITS, two, "partition={name='gamma',similarity=0.0,holders='honest'}"))
    assert told["attack"] == "alie on 1 + noise on 1"
    assert told["partition"] == "gamma(similarity=0.0) among the honest"
