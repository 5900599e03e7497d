"""Models that are more, or less, than layers with weights: run as a user would run them."""

import contextlib
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from torch import nn

import fedsim
from fedsim.execution.arithmetic import repeatable
from fedsim.execution.shared_memory import Arena
from fedsim.scenario.load import parse_scenario
from fedsim.scenario.sections import Training
from fedsim.training.batch import ClientBatch, train_batch
from tests.odd_models import IMAGES, TEXT, frozen
from tests.training_sites import Clients, choice, kind_of


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    from fedsim.models.contract import model, models

    models.names()
    monkeypatch.setattr(models, "_entries", dict(models._entries))
    for function in (*IMAGES, *TEXT):
        model(function.__name__)(function)


def ended(model, workers=1, rounds=3, extra="", data='"digits"'):
    text = f"""
rounds = {rounds}
data = {data}
model = "{model}"
clients.population = 14
clients.sampled = 7
attacks = []
aggregator = "fedavg"
execution.workers = {workers}
{extra}"""
    *_, last = fedsim.simulate(parse_scenario(text))
    return last


DATA = {
    **{function.__name__: '"digits"' for function in IMAGES},
    **{function.__name__: '{name = "sentences", speakers = 14, samples = 20, length = 12}' for function in TEXT},
}
SMALL = "root.size = 5\nevaluation.validation = 20\ntraining.epochs = 2"


@pytest.mark.parametrize("name", DATA)
def test_every_model_learns_with_the_same_bits_on_two_workers(name):
    extra = SMALL + '\ntraining.optimizer = {name = "adam", lr = 0.01}'
    one, two = (ended(name, workers=workers, extra=extra, data=DATA[name]) for workers in (1, 2))
    assert one == two
    assert one.skipped == 0
    assert one.final_loss < 0.97 * ended(name, rounds=1, extra=extra, data=DATA[name]).final_loss


DRAWING = {"dropping", "noisy", "dropping_between", "attending"}


@pytest.mark.parametrize("name", [function.__name__ for function in IMAGES if function.__name__ not in DRAWING])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_client_trains_it_as_torch_alone_would(name, optimizer):
    with repeatable(), contextlib.closing(Arena()) as arena:
        training = Training(batch_size=8, optimizer=choice(optimizer, lr=0.01))
        clients = Clients(arena, kind_of(name, (1, 8, 8)), training, (20, 10, 34))
        train_batch(ClientBatch(clients.site, tuple(clients.jobs)))
        for job in clients.jobs:
            row, _ = clients.expected(job)
            assert np.abs(row).max() > 1e-4
            np.testing.assert_allclose(clients.rows[job.row], row, atol=2e-5)


@pytest.mark.parametrize("name", sorted(DRAWING))
def test_what_a_layer_draws_depends_on_the_round_and_the_seed_alone(name):
    first, again, other = (
        ended(name, rounds=1, extra=f"{SMALL}\nseed = {seed}", data=DATA[name]).digest for seed in (1, 1, 2)
    )
    assert first == again != other


def test_what_is_frozen_stays_and_a_padding_row_too():
    from fedsim.randomness import Stream
    from fedsim.simulation.federation import build_federation
    from fedsim.training.torch_draws import drawing_from

    federation = build_federation(parse_scenario(f'data = {DATA["padded"]}\nmodel = "padded"\n{SMALL}'))
    with drawing_from(Stream.root(0)):
        module = federation.kind.build()
    assert not module.embedding.weight[0].any()
    fixed = build_federation(parse_scenario(f'data = {DATA["frozen_embedding"]}\nmodel = "frozen_embedding"\n{SMALL}'))
    trained = sum(p.numel() for p in fixed.kind.build().parameters() if p.requires_grad)
    assert len(fixed.parameters) == trained


class Turned(nn.Module):
    """Complex weights and real answers."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(64, 10, dtype=torch.complex64))

    def forward(self, images):
        return (images.flatten(1).to(torch.complex64) @ self.weight).real


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (nn.Flatten, "has nothing to train: no parameter, or all are frozen"),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).requires_grad_(False), "has nothing to train"),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 9)), r"gives \(2, 9\) for 2 images of 10 classes"),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(63, 10)), "cannot take images of 1×8×8"),
        (Turned, "holds complex numbers in `weight`: a vector of a client's numbers is real"),
        (lambda: 5, "must return a torch.nn.Module: got int"),
    ],
)
def test_a_model_that_cannot_be_trained_is_refused_in_one_line(build, message):
    from fedsim.models.contract import model

    @model("broken")
    def broken(shape, classes):
        """A model with a mistake."""
        return build()

    with pytest.raises(fedsim.ScenarioError, match=message) as raised:
        ended("broken")
    assert len(str(raised.value).splitlines()) == 2


@pytest.mark.parametrize("server", ["server.optimizer.momentum = 0.9", "server.lr = 1.5", "server.lr = 0.5"])
def test_running_statistics_take_the_aggregate_and_not_the_servers_step(server):
    last = ended("batch_normalised", rounds=40, extra=server)
    assert last.final > 0.8
    assert last.final_loss < 10


def test_a_batch_of_one_is_refused_before_the_first_round():
    with pytest.raises(fedsim.ScenarioError, match="cannot learn from a batch of one example"):
        ended("batch_normalised", extra="training.batch_size = 1")


def test_a_step_to_numbers_that_are_not_finite_is_not_taken_and_said():
    text = """
rounds = 3
data = "digits"
model = "mlp"
attacks = []
aggregator = "fedavg"
server.lr = 1e6
training.optimizer.lr = 1e33
execution.workers = 1
"""
    events = list(fedsim.simulate(parse_scenario(text)))
    said = [event.skipped for event in events if isinstance(event, fedsim.events.Aggregated)]
    assert any("not finite" in words or "no usable update" in words for words in said)
    assert events[-1].skipped == sum(map(bool, said)) > 0


def test_a_model_that_is_defined_again_under_its_name_is_the_one_that_trains():
    from fedsim.models.contract import model

    digests = set()
    for activation in (nn.Tanh, nn.Sigmoid, nn.ELU):

        def cell(shape, classes, activation=activation):
            """A cell of a notebook, run again after a change."""
            return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), activation(), nn.Linear(16, classes))

        cell.__signature__ = __import__("inspect").signature(frozen)
        model("cell")(cell)
        digests.add(ended("cell").digest)
    assert len(digests) == 3


def test_runs_in_several_threads_give_the_bits_of_one():
    alone, together = ended("dropping").digest, []
    threads = [threading.Thread(target=lambda: together.append(ended("dropping").digest)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == [alone] * 4


def test_a_family_is_whole_for_every_thread_that_first_asks_for_it():
    code = """
import threading
from fedsim.datasets.contract import datasets
barrier, failed = threading.Barrier(8), []
def ask():
    barrier.wait()
    try:
        datasets["digits"]
    except Exception as error:
        failed.append(error)
threads = [threading.Thread(target=ask) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert not failed, failed
"""
    subprocess.run([sys.executable, "-c", code], check=True)
