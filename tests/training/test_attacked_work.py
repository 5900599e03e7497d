"""Attacks on the training in whole rounds, and what their clients are given."""

import numpy as np
import pytest

from fedsim.attacks.contract import attacks, training_attack
from fedsim.engine import simulate
from fedsim.errors import ScenarioError
from fedsim.execution.pool import Pool
from fedsim.scenario.load import parse_scenario
from tests.small_runs import DIGITS, EVERYONE, forged, played, registered, same, scenario, seen_by, trained, witness

POISON = 'data = [{name = "backdoor_pixel", target = 3, share = 0.5}]\n'
TWO = (*EVERYONE, "rounds=2", 'aggregator="witness"', "training.epochs=2")


def adversary(training, data=POISON, more=""):
    return f"\n[[attacks]]\nids = [1, 4]\n{data}training = [{training}]\n{more}"


def rows_of(rest, *changes):
    with witness() as seen:
        events = seen_by(seen, scenario(DIGITS, *TWO, *changes, rest=rest))
    return events, seen


@pytest.mark.parametrize("model", ["logistic", "mlp", "lenet5"])
@pytest.mark.parametrize("optimizer", ["training.optimizer.momentum=0.9", "training.optimizer.weight_decay=0.01"])
def test_neurotoxin_that_keeps_everything_is_the_poison_alone(model, optimizer):
    data = (
        ()
        if model != "lenet5"
        else ('data={name="glyphs", writers=2, samples=31}', "root.size=2", "evaluation.validation=2")
    )
    changes = (f'model="{model}"', optimizer, *data)
    _, toxic = rows_of(adversary('{name = "neurotoxin", keep = 1.0}'), *changes)
    _, plain = rows_of(f"\n[[attacks]]\nids = [1, 4]\n{POISON}", *changes)
    for attacked, usual in zip(toxic, plain, strict=True):
        np.testing.assert_allclose(attacked["updates"], usual["updates"], atol=2e-5)
    np.testing.assert_array_equal(toxic[0]["updates"][[0, 2, 3, 5]], plain[0]["updates"][[0, 2, 3, 5]])


def test_neurotoxin_sends_nothing_where_the_last_aggregate_is_great():
    _, seen = rows_of(adversary('{name = "neurotoxin", keep = 0.7}'))
    last, rows = seen[0]["updates"].mean(axis=0), seen[1]["updates"]
    weights = np.abs(last[:640])  # of 64 pixels and 10 classes; the biases stand behind
    great = weights > np.sort(weights)[448 - 1]
    assert not rows[[1, 4], :640][:, great].any()
    assert rows[[0, 2], :640][:, great].any(axis=1).all()
    assert rows[[1, 4], :640][:, ~great].any(axis=1).all()


def test_alternating_minimisation_without_boost_or_pull_is_clean_training_and_a_step():
    _, turns = rows_of(adversary('{name = "alternating_minimisation", stealth = 1000, boost = 1e-9, rho = 0.0}'))
    with witness() as seen:
        seen_by(seen, scenario(DIGITS, *TWO))
    np.testing.assert_allclose(turns[0]["updates"], seen[0]["updates"], atol=1e-5)


def test_a_boost_brings_the_attackers_towards_their_aim():
    _, weak = rows_of(adversary('{name = "alternating_minimisation", boost = 1e-9}'))
    _, strong = rows_of(adversary('{name = "alternating_minimisation", boost = 50.0}'))
    lengths = [np.linalg.norm(seen[0]["updates"], axis=1) for seen in (weak, strong)]
    assert (lengths[1][[1, 4]] > 2 * lengths[0][[1, 4]]).all()
    np.testing.assert_array_equal(weak[0]["updates"][[0, 2, 3, 5]], strong[0]["updates"][[0, 2, 3, 5]])


def test_critical_layers_are_honest_work_but_in_what_carries_the_backdoor():
    many = ("training.epochs=20", "training.optimizer.lr=0.1", 'model="logistic"')
    _, critical = rows_of(adversary('"backdoor_critical_layers"', POISON.replace("0.5", "1.0")), *many)
    with witness() as honest:
        seen_by(honest, scenario(DIGITS, *TWO, *many))
    moved = critical[0]["updates"] - honest[0]["updates"]
    assert (np.abs(moved[[1, 4], :640]).max(axis=1) > 0.1).all()  # the weights of 64 pixels and 10 classes
    np.testing.assert_allclose(moved[[1, 4], 640:], 0, atol=1e-4)  # the biases
    np.testing.assert_array_equal(critical[0]["updates"][[0, 2, 3, 5]], honest[0]["updates"][[0, 2, 3, 5]])


@pytest.fixture(scope="module")
def processes():
    with Pool(2, "loky") as pool:
        yield pool


@pytest.mark.parametrize("name", ["neurotoxin", "alternating_minimisation", "backdoor_critical_layers"])
def test_the_workers_do_not_change_a_bit_and_a_stop_does_not_either(name, processes):
    given = scenario(DIGITS, *EVERYONE, "rounds=3", rest=adversary(f'"{name}"', more='updates = ["scale"]\n'))
    straight = played(given)
    assert forged(straight) == [(round, "scale", (1, 4)) for round in (1, 2, 3)]
    assert {1, 4} <= trained(straight, 1)
    assert same(simulate(given, processes))[1:] == same(straight)[1:]
    first = simulate(given, Pool(1, "serial"))
    for event in first:
        if type(event).__name__ == "RoundEnded":
            break
    state = first.state
    first.close()
    tail = [event for event in same(simulate(given, Pool(1, "serial"), resume=state)) if "round" in event]
    assert tail == [event for event in same(straight) if event.get("round", 0) > 1]


def test_what_an_attacker_is_given_is_what_it_is_called():
    with registered(attacks, "curious"):
        seen = []

        @training_attack("curious")
        def _curious(clean, poisoned, optimizer, parameters, start, previous, send):
            batches = 0
            while clean() is not None:
                batches += 1
            loss, gradients = poisoned()
            optimizer()(gradients)
            seen.append((batches, loss, [tuple(each.shape) for each in previous]))
            send([each - begin for each, begin in zip(parameters, start, strict=True)])

        given = scenario(DIGITS, *EVERYONE, "rounds=1", 'model="logistic"', rest=adversary('"curious"'))
        played(given)
    (batches, loss, shapes), *_ = seen
    assert batches > 1
    assert 1 < loss < 4  # of ten classes, at first
    assert shapes == [(10, 64), (10,)]


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ('training = ["neurotoxin", "neurotoxin"]', "attacks[0].training[1]", "one attack takes the place"),
        ('training = ["alternating_minimisation"]', "attacks[0].training[0]", "needs steps in data"),
        ('name = "alternating_minimisation"', "attacks[0].name", "needs steps in data"),
        ('name = "backdoor_critical_layers"', "attacks[0].name", "needs steps in data"),
        (
            'training = ["noise"]',
            "attacks[0].training[0]",
            "noise forges the rows that are sent: it belongs to updates",
        ),
        (
            'data = ["neurotoxin"]',
            "attacks[0].data[0]",
            "neurotoxin trains otherwise: it belongs to training, not to data",
        ),
        ('training = ["neurotoxn"]', "attacks[0].training[0].name", "did you mean `neurotoxin`"),
        ('training = [{name = "neurotoxin", keep = 0}]', "attacks[0].training[0].keep", "must be > 0"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(text, where, message):
    with pytest.raises(ScenarioError) as refused:
        parse_scenario(f'data = "digits"\n[[attacks]]\n{text}\ncount = 1\n')
    assert where in [problem.where for problem in refused.value.problems]
    assert message in " ".join(problem.message for problem in refused.value.problems)
