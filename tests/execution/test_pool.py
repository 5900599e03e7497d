"""Jobs are answered in order, whatever becomes of the workers, and nothing outlives the pool."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from fedsim.errors import RunFailed
from fedsim.execution import workers
from fedsim.execution.cleanup import is_alive
from fedsim.execution.pool import MOST_DEATHS, JobFailed, Pool, WorkersDied

BACKENDS = ["serial", "threading", "loky"]


def slowly_squared(number):
    time.sleep(0.02 * (5 - number % 5))
    return number**2


def choosy(number):
    if number == 3:
        raise KeyError("three")
    return number


def process(_):
    time.sleep(0.05)
    return os.getpid()


def dying_once(marker):
    """Die the first time that this marker is seen."""
    if marker and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return marker


def dying(number):
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def touching(path):
    time.sleep(0.3)
    Path(path).touch()


def children():
    return {child.pid for child in multiprocessing.active_children()} | {
        int(task) for line in Path("/proc/self/task").glob("*/children") for task in line.read_text().split()
    }


def nothing():
    """What a worker here has to do first: these jobs need no torch, whose import takes longer than all of them."""


@pytest.fixture(scope="module", autouse=True)
def _workers_that_start_at_once():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fedsim.execution.pool.begin_worker", nothing)
        patch.setattr("fedsim.execution.pool.warm", nothing)
        yield


@pytest.fixture(scope="module")
def processes(_workers_that_start_at_once):
    with Pool(2, "loky") as pool:
        yield pool


@pytest.fixture(params=BACKENDS)
def pool(request, processes):
    if request.param == "loky":
        yield processes
    else:
        with Pool(2, request.param) as made:
            yield made


def test_answers_come_in_the_order_of_the_jobs(pool):
    assert list(pool.map(slowly_squared, range(9))) == [number**2 for number in range(9)]


def test_a_job_that_raises_is_named(pool):
    answers = pool.map(choosy, range(6))
    assert [next(answers) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(JobFailed, match="KeyError: 'three'") as nonfinite:
        next(answers)
    assert nonfinite.value.job == 3
    assert isinstance(nonfinite.value.__cause__, KeyError)
    assert list(pool.map(choosy, [1, 2])) == [1, 2]  # the pool goes on


@pytest.mark.alone
def test_workers_are_other_processes_and_share_the_work(processes):
    found = set(processes.map(process, range(8)))
    assert len(found) == 2
    assert os.getpid() not in found


def test_a_worker_that_is_killed_is_replaced_and_its_job_done_again(processes, tmp_path):
    jobs = ["", str(tmp_path / "a"), "", str(tmp_path / "b"), ""]
    assert list(processes.map(dying_once, jobs)) == jobs


def test_work_that_always_kills_its_worker_ends_and_is_named(processes):
    assert MOST_DEATHS == 3
    with pytest.raises(WorkersDied) as nonfinite:
        list(processes.map(dying, range(4)))
    assert nonfinite.value.job <= 2
    assert list(processes.map(choosy, [1, 2])) == [1, 2]


def test_leaving_a_map_early_ends_what_it_started(processes, tmp_path):
    files = [str(tmp_path / str(number)) for number in range(6)]
    answers = processes.map(touching, files)
    next(answers)
    answers.close()
    time.sleep(0.1)
    done = len(list(tmp_path.iterdir()))
    time.sleep(0.5)
    assert len(list(tmp_path.iterdir())) == done < 6
    assert list(processes.map(choosy, [1, 2])) == [1, 2]


def test_closing_leaves_no_process():
    before = children()
    pool = Pool(2, "loky")
    pids = set(pool.map(process, range(4)))
    assert pids <= children()
    pool.close()
    assert not pids & children()
    assert len(children() - before) <= 1  # joblib's tracker of resources stays for the next pool
    pool.close()  # twice is once


def test_auto_begins_here_and_sends_work_away_once_it_pays(monkeypatch):
    from fedsim.execution import pool as module

    monkeypatch.setattr(module, "WORKERS_AFTER_SECONDS", 0.05)
    with Pool("auto", "threading") as pool:
        pool.workers = 2
        started = []
        monkeypatch.setattr(pool, "_make", lambda make=pool._make: started.append(1) or make())
        for _ in range(3):
            assert list(pool.map(slowly_squared, range(5))) == [0, 1, 4, 9, 16]
        assert started == [1]
        assert list(pool.map(choosy, range(3))) == [0, 1, 2]  # too small to be sent


def test_auto_starts_nothing_for_little_work():
    with Pool("auto", "loky") as pool:
        pool.start()
        assert list(pool.map(choosy, range(3))) == [0, 1, 2]
        assert pool._executor is None


@pytest.mark.parametrize("workers", [1, 3])
def test_serial_has_one_worker(workers):
    assert Pool(workers, "serial").workers == 1
    assert Pool(workers, "loky").workers == workers


def test_a_daemonic_process_does_without_workers_and_refuses_a_number_of_them():
    with multiprocessing.get_context("fork").Pool(1) as outer:
        assert outer.apply(counted) == (1, [0, 1, 4, 9])
        assert "daemonic" in outer.apply(refused)


def counted():
    with Pool("auto") as pool:
        return pool.workers, list(pool.map(slowly_squared, range(4)))


def refused():
    try:
        Pool(2)
    except RunFailed as error:
        return str(error)
    return ""


@pytest.mark.parametrize("when", ["at once", "when they are started"])
def test_where_no_semaphores_are_to_be_had_auto_does_without_workers_and_says_so(monkeypatch, when):
    from fedsim.execution import pool as module

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "WORKERS_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(module, "cpu_count", lambda: 2)
    if when == "at once":
        monkeypatch.setattr("_multiprocessing.SemLock", fail)
        with pytest.raises(RunFailed, match=r"no worker processes: .*No space left.*execution.workers = 1"):
            Pool(2)
    else:
        monkeypatch.setattr(module, "start_workers", fail)
        with pytest.raises(RunFailed, match=r"no worker processes: .*No space left.*execution.workers = 1"):
            Pool(2).start()
    with Pool("auto") as pool:
        assert list(pool.map(slowly_squared, range(4))) == [0, 1, 4, 9]
        assert list(pool.map(slowly_squared, range(4))) == [0, 1, 4, 9]
        assert pool.workers == 1
        assert "No space left" in pool.note


def test_semaphores_of_a_process_that_was_killed_are_removed_at_the_next_start(monkeypatch, tmp_path):
    monkeypatch.setattr(workers, "SEMAPHORES", tmp_path)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for process in (ended.pid, os.getppid()):
        (tmp_path / f"sem.loky-{process}-abc").touch()
    with Pool(2, "loky") as pool:
        assert list(pool.map(choosy, [1, 2])) == [1, 2]
    assert [path.name for path in tmp_path.iterdir()] == [f"sem.loky-{os.getppid()}-abc"]


def test_the_thread_that_feeds_the_workers_has_ended_when_the_pool_is_closed():
    before = {thread for thread in threading.enumerate() if thread.name == "QueueFeederThread"}
    with Pool(2, "loky") as pool:
        list(pool.map(choosy, [1, 2]))
        assert {thread for thread in threading.enumerate() if thread.name == "QueueFeederThread"} - before
    assert not {thread for thread in threading.enumerate() if thread.name == "QueueFeederThread"} - before


def test_where_the_system_does_not_tell_a_worker_notices_that_its_parent_is_gone():
    text = """
from fedsim.execution import workers
workers.SYSTEM_TELLS = False
from fedsim.execution import pool as module
from tests.execution.test_pool import nothing, process
module.begin_worker = module.warm = nothing
pool = module.Pool(2)
print(*set(pool.map(process, range(8))), flush=True)
import os
os.kill(os.getpid(), 9)
"""
    ended = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    found = [int(pid) for pid in ended.stdout.split()]
    assert found
    limit = time.monotonic() + 20
    while any(map(is_alive, found)) and time.monotonic() < limit:
        time.sleep(0.05)
    assert not any(map(is_alive, found))
    assert ended.stderr == ""


def test_workers_end_without_the_help_of_another_program(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with Pool(2, "loky") as pool:
        assert list(pool.map(choosy, [1, 2])) == [1, 2]
        with pytest.raises(WorkersDied):
            list(pool.map(dying, range(4)))
