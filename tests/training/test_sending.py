"""Clients that send one gradient each are served in one pass, and get the rows that each would get alone."""

import dataclasses

import numpy as np
import pytest

from fedsim.attacks.contract import attacks
from fedsim.execution.sending import Sent
from fedsim.execution.shared_memory import Arena
from fedsim.kernels import llvm
from fedsim.scenario.sections import Choice, Training
from fedsim.training.backends import local_model
from fedsim.training.batch import ClientBatch, train_batch
from fedsim.training.client import Poison
from fedsim.training.local_model import serves_many
from fedsim.training.local_work import send_all, train_client
from tests.training_sites import STREAM, Clients, choice, forget_models, kind_of

pytestmark = pytest.mark.skipif(not llvm.available(), reason="no compiler")
KINDS = {"logistic": kind_of("logistic"), "mlp": kind_of("mlp", hidden=13), "lenet5": kind_of("lenet5")}
WHOSE = {
    "a step": {"momentum": 0.0, "average": True, "rate": "client"},
    "a gradient": {"momentum": 0.0, "average": True, "rate": "server"},
    "for a momentum": {"momentum": 0.9, "average": True, "rate": "client"},
}


@pytest.fixture
def arena():
    made = Arena()
    yield made
    made.close()
    forget_models()


def work(whose, **more):
    optimizer = choice("sgd", **more)
    return Training(algorithm=Choice("fedsgd", WHOSE[whose]), optimizer=optimizer, batch_size=16)


@pytest.mark.parametrize(
    ("whose", "decay"), [("a step", 0.0), *((whose, decay) for whose in [*WHOSE][1:] for decay in (0.0, 0.1))]
)
@pytest.mark.parametrize("kind", KINDS)
def test_all_at_once_is_one_by_one(kind, whose, decay, arena):
    sizes = (40, 0, 7, 16, 1)
    clients = Clients(arena, KINDS[kind], work(whose, weight_decay=decay), sizes=sizes, factor=0.5)
    model = local_model(clients.site)
    found = send_all(model, clients.site, clients.jobs)
    assert set(found) == {job.row for job in clients.jobs if sizes[job.client]}
    rows = clients.rows.copy()
    for job in clients.jobs:
        loss = train_client(local_model(clients.site), clients.site, job)
        np.testing.assert_allclose(rows[job.row], clients.rows[job.row], atol=1e-7 + 1e-6 * abs(rows[job.row]).max())
        assert found.get(job.row, 0.0) == pytest.approx(loss, rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_poisoned_client_is_served_too_and_changes_nobody_elses_bits(kind, arena):
    clients = Clients(arena, KINDS[kind], work("a gradient"), sizes=(20, 20, 20))
    train_batch(ClientBatch(clients.site, tuple(clients.jobs)))
    clean = clients.rows.copy()
    entry = attacks["data"]
    settings = {name: each.default for name, each in entry.settings.items()}
    poison = Poison(Sent(entry.bound(settings)), STREAM.at("poison"))
    jobs = [job._replace(poisons=(poison,) * (job.client == 1)) for job in clients.jobs]
    assert set(send_all(local_model(clients.site), clients.site, jobs)) == {0, 1, 2}
    assert not np.array_equal(clients.rows[1], clean[1])
    np.testing.assert_array_equal(clients.rows[[0, 2]], clean[[0, 2]])


@pytest.mark.parametrize(
    "other",
    [
        {"algorithm": Choice("fedavg"), "steps": 1},
        {"clip_norm": 0.5},
        {"optimizer": choice("adam")},
        {"optimizer": choice("sgd", weight_decay=0.1)},
        {"kernel": "loop"},
    ],
    ids=str,
)
def test_whatever_is_no_plain_gradient_is_left_to_the_loop(other, arena):
    clients = Clients(arena, KINDS["mlp"], dataclasses.replace(work("a step"), **other))
    model = local_model(clients.site)
    assert clients.site.sends is None or not serves_many(model)
    assert send_all(model, clients.site, clients.jobs) == {}
