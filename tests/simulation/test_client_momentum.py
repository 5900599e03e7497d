"""Momenta that clients keep, and D-SHB as the field runs it, against plain torch in float64 and against byzfl."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from fedsim.engine import simulate
from fedsim.errors import ScenarioError
from fedsim.events import RoundEnded, RoundStarted, RunStarted
from fedsim.execution import row_file
from fedsim.execution.pool import Pool
from fedsim.kernels import llvm
from fedsim.local_algorithms.contract import Momentum
from fedsim.scenario.guarantees import guarantees
from fedsim.scenario.load import parse_scenario
from fedsim.simulation import client_momentum
from fedsim.simulation.client_momentum import carry
from fedsim.simulation.client_rows import ClientRows
from fedsim.training.minibatches import Turn, batches, counted
from tests.small_runs import DIGITS, EVERYONE, played, same, scenario, witness

RATE, DECAY = 0.2, 0.01
SGD = f'training.optimizer={{name="sgd", weight_decay={DECAY}}}'
SERVER = [SGD, f"server.lr={RATE}"]
CLIENT = [f'training.optimizer={{name="sgd", lr={RATE}, weight_decay={DECAY}}}']


def fedsgd(**settings):
    inner = "".join(
        f", {key} = {str(value).lower() if isinstance(value, bool) else repr(value)}" for key, value in settings.items()
    )
    return f'training.algorithm={{name="fedsgd"{inner}}}'.replace("'", '"')


def parameters_after(given, rounds):
    """The engine's parameters after each of so many rounds, and its federation."""
    found = []
    with simulate(given, Pool(1, "serial")) as run:
        for event in run:
            if isinstance(event, RunStarted):
                found.append(run.federation.parameters.copy())
            if isinstance(event, RoundEnded):
                found.append(run.state.parameters.copy())
        return found, run.federation


def plain(federation, given, beta, average, rate_of):
    """The same in float64 by a plain loop: every client a momentum of gradients, the server the mean of them."""
    module = federation.kind.build().double()
    w = torch.tensor(federation.parameters).double()
    momenta = [torch.zeros_like(w) for _ in range(federation.population)]
    found = [w.numpy()]
    stream = federation.stream
    for round in range(1, given.rounds + 1):
        for client, momentum in enumerate(momenta):
            own = federation.examples_of(client)
            turn = Turn(stream.at("round", round, "client", client), stream.at("passes", "client", client), round - 1)
            (chosen,) = batches(len(own), counted(given.training), turn)
            torch.nn.utils.vector_to_parameters(w, module.parameters())
            inputs = federation.kind.spec.tensor(federation.train.inputs[own[chosen]]).double()
            loss = cross_entropy(module(inputs), torch.tensor(federation.train.targets[own[chosen]]))
            gradient = torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, list(module.parameters()))])
            gradient = gradient + DECAY * w
            momentum.mul_(beta).add_(gradient, alpha=1 - beta if average else 1)
        w = w - rate_of(round) * torch.stack(momenta).mean(dim=0)
        found.append(w.numpy())
    return found


@pytest.mark.parametrize("model", ["logistic", "mlp"])
@pytest.mark.parametrize(("beta", "average"), [(0.0, True), (0.9, True), (0.9, False)])
@pytest.mark.parametrize("whose", ["server", "client"])
def test_one_and_fifty_rounds_are_those_of_plain_torch(model, beta, average, whose):
    plan = [
        f"{'server' if whose == 'server' else 'training'}.schedule={{name='step', milestones=[20, 35], factor=0.5}}"
    ]
    rates = SERVER if whose == "server" else CLIENT
    given = scenario(
        DIGITS, *EVERYONE, *rates, fedsgd(momentum=beta, average=average, rate=whose), "aggregator=mean", "rounds=50",
        f"model={model}", "training.batch_size=25", *[each.replace("'", '"') for each in plan],
    )  # fmt: skip
    found, federation = parameters_after(given, 50)

    def rate_of(round):
        return RATE * 0.5 ** sum(round > milestone for milestone in (20, 35))

    wanted = plain(federation, given, beta, average, rate_of)
    moved = np.abs(wanted[50] - wanted[0]).max()
    np.testing.assert_allclose(found[1], wanted[1], rtol=0, atol=2e-7)
    np.testing.assert_allclose(found[50], wanted[50], rtol=0, atol=(2e-5 if model == "mlp" else 2e-6) * max(1, moved))


def test_at_a_constant_rate_it_is_the_same_whoever_takes_it():
    ends = [
        parameters_after(scenario(DIGITS, *EVERYONE, *rates, fedsgd(momentum=0.9, rate=whose)), 3)[0][-1]
        for whose, rates in (("server", SERVER), ("client", CLIENT))
    ]
    worker = scenario(DIGITS, *EVERYONE, *CLIENT, fedsgd(), "training.worker_momentum=0.9")
    ends.append(parameters_after(worker, 3)[0][-1])
    for other in ends[1:]:
        np.testing.assert_allclose(other, ends[0], rtol=0, atol=1e-6)


def test_what_is_sent_at_the_servers_rate_is_the_gradient_to_the_last_digit():
    with witness() as seen:
        played(scenario(DIGITS, *EVERYONE, *SERVER, fedsgd(rate="server"), "aggregator=witness", "rounds=1"))
        gradients = seen[-1]["updates"], seen[-1]["trusted"]
        played(scenario(DIGITS, *EVERYONE, *CLIENT, fedsgd(rate="client"), "aggregator=witness", "rounds=1"))
        steps = seen[-1]["updates"], seen[-1]["trusted"]
    for gradient, step in zip(gradients, steps, strict=True):
        np.testing.assert_allclose(RATE * gradient, step, rtol=0, atol=2e-8)


def test_the_servers_own_update_is_in_the_unit_of_what_clients_send():
    with witness() as seen:
        played(scenario(DIGITS, *EVERYONE, *CLIENT, fedsgd(momentum=0.5), "aggregator=witness", "rounds=1"))
        momenta, trusted = seen[-1]["updates"], seen[-1]["trusted"]
        played(scenario(DIGITS, *EVERYONE, *CLIENT, fedsgd(), "aggregator=witness", "rounds=1"))
    np.testing.assert_allclose(momenta, 0.5 * seen[-1]["updates"], rtol=0, atol=2e-8)
    np.testing.assert_allclose(trusted, seen[-1]["trusted"], rtol=0, atol=2e-8)


def test_a_momentum_stays_while_its_client_is_not_sampled():
    given = scenario(DIGITS, *SERVER, fedsgd(momentum=0.9, rate="server"), "rounds=4", "clients.sampled=3")
    before = {}
    with simulate(given, Pool(1, "serial")) as run:
        for event in run:
            if isinstance(event, RoundStarted):
                before, cohort = dict(run.state.momenta), event.cohort
            if isinstance(event, RoundEnded):
                assert set(run.state.momenta) == set(before) | set(cohort)
                for client, momentum in before.items():
                    assert np.array_equal(momentum, run.state.momenta[client]) == (client not in cohort)


def test_workers_change_nothing():
    given = scenario(
        DIGITS,
        *SERVER,
        fedsgd(momentum=0.9, rate="server"),
        "model=mlp",
        "aggregator={name='krum', f=1}".replace("'", '"'),
    )
    with Pool(2, "loky") as pool:
        assert same(played(given, pool)) == same(played(given))


HEAD = '[training]\nalgorithm = {name = "fedsgd", rate = "server", momentum = 0.9}\n'


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        (
            "optimizer = {lr = 0.1}",
            "training.optimizer.lr",
            'not taken with rate = "server": the learning rate',
        ),
        ('schedule = "cosine"', "training.schedule", r"belongs under \[server\] with rate = "),
        ("warmup = 3", "training.warmup", r"belongs under \[server\] with rate = "),
        ("worker_momentum = 0.9", "training.worker_momentum", "fedsgd keeps a momentum of its own"),
        ('optimizer = "adam"', "training.optimizer", "not what adam makes of it: use sgd"),
        ("epochs = 2", "training.epochs", "fedsgd makes one step in a round"),
    ],
)
def test_what_does_not_go_together_is_refused_at_its_place(text, where, message):
    with pytest.raises(ScenarioError, match=message) as refused:
        parse_scenario(HEAD + text)
    (problem,) = refused.value.problems
    assert (problem.where, problem.line) == (where, 3)


def test_gradients_that_nobody_scales_are_said():
    (note,) = [each.text for each in guarantees(parse_scenario(HEAD)) if "server.lr" in each.text]
    assert note == "server.lr = 1 is the learning rate itself: fedsgd sends gradients that nobody has scaled"
    assert not [each for each in guarantees(parse_scenario(HEAD + "[server]\nlr = 0.1")) if "server.lr" in each.text]


def carried(momenta, rows, which, factors, trained):
    """What the clients 0, 1, … send of these rows, after a step each on its own."""
    sent = rows.copy()
    for client, row in enumerate(which):
        carry(*factors, momenta, [client], sent, [row], trained)
    return sent


@pytest.mark.parametrize("near_bytes", [2**20, 0], ids=["in memory", "in a file"])
@pytest.mark.parametrize("trained", [300, 260], ids=["all trained", "with buffers"])
def test_momenta_carried_at_once_are_those_carried_one_by_one(near_bytes, trained, monkeypatch):
    monkeypatch.setattr(row_file, "NEAR_BYTES", near_bytes)
    monkeypatch.setattr(client_momentum, "repaid", lambda _: llvm.available())
    factors, numbers = (Momentum(0.9), 0.5), np.random.default_rng(3)
    together, alone = ClientRows(), ClientRows()
    for _ in range(4):
        rows, which = numbers.standard_normal((7, 300)).astype(np.float32), [5, 0, 6, 2]
        earlier, before = together.copy(), {client: together[client].copy() for client in together}
        wanted = carried(alone, rows, which, factors, trained)
        carry(*factors, together, range(4), rows, which, trained)
        np.testing.assert_array_equal(rows, wanted)
        for client in range(4):
            np.testing.assert_array_equal(together[client], alone[client])
        for client, row in before.items():  # a state of an earlier round stays as it was
            np.testing.assert_array_equal(earlier[client], row)
