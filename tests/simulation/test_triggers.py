"""The success of backdoors in whole runs: what is counted, when, and that nothing else changes."""

import numpy as np
import pytest
import torch

from fedsim.attacks.contract import attacks
from fedsim.engine import simulate
from fedsim.errors import ScenarioError
from fedsim.execution.pool import Pool
from fedsim.scenario.load import parse_scenario
from fedsim.simulation.federation import build_federation
from fedsim.training.torch_models import flat_model
from tests.small_runs import DIGITS, EVERYONE, ends, held, played, same, scenario

TARGET = 3
BACKDOOR = held(1, 4, name="backdoor_pixel", target=TARGET, share=0.6)
CHANGES = (*EVERYONE, "rounds=4", "training.epochs=3")


def by_hand(simulation, federation, name, settings):
    """Success on the test examples, by the model as a torch module and one example after another."""
    flat = flat_model(federation.kind, channels_last=False)
    flat.load(torch.from_numpy(simulation.state.parameters))
    test = federation.test
    shown = attacks[name].traits["trigger"](test.inputs, test.targets, settings)
    with torch.no_grad():
        answers = [int(flat.module(torch.from_numpy(x[None] / np.float32(255)).float()).argmax()) for x in shown.inputs]
    return sum(answer == TARGET for answer in answers) / len(answers)


@pytest.mark.parametrize("name", ["backdoor_pixel", "backdoor_distributed", "backdoor_edge_case"])
def test_success_is_the_share_of_triggered_examples_that_are_taken_for_the_target(name):
    given = scenario(DIGITS, *CHANGES, rest=held(1, 4, name=name, target=TARGET))
    simulation = simulate(given, Pool(1, "serial"))
    end = ends(simulation)[-1]
    federation = build_federation(given)
    assert end.scores["asr"] == pytest.approx(by_hand(simulation, federation, name, given.attacks[0].attack.settings))
    assert "validation_asr" in end.scores


def test_a_backdoor_succeeds_where_nobody_defends_and_not_before_it_begins():
    late = held(1, 2, 4, name="backdoor_pixel", target=TARGET, share=0.9, start=3)
    scores = [
        end.scores["asr"] for end in ends(played(scenario(DIGITS, *CHANGES, "rounds=6", 'model="mlp"', rest=late)))
    ]
    clean = [
        end.scores["asr"]
        for end in ends(played(scenario(DIGITS, *CHANGES, "rounds=6", 'model="mlp"', rest=late + "stop = 3\n")))
    ]
    assert scores[-1] > max(scores[:2]) + 0.4
    assert clean[:3] == scores[:3]
    assert clean[-1] < clean[2]


def test_it_is_scored_beside_accuracy_and_changes_nothing_else():
    given = scenario(DIGITS, *CHANGES, 'evaluation.metrics=["balanced_accuracy"]', rest=BACKDOOR)
    assert list(ends(played(given))[0].scores)[:4] == ["accuracy", "loss", "asr", "balanced_accuracy"]
    honest = scenario(DIGITS, *CHANGES)
    assert "asr" not in ends(played(honest))[0].scores


def test_the_workers_do_not_change_it():
    given = scenario(DIGITS, *CHANGES, rest=BACKDOOR + held(0, name="backdoor_edge_case", target=TARGET))
    with Pool(2, "loky") as pool:
        assert same(simulate(given, pool))[1:] == same(played(given))[1:]


def test_where_no_example_can_show_a_trigger_there_is_no_success():
    rare = held(1, name="backdoor_edge_case", source=4, target=TARGET)
    given = scenario(DIGITS, *CHANGES, "rounds=1", "evaluation.limit=1", "evaluation.validation=0", rest=rare)
    assert build_federation(given).test.targets.tolist() != [4]
    assert np.isnan(ends(played(given))[0].scores["asr"])


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        ("", "asr needs an attack with a trigger: backdoor_distributed, backdoor_edge_case, backdoor_pixel"),
        ('[[attacks]]\nname = "backdoor_pixel"\ncount = 1\n', "asr is scored in any case: leave it out"),
    ],
)
def test_a_success_that_cannot_be_scored_is_refused(attack, message):
    with pytest.raises(ScenarioError) as refused:
        parse_scenario(f'data = "digits"\n[evaluation]\nmetrics = ["asr"]\n{attack}')
    (problem,) = refused.value.problems
    assert problem.where == "evaluation.metrics[0]"
    assert problem.message == message
