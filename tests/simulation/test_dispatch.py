"""Work that fails names its clients; a run that ends early leaves nothing; Ctrl-C and a killed parent end it all."""

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from fedsim.engine import simulate
from fedsim.errors import ClientFailed
from fedsim.events import BatchTrained, RoundEnded
from fedsim.execution.pool import Pool
from fedsim.models.contract import model, models
from fedsim.simulation.client_batches import grouped
from fedsim.training.client import ClientJob
from tests.small_runs import DIGITS, played, registered, same, scenario


def memory_files():
    """Anonymous files that this process holds open."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(link.readlink()))
        except FileNotFoundError:
            continue
    return sum("memfd:fedsim" in name for name in found)


def litter():
    return {path.name for folder in ("/dev/shm", "/tmp") for path in Path(folder).glob("*fedsim-*")}  # noqa: S108


@pytest.mark.parametrize("count", [0, 1, 2, 5, 6, 10, 11, 37])
@pytest.mark.parametrize("most", [1, 2, 5, 100])
def test_groups_are_even_in_size_and_number(count, most):
    jobs = [ClientJob(client, client, (), None) for client in range(count)]
    groups = grouped(jobs, most)
    assert [job for group in groups for job in group] == jobs
    sizes = [len(group) for group in groups]
    assert all(0 < size <= most for size in sizes)
    assert max(sizes, default=0) - min(sizes, default=0) <= 1
    assert len(groups) <= 1 or len(groups) % 2 == 0 or len(groups) == count


@pytest.mark.parametrize(
    ("count", "worth", "sizes"), [(13, 13, [13]), (13, 12, [6, 7]), (30, 13, [7, 8, 7, 8]), (3, 0, [1, 2])]
)
def test_fewer_clients_than_are_worth_a_job_make_none_of_their_own(count, worth, sizes):
    jobs = [ClientJob(client, client, (), None) for client in range(count)]
    assert [len(group) for group in grouped(jobs, 5, worth)] == sizes


def test_gradients_of_a_small_model_are_one_batch_whatever_the_workers():
    small = scenario(DIGITS, "training.algorithm='fedsgd'", "training.batch_size=10", "model='logistic'", "rounds=2")
    runs = [played(small, pool) for pool in (Pool(1, "serial"), Pool(2, "threading"))]
    assert [sum(isinstance(event, BatchTrained) for event in run) for run in runs] == [2, 2]
    assert same(runs[0]) == same(runs[1])


def test_a_model_that_raises_names_round_and_clients():
    with registered(models, "moody"):

        class Moody(torch.nn.Module):
            def __init__(self, classes):
                super().__init__()
                self.linear = torch.nn.Linear(64, classes)

            def forward(self, images):
                if self.training and self.linear.weight.grad_fn is None and calls.append(1) is None and len(calls) > 40:
                    raise RuntimeError("I am tired")
                return self.linear(images.flatten(1))

        @model("moody")
        def moody(shape, classes):
            return Moody(classes)

        calls = []
        with pytest.raises(
            ClientFailed,
            match=r"^round \d, clients \d+, \d+, \d+: RuntimeError: I am tired \(test_dispatch.py:\d+ in forward\)$",
        ) as nonfinite:
            played(scenario(DIGITS, "model=moody", "rounds=9"))
        assert len(nonfinite.value.clients) == 3
        assert isinstance(nonfinite.value.__cause__, RuntimeError)


@pytest.fixture
def processes():
    with Pool(2, "loky") as pool:
        list(pool.map(abs, [1, 2]))
        yield pool


def workers():
    return [child.pid for child in multiprocessing.active_children()]


def test_a_worker_killed_during_the_run_changes_nothing(processes):
    given = scenario(DIGITS, "rounds=6", "execution.batch=1", "training.epochs=20")
    expected, events = same(played(given)), []
    with simulate(given, processes) as simulation:
        for event in simulation:
            events.append(event)
            if isinstance(event, BatchTrained) and len(events) in {5, 30}:
                os.kill(next(iter(processes._executor._processes)), signal.SIGKILL)
    assert same(events) == expected


@pytest.mark.alone
@pytest.mark.parametrize("kind", [RoundEnded, BatchTrained], ids=["between rounds", "in a round"])
def test_a_run_left_early_gives_everything_back(kind):
    gc.collect()  # what earlier tests left to the collector is not this one's
    before = memory_files(), litter()
    simulation = simulate(scenario(DIGITS, 'execution.backend="loky"', "execution.workers=2", "execution.batch=1"))
    for event in simulation:
        if isinstance(event, kind):
            break
    assert memory_files() > before[0]
    begin = time.perf_counter()
    simulation.close()
    assert time.perf_counter() - begin < 2
    del simulation
    assert (memory_files(), litter()) == before


def test_runs_one_after_another_leave_no_memory():
    before = memory_files()
    for _ in range(3):
        played(scenario(DIGITS, "rounds=1"))
    assert memory_files() == before


CHILD = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that starts the tests in the background ignores it
from fedsim.engine import simulate
from fedsim.scenario.load import parse_scenario
from fedsim.execution.pool import Pool
text = open(sys.argv[1]).read()
given = parse_scenario(text, ["rounds=100000", "execution.workers=2"])
for event in simulate(given):
    if type(event).__name__ == "BatchTrained":
        print(event.round, flush=True)
"""


@pytest.fixture
def child(tmp_path):
    path = tmp_path / "scenario.toml"
    path.write_text(DIGITS)
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def group_of(process):
    """Living processes of the child's session."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if int(session) == process.pid and state != "Z":
            found.append(int(folder.name))
    return found


def gone(process, seconds):
    limit = time.monotonic() + seconds
    while time.monotonic() < limit and group_of(process):
        time.sleep(0.05)
    return not group_of(process)


def test_workers_go_with_a_parent_that_is_killed(child):
    assert len(group_of(child)) >= 3
    child.kill()
    assert gone(child, 5)


@pytest.mark.alone
def test_ctrl_c_ends_everything_at_once_and_workers_say_nothing(child):
    begin = time.monotonic()
    os.killpg(child.pid, signal.SIGINT)
    _, errors = child.communicate(timeout=10)
    assert time.monotonic() - begin < 10
    assert gone(child, 10)
    assert errors.decode().count("Traceback") == 1  # this script's own: it catches nothing
    assert errors.decode().rstrip().endswith("KeyboardInterrupt")
