"""What a local algorithm is given means the same on every backend, and one of a user's own runs in any process."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from fedsim.errors import ScenarioError
from fedsim.execution.pool import Pool
from fedsim.execution.shared_memory import Arena
from fedsim.local_algorithms import local_algorithm, local_algorithms
from fedsim.scenario.load import parse_scenario
from fedsim.scenario.sections import Choice, Training
from fedsim.training.autograd import AutogradModel
from fedsim.training.backends import local_model
from fedsim.training.batch import ClientBatch, train_batch
from fedsim.training.convnet import ConvolutionalModel
from fedsim.training.minibatches import batches
from fedsim.training.mlp import LinearModel
from tests.small_runs import DIGITS, played, registered, same, scenario
from tests.training_sites import Clients, choice, kind_of

KINDS = {"mlp": kind_of("mlp", hidden=13), "lenet5": kind_of("lenet5")}
BACKENDS = {
    ("mlp", "auto"): LinearModel,
    ("lenet5", "auto"): ConvolutionalModel,
    ("mlp", "loop"): AutogradModel,
    ("lenet5", "loop"): AutogradModel,
}


@pytest.fixture
def arena():
    made = Arena()
    yield made
    made.close()


def gradient_of(clients, job, chosen, at):
    """By autograd in float64, flat, at a flat vector."""
    module = clients.kind.build().double()
    torch.nn.utils.vector_to_parameters(torch.tensor(at).double(), module.parameters())
    inputs = torch.tensor(clients.site.inputs.open()[job.examples][chosen]).double() / 255
    targets = torch.tensor(clients.site.targets.open()[job.examples][chosen])
    found = torch.autograd.grad(cross_entropy(module(inputs), targets), list(module.parameters()))
    return torch.cat([g.reshape(-1) for g in found]).numpy()


def work(name, **more):
    more = {"optimizer": choice("sgd", weight_decay=0.1), "batch_size": 10, "steps": 3} | more
    return Training(algorithm=Choice(name), **more)


@pytest.mark.parametrize(("model", "kernel"), BACKENDS)
class TestOnEveryBackend:
    def test_the_backend_is_the_one_meant(self, model, kernel, arena):
        clients = Clients(arena, KINDS[model], work("fedavg", kernel=kernel))
        assert type(local_model(clients.site)) is BACKENDS[model, kernel]

    def test_the_gradients_of_the_next_batches_may_be_sent(self, model, kernel, arena):
        with registered(local_algorithms, "two_gradients"):

            @local_algorithm("two_gradients")
            def two_gradients(gradients, send):
                first, second = gradients(), gradients()
                send([-a - 2 * b for a, b in zip(first, second, strict=True)])

            clients = Clients(arena, KINDS[model], work("two_gradients", kernel=kernel))
            train_batch(ClientBatch(clients.site, tuple(clients.jobs)))
        start = clients.site.parameters.open()
        for job in clients.jobs:
            one, two, _ = batches(len(job.examples), clients.training, job.turn)
            wanted = gradient_of(clients, job, one, start) + 2 * gradient_of(clients, job, two, start) + 0.3 * start
            np.testing.assert_allclose(clients.rows[job.row], -wanted, atol=2e-5 * abs(wanted).max())

    def test_where_the_steps_led_may_be_sent_in_another_unit(self, model, kernel, arena):
        with registered(local_algorithms, "normalised"):

            @local_algorithm("normalised")
            def normalised(descend, parameters, start, send):
                descend()
                send([(p - s) / 3 for p, s in zip(parameters, start, strict=True)])

            clients = Clients(arena, KINDS[model], work("normalised", kernel=kernel))
            train_batch(ClientBatch(clients.site, tuple(clients.jobs)))
        rows = clients.rows.copy()
        plain = Clients(arena, KINDS[model], work("fedavg", kernel=kernel))
        train_batch(ClientBatch(plain.site, tuple(plain.jobs)))
        np.testing.assert_allclose(3 * rows, plain.rows, rtol=1e-5, atol=1e-6)

    def test_a_correction_sees_every_step(self, model, kernel, arena):
        with registered(local_algorithms, "still"):

            @local_algorithm("still")
            def still(descend):
                def stop(parameters, start, gradients):
                    for parameter, anchor, gradient in zip(parameters, start, gradients, strict=True):
                        assert torch.equal(parameter, anchor)
                        gradient.zero_()

                descend(stop)

            clients = Clients(arena, KINDS[model], work("still", kernel=kernel, optimizer=choice("sgd")))
            result = train_batch(ClientBatch(clients.site, tuple(clients.jobs)))
        assert not clients.rows.any()
        assert min(result.losses) > 0

    def test_a_client_of_no_examples_sends_zeros(self, model, kernel, arena):
        with registered(local_algorithms, "one_gradient"):

            @local_algorithm("one_gradient")
            def one_gradient(gradients, send):
                send(gradients())

            clients = Clients(arena, KINDS[model], work("one_gradient", kernel=kernel), sizes=(0, 5))
            clients.rows[:] = np.nan
            train_batch(ClientBatch(clients.site, tuple(clients.jobs)))
        assert not clients.rows[0].any()
        assert clients.rows[1].any()


def test_memory_is_refused_as_long_as_clients_keep_none(arena):
    with registered(local_algorithms, "remembering"):

        @local_algorithm("remembering")
        def remembering(descend):
            descend()
            return {"control": np.zeros(3)}

        clients = Clients(arena, KINDS["mlp"], work("remembering"))
        with pytest.raises(TypeError, match="`remembering` returned something: clients keep no memory yet"):
            train_batch(ClientBatch(clients.site, tuple(clients.jobs)))


def test_an_algorithm_of_ones_own_runs_in_worker_processes():
    with registered(local_algorithms, "halved"):

        @local_algorithm("halved")
        def halved(descend, *, share: float = 0.5):
            def half(parameters, start, gradients):
                for gradient in gradients:
                    gradient.mul_(share)

            descend(half)

        given = scenario(DIGITS, "training.algorithm=halved")
        alone = played(given)
        with Pool(2, "loky") as pool:
            assert same(played(given, pool)) == same(alone)
        slower = played(scenario(DIGITS, "training.optimizer.lr=0.025"))
        assert alone[-1].final_loss == pytest.approx(slower[-1].final_loss, rel=1e-5)


def test_penalty_of_nothing_is_federated_averaging_to_the_bit():
    averaging = played(scenario(DIGITS))[-1]
    penalised = played(scenario(DIGITS, 'training.algorithm={name="fedprox", mu=0.0}'))[-1]
    assert penalised.digest == averaging.digest
    assert played(scenario(DIGITS, "training.algorithm=fedprox"))[-1].digest != averaging.digest


def test_a_name_alone_and_a_table_say_the_same():
    table = parse_scenario('[training.algorithm]\nname = "fedprox"')
    assert table == parse_scenario('training.algorithm = "fedprox"')
    assert table.training.algorithm == Choice("fedprox", {"mu": 0.01})


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("[training]\nproximal = 0.1", "training.proximal", r'write training.algorithm = {name = "fedprox", mu = …}'),
        ('[training]\nalgorithm = "fedprx"', "training.algorithm.name", r"did you mean `fedprox`\?"),
        ('[training]\nalgorithm = {name = "fedprox", mu = -1}', "training.algorithm.mu", "must be ≥ 0.0, got -1"),
        ('[training]\nalgorithm = {name = "fedavg", mu = 1}', "training.algorithm.mu", "unknown key"),
        ("[training]\nalgorithm = 3", "training.algorithm", "must be the name of one of the local_algorithms"),
    ],
)
def test_a_wrong_algorithm_is_refused_at_its_place(text, where, message):
    with pytest.raises(ScenarioError, match=message) as refused:
        parse_scenario(text)
    (problem,) = refused.value.problems
    assert (problem.where, problem.line) == (where, 2)
