"""What a scenario is: a frozen value in which every key explains itself."""

import dataclasses

import pytest

from fedsim.scenario.json_schema import key_schemas
from fedsim.scenario.load import parse_scenario
from fedsim.scenario.sections import (
    Attack,
    Choice,
    Clients,
    Evaluation,
    Execution,
    Output,
    Root,
    Scenario,
    Server,
    Training,
    attackers,
)

SECTIONS = (Attack, Clients, Evaluation, Execution, Output, Root, Scenario, Server, Training)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_every_key_has_its_sentence(section):
    for name, node in key_schemas(section).items():
        repeats = "$ref" in node and "description" not in node  # the same sentence as the section's own
        assert repeats or node["description"].endswith("."), f"{section.__name__}.{name} says nothing of itself"


def test_a_scenario_is_frozen():
    scenario = parse_scenario("")
    for holder in (scenario, scenario.clients, scenario.training):
        with pytest.raises(dataclasses.FrozenInstanceError):
            holder.name = "other"


def test_equal_texts_are_equal_scenarios():
    text = 'attacks = [{ name = "noise", count = 2 }]'
    assert parse_scenario(text) == parse_scenario(text)
    assert parse_scenario(text) != parse_scenario("")


def attack(**times):
    return Attack(attack=Choice("noise"), count=1, **times)


@pytest.mark.parametrize(
    ("times", "rounds"),
    [
        ({}, [1, 2, 3, 4, 5, 6, 7, 8]),
        ({"start": 3}, [3, 4, 5, 6, 7, 8]),
        ({"stop": 2}, [1, 2]),
        ({"every": 3}, [1, 4, 7]),
        ({"start": 2, "stop": 6, "every": 2}, [2, 4, 6]),
        ({"start": 2, "stop": 7, "every": 5}, [2, 7]),
    ],
)
def test_when_an_attack_acts(times, rounds):
    assert [number for number in range(1, 9) if attack(**times).acts(number)] == rounds


def test_attackers_of_a_round_keep_their_places():
    plans = (attack(stop=1), attack(), attack(start=2))
    scenario = dataclasses.replace(parse_scenario(""), attacks=plans)
    assert [place for place, _ in attackers(scenario, 1)] == [0, 1]
    assert [place for place, _ in attackers(scenario, 2)] == [1, 2]
