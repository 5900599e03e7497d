"""Linear networks learn what the loop learns, and a client's bits are its own: not its neighbours', not its batch's."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from fedsim.attacks.contract import attacks, data_attack
from fedsim.execution.arithmetic import repeatable
from fedsim.execution.sending import Sent
from fedsim.execution.shared_memory import Arena
from fedsim.kernels import llvm
from fedsim.models.contract import model, models
from fedsim.scenario.sections import Training
from fedsim.training.backends import local_model
from fedsim.training.batch import ClientBatch, train_batch
from fedsim.training.client import Poison
from fedsim.training.mlp import LinearModel, network_of
from tests.small_runs import registered
from tests.training_sites import FEDSGD, STREAM, Clients, choice, forget_models, kind_of, prox

pytestmark = pytest.mark.skipif(not llvm.available(), reason="no compiler")
SIZES = (40, 7, 23, 64, 1, 40, 16, 33, 40, 12, 5, 40, 31, 8, 9, 50, 40)
WORK = {
    "plain": Training(optimizer=choice("sgd"), batch_size=16, epochs=2),
    "momentum": Training(optimizer=choice("sgd", momentum=0.9, weight_decay=0.01), batch_size=10),
    "adam": Training(optimizer=choice("adam"), batch_size=16, epochs=2),
    "fedprox": Training(optimizer=choice("sgd"), batch_size=7, algorithm=prox(0.1), steps=5),
    "fedsgd": Training(optimizer=choice("sgd"), algorithm=FEDSGD, batch_size=1000),
}
KINDS = {
    "logistic": kind_of("logistic"),
    "mlp": kind_of("mlp", hidden=17),
    "deep": kind_of("mlp", hidden=9, layers=3),
    "wide": kind_of("mlp", hidden=70, layers=2, classes=33),
}


@pytest.fixture
def arena():
    made = Arena()
    yield made
    made.close()


def train_linears(site, jobs):
    """Losses of the jobs' clients, whose rows are written by the kernels."""
    assert isinstance(local_model(site), LinearModel)
    return train_batch(ClientBatch(site, tuple(jobs))).losses


def trained(clients, parts):
    """Bytes of each client's row, and its loss, after work in these parts."""
    clients.rows[:] = np.nan
    losses = {}
    with repeatable():
        for part in parts:
            found = train_linears(clients.site, part)
            losses |= {job.client: loss for job, loss in zip(part, found, strict=True)}
    return {job.client: (clients.rows[job.row].tobytes(), losses[job.client]) for part in parts for job in part}


@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_bits_do_not_depend_on_neighbours(kind, work, arena):
    clients = Clients(arena, kind, work, sizes=SIZES)
    jobs = clients.jobs
    alone = trained(clients, [[job] for job in jobs])
    assert trained(clients, [jobs]) == alone
    assert trained(clients, [jobs[::-1]]) == alone
    assert trained(clients, [jobs[:5], jobs[5:6], jobs[6:]]) == alone


@pytest.mark.parametrize("kind", ["mlp", "wide"])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_neighbour_that_diverges_keeps_its_infinities_to_itself(arena, kind, momentum):
    work = Training(optimizer=choice("sgd", momentum=momentum), batch_size=16, epochs=3)
    clients = Clients(arena, KINDS[kind], work, sizes=SIZES[:6])
    floats = np.array(clients.site.inputs.open(), np.float32) / 255
    clients.site = dataclasses.replace(clients.site, inputs=arena.of(floats))
    alone = trained(clients, [[job] for job in clients.jobs])
    floats[: SIZES[0]] = 1e30
    clients.site = dataclasses.replace(clients.site, inputs=arena.of(floats))
    together = trained(clients, [clients.jobs])
    assert not np.isfinite(clients.rows[0]).all()
    assert {k: v for k, v in together.items() if k} == {k: v for k, v in alone.items() if k}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_kernels_do_what_the_loop_does_up_to_rounding(kind, work, arena):
    clients = Clients(arena, KINDS[kind], work, sizes=SIZES)
    jobs = tuple(clients.jobs)
    result = train_batch(ClientBatch(clients.site, jobs))
    fast = clients.rows.copy()
    site = dataclasses.replace(clients.site, training=dataclasses.replace(work, kernel="loop"))
    assert not isinstance(local_model(site), LinearModel)
    expected = train_batch(ClientBatch(site, jobs))
    assert not np.array_equal(fast, clients.rows)  # another kernel really was at work
    np.testing.assert_allclose(fast, clients.rows, atol=2e-4 if work.optimizer.name == "adam" else 2e-6)
    np.testing.assert_allclose(result.losses, expected.losses, rtol=2e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
def test_images_of_other_kinds_are_read_as_the_loop_reads_them(arena, dtype):
    clients = Clients(arena, KINDS["mlp"], WORK["plain"])
    images = (np.array(clients.site.inputs.open()) / (64 if dtype == "int16" else 255)).astype(dtype)
    clients.site = dataclasses.replace(clients.site, inputs=arena.of(images))
    train_batch(ClientBatch(clients.site, tuple(clients.jobs)))
    fast = clients.rows.copy()
    site = dataclasses.replace(clients.site, training=dataclasses.replace(WORK["plain"], kernel="loop"))
    train_batch(ClientBatch(site, tuple(clients.jobs)))
    np.testing.assert_allclose(fast, clients.rows, atol=2e-5 if dtype == "int16" else 2e-6)


def test_a_poisoned_client_learns_from_what_the_attack_left(arena):
    with registered(attacks, "darken"):

        @data_attack("darken")
        def darken(inputs, targets):
            return inputs // 2, np.zeros_like(targets)

        clients = Clients(arena, KINDS["mlp"], WORK["plain"])
        poison = (Poison(Sent(attacks["darken"].bound({})), STREAM),)
        jobs = tuple(job._replace(poisons=poison) for job in clients.jobs)
        clean = trained(clients, [clients.jobs])
        assert trained(clients, [jobs]) != clean
        fast = clients.rows.copy()
        site = dataclasses.replace(clients.site, training=dataclasses.replace(WORK["plain"], kernel="loop"))
        train_batch(ClientBatch(site, jobs))
    np.testing.assert_allclose(fast, clients.rows, atol=2e-6)


@pytest.mark.parametrize(
    "left",
    [
        lambda inputs, targets: (inputs[:, :, 1:], targets),
        lambda inputs, targets: (inputs[1:], targets),
        lambda inputs, targets: (inputs, targets[1:]),
    ],
)
def test_an_attack_that_changes_the_shape_of_the_data_is_refused(arena, left):
    with registered(attacks, "crop"):

        @data_attack("crop")
        def crop(inputs, targets):
            return left(inputs, targets)

        clients = Clients(arena, KINDS["mlp"], WORK["plain"])
        jobs = [job._replace(poisons=(Poison(Sent(attacks["crop"].bound({})), STREAM),)) for job in clients.jobs]
        with pytest.raises(ValueError, match=r"crop.* must (leave inputs and targets their shapes|have shape)"):
            train_linears(clients.site, jobs)


@pytest.mark.parametrize("label", [-1, 5])
def test_labels_beyond_the_classes_are_refused(arena, label):
    clients = Clients(arena, KINDS["mlp"], WORK["plain"])
    labels = np.array(clients.site.targets.open())
    labels[3] = label
    clients.site = dataclasses.replace(clients.site, targets=arena.of(labels))
    with pytest.raises(ValueError, match="labels must lie from 0 to 4"):
        train_linears(clients.site, clients.jobs)


def test_a_client_of_no_examples_stands_still(arena):
    clients = Clients(arena, KINDS["mlp"], WORK["plain"], sizes=(0, 5))
    clients.rows[:] = np.nan
    losses = train_linears(clients.site, clients.jobs)
    assert losses[0] == 0
    assert not clients.rows[0].any()
    assert clients.rows[1].any()


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [nn.Linear(144, 5)],
        lambda: [nn.Flatten(), nn.Linear(144, 5, bias=False)],
        lambda: [nn.Flatten(), nn.Linear(144, 8), nn.Tanh(), nn.Linear(8, 5)],
        lambda: [nn.Flatten(), nn.Linear(144, 8), nn.Linear(8, 5)],
        lambda: [nn.Flatten(), nn.Linear(144, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 5)],
        lambda: [nn.Flatten(), nn.Linear(144, 5), nn.ReLU()],
        lambda: [nn.Flatten(), nn.Linear(140, 5)],
    ],
)
def test_other_models_are_left_to_the_loop(layers):
    with registered(models, "odd"):

        @model("odd")
        def odd(shape, classes):
            return nn.Sequential(*layers())

        forget_models()
        assert network_of(kind_of("odd")) is None
    forget_models()


def test_float64_and_a_machine_without_a_compiler_are_left_to_the_loop(monkeypatch):
    assert network_of(KINDS["mlp"]).sizes == (144, 17, 5)
    with monkeypatch.context() as patch:
        patch.setattr(llvm, "available", lambda: False)
        assert network_of(KINDS["mlp"]) is None
    torch.set_default_dtype(torch.float64)
    try:
        assert network_of(KINDS["mlp"]) is None
    finally:
        torch.set_default_dtype(torch.float32)
