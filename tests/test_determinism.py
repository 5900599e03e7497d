"""The number and the kind of workers change speed and nothing else."""

import numpy as np
import pytest
import torch

from fedsim.execution.pool import Pool
from fedsim.models.contract import model, models
from tests.small_runs import DIGITS, GLYPHS, held, played, registered, same, scenario

SKEWED = 'partition={name="dirichlet", alpha=0.3}'
RUNS = {
    "logistic": scenario(DIGITS, SKEWED),
    "mlp": scenario(DIGITS, SKEWED, "model=mlp", 'training.optimizer={name="sgd", momentum=0.9}', "training.epochs=2"),
    "adam": scenario(
        DIGITS,
        SKEWED,
        "model=mlp",
        'training.optimizer={name="adam", lr=0.01}',
        'training.algorithm={name="fedprox", mu=0.1}',
    ),
    "lenet5": scenario(GLYPHS, "training.batch_size=10", "rounds=2"),
    "poisoned": scenario(DIGITS, SKEWED, "training.worker_momentum=0.9", rest=held(1, 2, 3, name="label_flip")),
    "root": scenario(DIGITS, "aggregator=fedmi", rest=held(1, 2, name="sign_flip")),
    "late": scenario(
        DIGITS, 'clients.latency={name="exponential"}', "clients.deadline=1.0", 'clients.late="keep"', "rounds=5"
    ),
}


@pytest.fixture(scope="module")
def processes():
    with Pool(2, "loky") as pool:
        yield pool


@pytest.fixture(scope="module")
def threads():
    with Pool(2, "threading") as pool:
        yield pool


@pytest.mark.parametrize("given", RUNS.values(), ids=RUNS)
def test_two_processes_and_two_threads_give_the_events_of_one(given, processes, threads):
    alone = played(given)
    assert same(played(given, processes)) == same(alone)
    assert same(played(given, threads)) == same(alone)
    assert same(played(given)) == same(alone)


@pytest.mark.parametrize("given", [RUNS["mlp"], RUNS["logistic"], RUNS["lenet5"]], ids=["mlp", "logistic", "lenet5"])
def test_the_size_of_a_batch_changes_no_number(given):
    import dataclasses

    digests = set()
    for batch in (1, 2, 5, 100):
        execution = dataclasses.replace(given.execution, batch=batch)
        digests.add(played(dataclasses.replace(given, execution=execution))[-1].digest)
    assert len(digests) == 1


def test_events_without_nan_are_equal_as_they_are():
    given = RUNS["logistic"]
    assert played(given) == played(given)
    assert played(given) != played(scenario(DIGITS, SKEWED, "seed=2"))


@pytest.mark.parametrize("backend", ["serial", "threading"])
def test_the_callers_generators_are_neither_read_nor_moved(backend):
    given = RUNS["lenet5"]
    events = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - the caller's global state is what is tested
        before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
        with Pool(2, backend) as pool:
            events.append(same(played(given, pool)))
        assert torch.equal(before[0], torch.get_rng_state())
        assert before[1] == np.random.get_state()[1].tolist()  # noqa: NPY002
    assert events[0] == events[1]


@pytest.mark.parametrize("backend", ["serial", "threading"])
def test_the_callers_threads_are_given_back(backend):
    from threadpoolctl import threadpool_info

    def limits():
        return torch.get_num_threads(), [(info["filepath"], info["num_threads"]) for info in threadpool_info()]

    torch.set_num_threads(2)
    torch.ones(2) @ torch.ones(2)
    before = limits()
    with Pool(2, backend) as pool:
        played(RUNS["mlp"], pool)
    assert limits() == before


def test_layers_that_draw_draw_alike_in_threads_and_alone(threads):
    with registered(models, "forgetful"):

        @model("forgetful")
        def forgetful(shape, classes):
            nn = torch.nn
            return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, classes))

        given = scenario(DIGITS, "model=forgetful", "execution.batch=1", "training.epochs=3", "rounds=4")
        torch.manual_seed(7)
        before = torch.get_rng_state()
        alone = same(played(given))
        assert same(played(given, threads)) == alone
        assert torch.equal(before, torch.get_rng_state())
        assert alone[-1]["digest"] != played(scenario(DIGITS, "training.epochs=3", "rounds=4"))[-1].digest
