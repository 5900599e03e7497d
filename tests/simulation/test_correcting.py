"""SCAFFOLD and FedNova in the engine against their papers' algorithms, written as slow float64 loops."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from fedsim.engine import simulate
from fedsim.errors import ScenarioError
from fedsim.events import RoundEnded, RoundStarted
from fedsim.execution.pool import Pool
from fedsim.local_algorithms.correcting import _length
from fedsim.runs.checkpoints import load_checkpoint, save_checkpoint
from fedsim.runs.course import carried_over, forgotten
from fedsim.scenario.load import parse_scenario
from fedsim.simulation.client_steps import steps_of
from fedsim.simulation.client_work import epochs_of
from fedsim.training.minibatches import Turn, batches
from tests.small_runs import same

RATE = 0.1
TEXT = """
rounds = 4
data = "digits"
model = "{model}"
partition = {{ name = "dirichlet", alpha = 0.5 }}
clients = {{ population = 9, sampled = 5 }}
aggregator = "{rule}"
root = {{ size = 20 }}
evaluation = {{ validation = 20, limit = 40 }}
execution = {{ workers = 1, backend = "serial" }}
[training]
algorithm = "{algorithm}"
epochs = 2
batch_size = 8
optimizer = {{ name = "sgd", lr = 0.1{more} }}
"""


def scenario(algorithm, rule="mean", model="logistic", more="", changes=()):
    return parse_scenario(TEXT.format(algorithm=algorithm, rule=rule, model=model, more=more), changes)


def played(given):
    """The parameters after every round, the cohorts, the federation and the last state."""
    found, cohorts = [], []
    with simulate(given, Pool(1, "serial")) as run:
        for event in run:
            if isinstance(event, RoundStarted):
                cohorts.append(event.cohort)
            if isinstance(event, RoundEnded):
                found.append(run.state.parameters.copy())
        return found, cohorts, run.federation, run.state


class Slow:
    """A client's steps in float64, one example batch after the other."""

    def __init__(self, federation, given):
        self.federation, self.given = federation, given
        self.module = federation.kind.build().double()

    def train(self, x, client, round, variate, momentum=0.0):
        own, stream = self.federation.examples_of(client), self.federation.stream
        (epochs,) = epochs_of(self.given.training, stream, [client], round)
        here, passes = stream.at("round", round, "client", client), stream.at("passes", "client", client)
        turn = Turn(here, passes, round - 1, epochs)
        y, buffer, steps = x.clone(), None, 0
        for chosen in batches(len(own), self.given.training, turn):
            torch.nn.utils.vector_to_parameters(y.clone(), self.module.parameters())
            inputs = self.federation.kind.spec.tensor(self.federation.train.inputs[own[chosen]]).double()
            loss = cross_entropy(self.module(inputs), torch.tensor(self.federation.train.targets[own[chosen]]))
            gradient = torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, list(self.module.parameters()))])
            gradient = gradient + variate
            buffer = gradient if buffer is None else momentum * buffer + gradient
            y, steps = y - RATE * buffer, steps + 1
        return y, steps, len(own)


def scaffold(federation, given, cohorts):
    """Algorithm 1 of the paper with option II and a global rate of 1."""
    slow, x = Slow(federation, given), torch.tensor(federation.parameters).double()
    c, own, found = torch.zeros_like(x), [torch.zeros_like(x) for _ in range(federation.population)], []
    for round, cohort in enumerate(cohorts, 1):
        moves, changes = [], []
        for client in cohort:
            y, steps, _ = slow.train(x, client, round, c - own[client])
            renewed = own[client] - c + (x - y) / (steps * RATE)
            moves.append(y - x)
            changes.append(renewed - own[client])
            own[client] = renewed
        x = x + torch.stack(moves).mean(dim=0)
        c = c + len(cohort) / federation.population * torch.stack(changes).mean(dim=0)
        found.append(x.numpy())
    return found, c.numpy(), own


def fednova(federation, given, cohorts, momentum):
    """Equations 8 to 10 of the paper; a_i made by unrolling the optimizer on gradients of one."""
    slow, x, found = Slow(federation, given), torch.tensor(federation.parameters).double(), []
    for round, cohort in enumerate(cohorts, 1):
        directions, lengths, sizes = [], [], []
        for client in cohort:
            y, steps, size = slow.train(x, client, round, 0.0, momentum)
            length = sum(sum(momentum**k for k in range(steps - first)) for first in range(steps))
            directions.append((x - y) / length)
            lengths.append(length)
            sizes.append(size)
        p = np.array(sizes) / sum(sizes)
        x = x - float(p @ np.array(lengths)) * sum(share * d for share, d in zip(p, directions, strict=True))
        found.append(x.numpy())
    return found


@pytest.mark.parametrize("model", ["logistic", "mlp", "cnn"])
def test_scaffold_is_the_papers(model):
    few = ("rounds=3", "training.steps=2", "clients.population=3", "clients.sampled=2") if model == "cnn" else ()
    given = scenario("scaffold", model=model, changes=few)
    found, cohorts, federation, state = played(given)
    wanted, c, own = scaffold(federation, given, cohorts)
    close = 2e-5
    for here, there in zip(found, wanted, strict=True):
        np.testing.assert_allclose(here, there, atol=close)
    np.testing.assert_allclose(state.memories["control"]["variate"], c, atol=10 * close)
    assert sorted(state.momenta) == sorted({client for cohort in cohorts for client in cohort})
    for client in state.momenta:
        np.testing.assert_allclose(state.momenta[client], own[client].numpy(), atol=10 * close)
    plain, *_ = played(scenario("fedavg", model=model, changes=few))
    assert np.abs(plain[-1] - found[-1]).max() > 10 * close


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_fednova_is_the_papers(momentum):
    given = scenario("fednova", rule="fedavg", more=f", momentum = {momentum}")
    found, cohorts, federation, _ = played(given)
    assert len({steps_of(len(federation.examples_of(client)), given.training) for client in range(9)}) > 3
    for here, there in zip(found, fednova(federation, given, cohorts, momentum), strict=True):
        np.testing.assert_allclose(here, there, atol=2e-5)
    plain, *_ = played(scenario("fedavg", rule="fedavg", more=f", momentum = {momentum}"))
    assert np.abs(plain[-1] - found[-1]).max() > 1e-3


UNLIKE = 'training.epochs={name="uniform", low=1, high=5, fresh=%s}'


@pytest.mark.parametrize("fresh", ["false", "true"])
@pytest.mark.parametrize("algorithm", ["scaffold", "fednova"])
def test_they_are_the_papers_when_clients_train_unlike_epochs(algorithm, fresh):
    given = scenario(algorithm, rule="fedavg" if algorithm == "fednova" else "mean", changes=[UNLIKE % fresh])
    found, cohorts, federation, _ = played(given)
    drawn = [epochs_of(given.training, federation.stream, cohort, r) for r, cohort in enumerate(cohorts, 1)]
    assert len({epochs for each in drawn for epochs in each}) > 2
    wanted = (
        fednova(federation, given, cohorts, 0.0) if algorithm == "fednova" else scaffold(federation, given, cohorts)[0]
    )
    for here, there in zip(found, wanted, strict=True):
        np.testing.assert_allclose(here, there, atol=3e-5)
    alike, *_ = played(scenario(algorithm, rule=given.aggregator.name))
    assert np.abs(alike[-1] - found[-1]).max() > 1e-3


def test_steps_are_those_that_are_drawn():
    for drop, epochs, steps in ((False, 2, None), (True, 2, None), (False, 1, 5)):
        given = scenario("fednova").training
        changed = {"drop_last": drop, "epochs": epochs, "steps": steps}
        training = type(given)(**{**{k: getattr(given, k) for k in given.__dataclass_fields__}, **changed})
        _, _, federation, _ = played(scenario("fedavg"))
        turn = Turn(federation.stream.at("a"), federation.stream.at("b"), 0)
        for count in (0, 1, 7, 8, 9, 40):
            assert steps_of(count, training) == len(list(batches(count, training, turn)))
    assert _length({"momentum": 0.5}, 3) == pytest.approx(1.75 + 1.5 + 1)


def test_two_workers_and_a_run_gone_on_with_say_the_same(tmp_path):
    with Pool(2) as pool:
        for algorithm in ("scaffold", "fednova"):
            given = scenario(algorithm, rule="median", model="mlp")
            straight, state = [], None
            with simulate(given, Pool(1, "serial")) as run:
                for event in run:
                    straight.append(event)
                    if isinstance(event, RoundEnded) and event.round == 2:
                        state = load_checkpoint(save_checkpoint(tmp_path / algorithm, run.state))
            with simulate(given, pool) as run:
                assert same(run) == same(straight)
            with simulate(given, Pool(1, "serial"), resume=state) as run:
                rest = list(run)
            assert same(rest[1:]) == same(straight[-len(rest) + 1 :])


@pytest.mark.parametrize("after", ["scaffold", "fedavg"])
def test_a_fork_keeps_the_variates_where_they_mean_the_same(after):
    before = scenario("scaffold")
    *_, state = played(before)
    kept = carried_over(state, before, scenario(after, rule="median"))
    assert (list(kept.momenta) == list(state.momenta)) is (after == "scaffold")
    assert ("control" in kept.memories) is (after == "scaffold")
    assert forgotten(state, before, scenario(after)) == ([] if after == "scaffold" else ["control", "training"])


@pytest.mark.parametrize(
    ("algorithm", "given", "where"),
    [
        ("scaffold", 'optimizer = { name = "sgd", momentum = 0.9 }', "training.optimizer.momentum"),
        ("scaffold", 'optimizer = { name = "adam" }', "training.optimizer"),
        ("scaffold", "clip_norm = 1.0", "training.clip_norm"),
        ("scaffold", "worker_momentum = 0.5", "training.worker_momentum"),
        ("scaffold", '[clients]\nlate = "keep"', "clients.late"),
        ("scaffold", "[clients]\nbuffer = 3", "clients.buffer"),
        ("fednova", 'optimizer = { name = "sgd", weight_decay = 0.1 }', "training.optimizer.weight_decay"),
    ],
)
def test_what_they_are_not_defined_for_is_refused(algorithm, given, where):
    with pytest.raises(ScenarioError) as raised:
        parse_scenario(f'[training]\nalgorithm = "{algorithm}"\n{given}\n')
    (problem,) = raised.value.problems
    assert problem.where == where
    assert algorithm in problem.message
