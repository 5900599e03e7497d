"""A client's bits in a stack are its own: not its neighbours', not the stack's size."""

import dataclasses

import numpy as np
import pytest
from torch import nn

from fedsim import stacked
from fedsim.models._family import model, models
from fedsim.pool import single_threaded
from fedsim.scenario import Training
from fedsim.shared import Arena
from fedsim.stacked import train_stacked
from fedsim.training import ClientBatch, train_batch

from .driving import registered
from .sites import Clients, choice, forget_models, kind_of

SIZES = (40, 7, 23, 64, 1, 40, 16, 33, 40, 12, 5, 40, 31, 8, 9, 50, 40)
WORK = {
    "plain": Training(optimizer=choice("sgd"), batch_size=16, epochs=2),
    "momentum": Training(optimizer=choice("sgd", momentum=0.9, weight_decay=0.01), batch_size=10),
    "adam": Training(optimizer=choice("adam"), batch_size=16, epochs=2),
    "fedprox": Training(optimizer=choice("sgd"), batch_size=7, proximal=0.1, steps=5),
    "fedsgd": Training(optimizer=choice("sgd"), algorithm="fedsgd", batch_size=1000),
}
KINDS = {
    "logistic": kind_of("logistic"),
    "mlp": kind_of("mlp", hidden=17),
    "deep": kind_of("mlp", hidden=9, layers=3),
    "wide": kind_of("mlp", hidden=70, layers=2),  # its first layer has kernels of its own
}


@pytest.fixture
def arena():
    made = Arena()
    yield made
    made.close()


def trained(clients, parts):
    """Bytes of each client's row, and its loss, after work in these parts."""
    clients.rows[:] = np.nan
    losses = {}
    with single_threaded():
        for part in parts:
            found = train_stacked(clients.site, part)
            losses |= {job.client: loss for job, loss in zip(part, found, strict=True)}
    return {job.client: (clients.rows[job.row].tobytes(), losses[job.client]) for part in parts for job in part}


@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_bits_do_not_depend_on_neighbours_or_on_the_size_of_a_stack(kind, work, arena, monkeypatch):
    clients = Clients(arena, kind, work, sizes=SIZES)
    jobs = clients.jobs
    alone = trained(clients, [[job] for job in jobs])
    for chunk in (1, 2, 4, 8):
        monkeypatch.setattr(stacked, "CHUNK", chunk)
        assert trained(clients, [jobs]) == alone
    assert trained(clients, [jobs[::-1]]) == alone
    assert trained(clients, [jobs[:5], jobs[5:6], jobs[6:]]) == alone


@pytest.mark.parametrize("kind", ["mlp", "wide"])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_neighbour_that_diverges_keeps_its_infinities_to_itself(arena, kind, momentum):
    work = Training(optimizer=choice("sgd", momentum=momentum), batch_size=16, epochs=3)
    clients = Clients(arena, KINDS[kind], work, sizes=SIZES[:6])
    alone = trained(clients, [[job] for job in clients.jobs])
    wild = Clients(arena, KINDS[kind], work, sizes=SIZES[:6])
    wild.site.labels.open()[:] = clients.site.labels.open()
    floats = np.array(clients.site.images.open(), np.float32) / 255
    floats[: SIZES[0]] = 1e30
    wild.site = dataclasses.replace(wild.site, images=arena.of(floats))
    together = trained(wild, [wild.jobs])
    assert not np.isfinite(wild.rows[0]).all()
    assert {k: v for k, v in together.items() if k} == {k: v for k, v in alone.items() if k}


@pytest.mark.parametrize("kind", ["mlp", "wide"])
@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_a_stack_is_what_the_loop_is_up_to_rounding(kind, work, arena):
    clients = Clients(arena, KINDS[kind], work, sizes=SIZES)
    jobs = tuple(clients.jobs)
    train_batch(ClientBatch(clients.site, jobs))
    fast = clients.rows.copy()
    site = dataclasses.replace(clients.site, training=dataclasses.replace(work, kernel="loop"))
    assert train_stacked(site, jobs) is None
    train_batch(ClientBatch(site, jobs))
    assert not np.array_equal(fast, clients.rows)  # another kernel really was at work
    np.testing.assert_allclose(fast, clients.rows, atol=2e-4 if work.optimizer.name == "adam" else 2e-6)


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [nn.Linear(144, 5)],
        lambda: [nn.Flatten(), nn.Linear(144, 5, bias=False)],
        lambda: [nn.Flatten(), nn.Linear(144, 8), nn.Tanh(), nn.Linear(8, 5)],
        lambda: [nn.Flatten(), nn.Linear(144, 8), nn.Linear(8, 5)],
        lambda: [nn.Flatten(), nn.Linear(144, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 5)],
        lambda: [nn.Flatten(), nn.Linear(144, 5), nn.ReLU()],
    ],
)
def test_other_models_are_left_to_the_loop(layers, arena):
    with registered(models, "odd"):

        @model("odd")
        def odd(shape, classes):
            return nn.Sequential(*layers())

        forget_models()
        clients = Clients(arena, kind_of("logistic"), WORK["plain"], sizes=(4,))
        site = dataclasses.replace(clients.site, kind=kind_of("odd"))
        assert train_stacked(site, clients.jobs) is None
    forget_models()
