"""A client's local work against a plain loop that knows nothing of this house."""

import dataclasses

import numpy as np
import pytest
import torch

from fedsim.execution.arithmetic import repeatable
from fedsim.execution.shared_memory import Arena
from fedsim.models.contract import model, models
from fedsim.scenario.sections import Training
from fedsim.training.autograd import AutogradModel
from fedsim.training.backends import local_model
from fedsim.training.batch import ClientBatch, train_batch
from fedsim.training.minibatches import batches, counted
from tests.small_runs import registered
from tests.training_sites import FEDSGD, Clients, choice, forget_models, kind_of, prox, turn_of

WORK = {
    "plain": Training(optimizer=choice("sgd"), batch_size=16),
    "epochs": Training(optimizer=choice("sgd", momentum=0.9), batch_size=8, epochs=3),
    "steps": Training(optimizer=choice("sgd", weight_decay=0.1), batch_size=10, steps=7),
    "drop last": Training(optimizer=choice("sgd"), batch_size=9, drop_last=True, epochs=2),
    "adam": Training(optimizer=choice("adam", weight_decay=0.01), batch_size=16, epochs=2),
    "fedprox": Training(optimizer=choice("sgd", momentum=0.5), batch_size=16, algorithm=prox(0.3), epochs=2),
    "fedprox adam": Training(optimizer=choice("adam"), batch_size=16, algorithm=prox(0.3)),
    "clipped": Training(optimizer=choice("sgd", momentum=0.9, weight_decay=0.1), batch_size=8, steps=9, clip_norm=0.7),
    "clipped fedprox": Training(optimizer=choice("adam"), batch_size=8, steps=9, clip_norm=1e-3, algorithm=prox(0.3)),
    "smoothed": Training(optimizer=choice("sgd"), batch_size=16, epochs=2, label_smoothing=0.2),
    "fedsgd": Training(algorithm=FEDSGD, optimizer=choice("sgd"), batch_size=10_000),
}
KINDS = {
    "logistic": kind_of("logistic"),
    "mlp": kind_of("mlp", hidden=13, layers=2),
    "lenet5": kind_of("lenet5"),
}


@pytest.fixture(autouse=True)
def one_thread():
    """As in a worker; two threads on a busy machine wait for each other."""
    with repeatable():
        yield


@pytest.fixture
def arena():
    made = Arena()
    yield made
    made.close()


@pytest.fixture
def doubles():
    torch.set_default_dtype(torch.float64)
    forget_models()
    yield
    torch.set_default_dtype(torch.float32)
    forget_models()


@pytest.mark.parametrize("kernel", ["auto", "loop"])
@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_local_work_equals_a_plain_loop(kind, work, kernel, arena, doubles):
    clients = Clients(arena, kind, dataclasses.replace(work, kernel=kernel), dtype="float64")
    result = train_batch(ClientBatch(clients.site, tuple(clients.jobs)))
    for job, loss in zip(clients.jobs, result.losses, strict=True):
        row, mean = clients.expected(job)
        np.testing.assert_allclose(clients.rows[job.row], row, rtol=1e-9, atol=1e-12)
        assert loss == pytest.approx(mean, rel=1e-10)
    assert result.counts == tuple(clients.sizes)


@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_in_single_precision_too_up_to_rounding(kind, work, arena):
    clients = Clients(arena, kind, work)
    train_batch(ClientBatch(clients.site, tuple(clients.jobs)))
    loose = 100 if work.optimizer.name == "adam" else 1  # Adam divides rounding errors by small roots
    for job in clients.jobs:
        row, _ = clients.expected(job)
        np.testing.assert_allclose(clients.rows[job.row], row, atol=loose * 2e-6 * max(1, abs(row).max()))


@pytest.mark.parametrize("kernel", ["auto", "loop"])
@pytest.mark.parametrize("work", ["plain", "adam", "fedprox"])
def test_a_rate_may_be_a_share_of_the_optimizers(work, kernel, arena, doubles):
    changed = dataclasses.replace(WORK[work], kernel=kernel)
    clients = Clients(arena, KINDS["mlp"], changed, dtype="float64", factor=0.3)
    train_batch(ClientBatch(clients.site, tuple(clients.jobs)))
    for job in clients.jobs:
        np.testing.assert_allclose(clients.rows[job.row], clients.expected(job)[0], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", ["mlp", "lenet5"])
def test_compiled_arithmetic_takes_the_same_share(kind, arena):
    clients = Clients(arena, KINDS[kind], WORK["plain"], factor=0.3)
    train_batch(ClientBatch(clients.site, tuple(clients.jobs)))
    for job in clients.jobs:
        row, _ = clients.expected(job)
        np.testing.assert_allclose(clients.rows[job.row], row, atol=2e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_loss_that_kernels_do_not_know_is_left_to_autograd(kind, arena):
    for work, compiled in ((WORK["smoothed"], False), (WORK["clipped"], True), (WORK["plain"], True)):
        model = local_model(Clients(arena, KINDS[kind], work).site)
        assert isinstance(model, AutogradModel) != compiled


def test_a_clipped_step_is_torchs_to_the_bit(arena):
    clients = Clients(arena, KINDS["lenet5"], dataclasses.replace(WORK["clipped"], kernel="loop"))
    with repeatable():
        for job in clients.jobs:
            train_batch(ClientBatch(clients.site, (job,)))
            np.testing.assert_array_equal(clients.rows[job.row], clients.expected(job)[0])


@pytest.mark.parametrize("work", ["epochs", "smoothed"])
def test_descent_is_the_loop_to_the_bit(work, arena):
    clients = Clients(arena, KINDS["lenet5"], dataclasses.replace(WORK[work], kernel="loop"))
    with repeatable():
        for job in clients.jobs:
            train_batch(ClientBatch(clients.site, (job,)))
            np.testing.assert_array_equal(clients.rows[job.row], clients.expected(job)[0])


def test_a_client_without_examples_or_with_one(arena):
    for kind in KINDS.values():
        clients = Clients(arena, kind, WORK["plain"], sizes=(0, 1, 5))
        result = train_batch(ClientBatch(clients.site, tuple(clients.jobs)))
        assert result.losses[0] == 0.0
        assert not clients.rows[0].any()
        assert clients.rows[1].any()
        assert result.counts == (0, 1, 5)


def test_a_class_that_nobody_has(arena):
    clients = Clients(arena, kind_of("logistic", classes=9), WORK["plain"])
    clients.site.targets.open()[:] %= 4
    train_batch(ClientBatch(clients.site, tuple(clients.jobs)))
    biases = clients.rows[:, -9:]
    assert np.isfinite(clients.rows).all()
    assert (biases[:, 4:] < 0).all()  # pushed down, and by nobody pulled up


@pytest.mark.parametrize(
    ("count", "changes", "lengths"),
    [
        (10, {"batch_size": 4}, [4, 4, 2]),
        (10, {"batch_size": 4, "drop_last": True}, [4, 4]),
        (10, {"batch_size": 4, "epochs": 2}, [4, 4, 2] * 2),
        (10, {"batch_size": 4, "steps": 5}, [4, 4, 2, 4, 4]),
        (3, {"batch_size": 4, "drop_last": True}, [3]),
        (10, {"batch_size": 4, "algorithm": FEDSGD, "epochs": 5}, [4]),
        (0, {"batch_size": 4, "steps": 5}, []),
    ],
)
def test_batches(count, changes, lengths):
    found = list(batches(count, counted(Training(**changes)), turn_of(0)))
    assert [len(batch) for batch in found] == lengths
    whole = Training(batch_size=4)
    one_pass = np.concatenate([*batches(count, whole, turn_of(0)), []])
    assert sorted(one_pass) == list(range(count))


def test_passes_are_shuffled_anew():
    first, second = batches(20, Training(batch_size=20, epochs=2), turn_of(0))
    assert sorted(first) == sorted(second)
    assert first.tolist() != second.tolist()


@pytest.fixture
def odd_models():
    with registered(models, "normed", "forgetful", "counting"):

        @model("normed")
        def normed(shape, classes):
            nn = torch.nn
            return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(300, classes))

        @model("counting")
        def counting(shape, classes):
            nn = torch.nn
            return nn.Sequential(nn.Flatten(), nn.BatchNorm1d(144, momentum=None), nn.Linear(144, classes))

        @model("forgetful")
        def forgetful(shape, classes):
            nn = torch.nn
            return nn.Sequential(nn.Flatten(), nn.Linear(144, 20), nn.Dropout(0.5), nn.Linear(20, classes))

        yield
    forget_models()


def test_buffers_of_batch_normalisation_travel(odd_models, arena, doubles):
    clients = Clients(arena, kind_of("normed"), WORK["epochs"], sizes=(40, 16), dtype="float64")
    train_batch(ClientBatch(clients.site, tuple(clients.jobs)))
    size = clients.rows.shape[1]
    assert size == 30 + 6 + 1505 + 6
    for job in clients.jobs:
        np.testing.assert_allclose(clients.rows[job.row], clients.expected(job)[0], atol=1e-12)
        assert clients.rows[job.row][-6:].all()  # running mean and variance moved


@pytest.mark.parametrize("name", ["normed", "counting", "forgetful"])
def test_a_client_does_not_depend_on_who_worked_here_before(name, odd_models, arena):
    clients = Clients(arena, kind_of(name), WORK["epochs"], sizes=(40, 16, 24))
    jobs, rows = clients.jobs, []
    for order in (jobs, jobs[::-1], [jobs[1], *jobs]):
        for job in order:
            train_batch(ClientBatch(clients.site, (job,)))
        rows.append(clients.rows.copy())
    np.testing.assert_array_equal(rows[0], rows[1])
    np.testing.assert_array_equal(rows[0], rows[2])


def test_dropout_draws_from_the_clients_address(odd_models, arena, doubles):
    clients = Clients(arena, kind_of("forgetful"), WORK["epochs"], sizes=(40, 16), dtype="float64")
    before = torch.get_rng_state()
    train_batch(ClientBatch(clients.site, tuple(clients.jobs)))
    assert torch.equal(before, torch.get_rng_state())
    for job in clients.jobs:
        np.testing.assert_allclose(clients.rows[job.row], clients.expected(job)[0], atol=1e-12)
