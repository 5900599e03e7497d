"""The number of Byzantine clients in a round against rounds that were drawn, and the f that is found from it."""

import dataclasses
import itertools

import numpy as np
import pytest
import tomli

from fedsim.errors import ScenarioError
from fedsim.randomness import Stream
from fedsim.scenario.build import decompose
from fedsim.scenario.exposure import borne, chance_of_more, exposure, least_bearable
from fedsim.scenario.guarantees import guarantees
from fedsim.scenario.load import dump_scenario, parse_scenario
from fedsim.scenario.sections import attackers_wanted
from fedsim.simulation.adversaries import draw_controlled
from fedsim.simulation.federation import build_federation
from fedsim.simulation.state import first_state
from fedsim.simulation.steps import gather

BASE = """
data = "digits"
model = "logistic"
aggregator = { name = "trimmed_mean", f = %s }
[clients]
population = 24
sampled = 9
"""
ABSENT = "absent = [0, 1, 2, 3, 4, 5, 6, 7, 8]\n"
DRAWN = '[[attacks]]\nname = "zero"\ncount = 8\n'
NAMED = '[[attacks]]\nname = "zero"\nids = [6, 7, 8, 9, 10, 11]\n'
ANEW = '[[attacks]]\nname = "zero"\nper_round = 3\n'


def counted(scenario, seeds, rounds):
    """How many Byzantine clients answered, of every round that was drawn."""
    federation, found = build_federation(scenario), []
    ids, wanted = [plan.ids for plan in scenario.attacks], [attackers_wanted(plan, 24) for plan in scenario.attacks]
    for stream in map(Stream.root, range(seeds)):
        controlled, free = draw_controlled(ids, wanted, 24, stream.at("attackers"))
        anew = dataclasses.replace(federation, stream=stream, controlled=controlled, free=free)
        for number in range(1, rounds + 1):
            cohort = gather(anew, first_state(None, federation.parameters), number)
            found.append(sum(map(cohort.byzantine, cohort.answering)))
    return np.array(found)


@pytest.mark.parametrize("sampling", ["uniform", "stratified"])
@pytest.mark.parametrize("absent", ["", ABSENT], ids=["all", "absent"])
@pytest.mark.parametrize("attacks", [DRAWN, NAMED, DRAWN + NAMED, NAMED + ANEW])
def test_chances_are_those_of_rounds_that_are_drawn(sampling, absent, attacks):
    scenario = parse_scenario(BASE % 2 + absent + f'sampling = "{sampling}"\n' + attacks)
    found = counted(scenario, 250, 3)
    for f in range(6):
        share, chance = (found > f).mean(), exposure(scenario, 24, f).worst
        assert abs(share - chance) < 0.005 + 5 * np.sqrt(chance * (1 - chance) / len(found))
    assert least_bearable(scenario, 24, 1e-12) >= found.max()


@pytest.mark.parametrize("risk", [0.5, 0.1, 0.01, 1e-6])
@pytest.mark.parametrize(("population", "byzantine", "sampled"), [(30, 9, 8), (100, 20, 10), (12, 12, 5), (40, 1, 3)])
def test_f_is_the_smallest_that_is_exceeded_more_seldom_than_the_risk(risk, population, byzantine, sampled):
    scenario = parse_scenario(f'[clients]\npopulation = {population}\nsampled = {sampled}\n[[attacks]]\n'
                              f'name = "zero"\ncount = {byzantine}')  # fmt: skip
    f = least_bearable(scenario, population, risk)
    assert chance_of_more(population, byzantine, sampled, f) < risk
    assert f == 0 or chance_of_more(population, byzantine, sampled, f - 1) >= risk


def test_f_bears_the_worst_of_the_rounds():
    early, late = DRAWN.replace("8", "4") + "stop = 5\n", DRAWN.replace("8", "2") + "start = 4\n"
    both = parse_scenario(BASE % '"auto"' + early + late)
    assert both.aggregator.settings["f"] == least_bearable(both, 24, 0.05)
    assert chance_of_more(24, 6, 9, both.aggregator.settings["f"]) < 0.05  # in rounds 4 and 5 six of them act


TEXT = BASE.replace("sampled = 9", "sampled = 9\nrisk = 0.2") + DRAWN.replace("8", "6")


def test_every_step_of_the_server_may_leave_its_f_to_be_found():
    mixers = 'preaggregators = [{ name = "nnm", f = "auto" }, "bucketing", { name = "arc", f = 1 }]\n'
    scenario = parse_scenario(mixers + (TEXT % '"auto"').replace("sampled = 9", "sampled = 18").replace("6\n", "3\n"))
    f = least_bearable(scenario, 24, 0.2)
    assert [each.settings.get("f") for each in scenario.preaggregators] == [f, None, 1]
    assert scenario.aggregator.settings["f"] == f


def test_the_resolved_scenario_holds_the_number_and_the_risk():
    scenario = parse_scenario(TEXT % '"auto"')
    table = tomli.loads(dump_scenario(scenario))
    assert (table["aggregator"]["f"], table["clients"]["risk"]) == (least_bearable(scenario, 24, 0.2), 0.2)
    assert parse_scenario(dump_scenario(scenario)) == scenario
    usual = parse_scenario((TEXT % '"auto"').replace("risk = 0.2", ""))
    assert usual.clients.risk == 0.05
    assert parse_scenario(TEXT % 3).clients.risk == 0.2


def test_nothing_else_of_a_scenario_is_touched():
    found = parse_scenario(TEXT % '"auto"')
    told = parse_scenario(TEXT % found.aggregator.settings["f"])
    assert decompose(found) == decompose(told)
    assert decompose(parse_scenario(BASE % 2))["clients"].get("risk") is None


def test_what_is_said_of_a_stated_risk():
    scenario = parse_scenario(TEXT % '"auto"')
    (text,) = [each.text for each in guarantees(scenario) if "sample more" in each.text]
    assert text.endswith("under the stated risk of 0.2")
    assert {each.verdict for each in guarantees(scenario)} == {"holds"}
    low = [each for each in guarantees(parse_scenario(TEXT % 1)) if "above the stated risk of 0.2" in each.text]
    assert [each.verdict for each in low] == ["warning"]
    nobody = parse_scenario((TEXT % '"auto"').replace("count = 6", "count = 0"))
    assert nobody.aggregator.settings["f"] == 0
    assert "nobody attacks: f = 0 would do" in [each.text for each in guarantees(nobody)]


@pytest.mark.parametrize("wrong", ["population = 0", "risk = 1.5", "sampledd = 3", "sampled = 3.5"])
def test_a_mistake_elsewhere_is_told_alone(wrong):
    text = (BASE % '"auto"').replace("population = 24\nsampled = 9", wrong)
    with pytest.raises(ScenarioError) as raised:
        parse_scenario(text + DRAWN)
    assert [problem.where for problem in raised.value.problems] == [f"clients.{wrong.split()[0]}"]


def test_what_is_borne_of_fewer_rows():
    told, untold = parse_scenario(BASE % 3), parse_scenario('aggregator = "median"')
    assert [borne(told, 9, gone) for gone in (0, 2, 5)] == [3, 1, 0]
    assert [borne(untold, rows) for rows in (9, 8, 1, 0)] == [4, 3, 0, -1]


def test_named_clients_that_are_absent_bring_nothing():
    """By counting every cohort of four of seven clients, three of whom attack, one of these absent."""
    text = '[clients]\npopulation = 7\nsampled = 4\nabsent = [0, 5]\n[[attacks]]\nname = "zero"\nids = [0, 1, 2]'
    scenario = dataclasses.replace(parse_scenario(text))
    cohorts = list(itertools.combinations(range(7), 4))
    for f in range(3):
        bad = sum(len({1, 2} & {*cohort}) > f for cohort in cohorts)
        assert exposure(scenario, 7, f).worst == pytest.approx(bad / len(cohorts), rel=1e-14)
