"""Models that are more, or less, than layers with weights: run as a user would run them."""

import subprocess
import sys
import threading

import pytest

import fedsim
from fedsim.scenario.load import parse_scenario

nn = pytest.importorskip("torch").nn


def batch_normalised(shape, classes):
    """A linear model of normalised pixels."""
    return nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Linear(64, classes))


def frozen(shape, classes):
    """A first layer that is not trained."""
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, classes))
    module[1].requires_grad_(False)
    return module


class Unused(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.used, self.unused = nn.Linear(64, classes), nn.Linear(3, 3)

    def forward(self, images):
        return self.used(images.flatten(1))


def unused(shape, classes):
    """A layer that no batch uses."""
    return Unused(classes)


def dropping(shape, classes):
    """A layer that draws."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, classes))


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    from fedsim.models.contract import model, models

    models.names()
    monkeypatch.setattr(models, "_entries", dict(models._entries))
    for function in (batch_normalised, frozen, unused, dropping):
        model(function.__name__)(function)


def ended(model, workers=1, rounds=3, extra=""):
    text = f"""
rounds = {rounds}
data = "digits"
model = "{model}"
clients.population = 14
clients.sampled = 7
attacks = []
aggregator = "fedavg"
execution.workers = {workers}
{extra}"""
    *_, last = fedsim.simulate(parse_scenario(text))
    return last


@pytest.mark.parametrize("name", ["batch_normalised", "frozen", "unused", "dropping"])
def test_two_workers_give_the_bits_of_one(name):
    assert ended(name) == ended(name, workers=2)


@pytest.mark.parametrize("server", ["server.momentum = 0.9", "server.lr = 1.5", "server.lr = 0.5"])
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
