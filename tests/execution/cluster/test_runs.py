"""Runs and studies on a cluster of Dask: the same bits, whoever does the work and whoever dies over it."""

import os
import subprocess
import sys
import threading
import time

import pytest

import fedsim
from fedsim.attacks.contract import attacks, data_attack
from fedsim.engine import simulate
from fedsim.errors import ClientFailed
from fedsim.events import BatchTrained, RoundEnded
from fedsim.execution.cleanup import is_alive
from fedsim.execution.cluster.connection import NoCluster
from fedsim.execution.pool import Pool
from fedsim.execution.sending import SENT_WITH_JOBS
from fedsim.runs.summary_file import read_summary
from tests.execution.cluster.processes import HOUSE, cluster, until
from tests.small_runs import DIGITS, content, ends, held, played, registered, run_in, same, scenario
from tests.study.small_study import STUDY, study_in

pytest.importorskip("distributed")

ALONE = "execution.batch=1"  # a client a job
POISONED = "attacks=[{data=['label_flip'], training=['neurotoxin'], fraction=0.25}]"


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    """A scheduler with two workers, in which others take the places of those that a test kills."""
    with cluster(tmp_path_factory.mktemp("dask"), workers=2) as made:
        made.has(2)
        yield made


@pytest.fixture
def pool(machines):
    with Pool("auto", "dask", machines.address) as made:
        yield made


@pytest.mark.parametrize(
    "changes",
    [
        [POISONED],  # reads the last aggregate besides the parameters
        ["training.algorithm.name='scaffold'"],  # reads rows
        ["aggregator={name='zeno', f=1}", "evaluation.limit=600"],  # answers on root data; several pieces of an exam
        ["partition={name='virtual', samples=20}", "model='mlp'"],
    ],
    ids=["poisoned", "scaffold", "zeno", "virtual"],
)
def test_a_run_has_the_same_events_on_a_cluster(pool, changes):
    given = scenario(DIGITS, ALONE, *changes)
    assert same(played(given, pool)) == same(played(given))


def test_two_runs_may_share_the_workers_by_turns(pool):
    one, other = scenario(DIGITS, ALONE), scenario(DIGITS, ALONE, "seed=2")
    with simulate(one, pool) as first, simulate(other, pool) as second:
        events = [*zip(first, second, strict=True)]
    assert same(event for event, _ in events) == same(played(one))
    assert same(event for _, event in events) == same(played(other))


def test_own_code_goes_by_value_and_a_long_function_once(pool):
    with registered(attacks, "long_function"):
        table = tuple(range(SENT_WITH_JOBS))

        @data_attack("long_function")
        def long_function(targets, classes):
            return (targets + table[1]) % classes

        given = scenario(DIGITS, ALONE, rest=held(0, 1, 2, name="long_function"))
        assert same(played(given, pool)) == same(played(given))


def test_what_a_client_raises_names_the_round_and_the_client(pool):
    with registered(attacks, "refusing"):

        @data_attack("refusing")
        def refusing(targets, classes):
            if threading.current_thread() is not threading.main_thread():  # as in a worker, and not in the dry run
                raise TimeoutError("too late")
            return targets

        with pytest.raises(ClientFailed, match=r"round 1, clients \d: TimeoutError: too late"):
            played(scenario(DIGITS, ALONE, "clients.sampled=12", rest=held(0, name="refusing")), pool)


def test_a_worker_killed_in_mid_round_changes_nothing_and_another_may_come(machines, pool):
    with registered(attacks, "slow"):

        @data_attack("slow")
        def slow(targets, classes):
            time.sleep(0.1)
            return targets

        given = scenario(DIGITS, ALONE, "rounds=2", "clients.sampled=12", rest=held(*range(12), name="slow"))
        events = []
        for event in simulate(given, pool):
            events.append(event)
            if sum(isinstance(each, BatchTrained) for each in events) == 2:  # of twelve
                machines.kill()
                machines.start()  # it has none of the data yet
        assert same(events) == same(played(given))
        machines.has(2)
        assert same(played(given, pool)) == same(events)
    assert len(pool.machines()["cluster"]["processors"]) == 1


def test_the_record_of_a_run_says_who_did_the_work_and_is_verified_without_them(machines, pool, tmp_path, monkeypatch):
    cluster = ["execution.backend='dask'", f"execution.address='{machines.address}'"]
    run_in(tmp_path / "run", scenario(DIGITS, ALONE, *cluster), pool)
    found = read_summary(tmp_path / "run")["wall"]["cluster"]
    assert found["scheduler"] == machines.address
    assert sum(found["processors"].values()) == found["workers"] >= 2
    with monkeypatch.context() as patch:
        patch.setattr("fedsim.scenario.execution_checks.find_spec", lambda _: None)  # somebody who has no cluster
        assert fedsim.load_run(tmp_path / "run").verify().difference is None


def test_a_study_is_played_on_the_cluster_and_outlives_a_worker(machines, tmp_path):
    path = study_in(tmp_path, STUDY.replace("rounds = 3", "rounds = 10"))
    kinds = []
    for event in fedsim.sweep(path, tmp_path / "there", address=machines.address):
        kinds.append(event.kind)
        if kinds == ["started", "started", "finished", "started"]:
            machines.kill()
    assert kinds.count("finished") == 8
    assert kinds.count("started") == 8
    assert {event.kind for event in fedsim.sweep(path, tmp_path / "here")} == {"started", "finished"}
    assert content(tmp_path / "there/cells") == content(tmp_path / "here/cells")


def test_the_cells_of_a_study_need_a_disk_that_workers_see(machines, tmp_path, monkeypatch):
    path = study_in(tmp_path)
    monkeypatch.setattr("fedsim.execution.cluster.cells.sees", len)
    with pytest.raises(NoCluster, match="must lie on a disk that every worker sees under the same path"):
        list(fedsim.sweep(path, tmp_path / "out", address=machines.address))
    monkeypatch.undo()
    monkeypatch.setattr("fedsim.study.where.own_files", lambda _: {str(path): "0" * 64})
    with pytest.raises(NoCluster, match=r"does not have the same .*small.toml: own code must lie there too"):
        list(fedsim.sweep(path, tmp_path / "out", address=machines.address))


def test_a_study_stops_after_the_rounds_under_way(machines, tmp_path):
    from fedsim.study.cells import cells_of
    from fedsim.study.perform import Sweep
    from fedsim.study.plan import read_plan
    from fedsim.study.state import states_of
    from fedsim.study.where import Where

    path = study_in(tmp_path, STUDY.replace("rounds = 3", "rounds = 5000"))
    cells = cells_of(read_plan(path, tmp_path / "out"))
    sweep = Sweep(cells, states_of(cells), Where(1, "dask", machines.address))
    kinds = []
    for event in sweep:
        kinds.append(event.kind)
        sweep.stop()
    assert set(kinds) == {"started", "stopped"}
    assert kinds.count("started") == kinds.count("stopped")
    assert {state.status for state in states_of(cells).values()} == {"partial", "new"}


SCRIPT = """
import os, sys, time
from fedsim.engine import simulate
from fedsim.events import RoundEnded
from fedsim.execution.pool import Pool
from tests.small_runs import scenario

with Pool(2, "dask") as pool:
    print(*pool._cluster._connection.client.run(os.getpid).values(), flush=True)
    for event in simulate(scenario("rounds = 1", "data='digits'", "execution.batch=1"), pool):
        if isinstance(event, RoundEnded):
            print(event.digest, flush=True)
            time.sleep(100)
"""


def test_a_script_starts_workers_of_its_own_which_end_with_it_however_it_ends(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)  # as anybody writes one: without a guard around what it does
    command = [sys.executable, tmp_path / "script.py"]
    environment = os.environ | {"PYTHONPATH": str(HOUSE)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as script:
        workers = list(map(int, script.stdout.readline().split()))
        assert script.stdout.readline().strip() == ends(played(scenario("rounds = 1", "data='digits'")))[0].digest
        assert len(workers) == 2
        script.kill()
    until(lambda: not any(map(is_alive, workers)))


def test_a_scheduler_that_is_gone_ends_the_run_in_words(machines, pool):
    """The last one here: nobody can use these machines afterwards."""
    with pytest.raises(NoCluster, match=rf"the scheduler at {machines.address} is gone"):
        for event in simulate(scenario(DIGITS, ALONE), pool):
            if isinstance(event, RoundEnded):
                machines.scheduler.kill()
                machines.scheduler.wait()
