"""What an adversary knows, sees and may call, in words."""

import pytest

from fedsim.scenario.capabilities import CALLABLE_ITEMS, VISIBLE_ITEMS, capabilities
from fedsim.scenario.load import parse_scenario
from fedsim.supply import DATA_ATTACKS, TRAINING_ATTACKS, UPDATE_ATTACKS

FEW = "fraction = 0.2\n"


def told(attack, rest=""):
    return [each.text for each in capabilities(parse_scenario(f"{rest}\n[[attacks]]\n{attack}\n{FEW}"))]


@pytest.mark.parametrize("item", sorted(UPDATE_ATTACKS | DATA_ATTACKS | TRAINING_ATTACKS))
def test_everything_that_an_attack_may_ask_for_is_told(item):
    assert (item in VISIBLE_ITEMS) + (item in CALLABLE_ITEMS) + (item == "honest") == 1


@pytest.mark.parametrize(
    ("knowledge", "words"),
    [
        ("all", "the updates of all honest clients"),
        ("colluders", "the updates that its clients would have sent"),
        ("own", "for each client its own update"),
    ],
)
def test_knowledge_decides_what_is_known(knowledge, words):
    assert told(f'name = "alie"\nknowledge = "{knowledge}"') == [f"alie knows {words}; may call nothing"]


def test_the_defence_and_the_budget_of_its_calls():
    server = 'preaggregators = [{ name = "nnm", f = 2 }]\naggregator = "median"'
    (text,) = told('name = "optimal_ipm"\ncalls = 12', server)
    assert text.endswith(
        "may call the server's own nnm → median on rows it makes up, with this round's settings and memory, "
        "at most 12 times"
    )


def test_every_step_of_a_chain():
    flip, neuro, scale = told('data = ["backdoor_pixel"]\ntraining = ["neurotoxin"]\nupdates = ["scale"]')
    assert flip.startswith("backdoor_pixel knows its clients' examples; sees ")
    assert "may call its client's training, steering each step, what its client sends" in neuro
    assert scale == "scale knows nobody's update; sees what its clients would have sent; may call nothing"
