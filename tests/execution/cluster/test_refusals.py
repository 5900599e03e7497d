"""A cluster that cannot do the work is refused in one message, before any work."""

import shutil
import socket
from contextlib import closing
from importlib.util import find_spec

import pytest

from fedsim.errors import ScenarioError
from fedsim.execution.cluster import connection
from fedsim.execution.cluster.connection import Connection, NoCluster
from fedsim.execution.cluster.likeness import about, crowded, differences, refusal, unlike
from fedsim.execution.pool import Pool
from fedsim.scenario.load import parse_scenario
from tests.cli.recorded_run import ask
from tests.execution.cluster.processes import HOUSE, cluster
from tests.study.small_study import study_in

needs_dask = pytest.mark.skipif(find_spec("distributed") is None, reason="the extra dask is not installed")


def problem(text):
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text)
    (found,) = caught.value.problems
    return found.where, found.message


@needs_dask
def test_settings_that_do_not_go_together():
    address = 'address = "tcp://10.0.0.1:8786"'
    assert problem(f"[execution]\n{address}") == (
        "execution.address",
        'is that of a Dask cluster: it needs backend = "dask", and the backend is loky',
    )
    where, message = problem(f'[execution]\nbackend = "dask"\nworkers = 3\n{address}')
    assert where == "execution.workers"
    assert "all workers of the cluster at `address` take part" in message


@needs_dask
def test_an_address_that_is_none():
    where, message = problem('[execution]\nbackend = "dask"\naddress = "10.0.0.1"')
    assert where == "execution.address"
    assert message.startswith("must be the address of a scheduler of Dask, such as tcp://10.0.0.1:8786, got")


def test_without_the_package_a_run_is_refused_and_its_results_are_read(monkeypatch):
    monkeypatch.setattr("fedsim.scenario.execution_checks.find_spec", lambda name: None)
    monkeypatch.setattr("fedsim.execution.cluster.connection.find_spec", lambda name: None)
    text = '[execution]\nbackend = "dask"'
    expected = "dask needs the package distributed, which is not installed: pip install 'fedsim-byzantine[dask]'"
    assert problem(text) == ("execution.backend", expected)
    assert parse_scenario(text, tracked=False).execution.backend == "dask"
    with pytest.raises(NoCluster, match="is not installed: pip install"):
        Pool(2, "dask")


@needs_dask
def test_nobody_answers(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(connection, "SECONDS", 0.3)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(NoCluster, match=f"no scheduler answers at {address} within"):
            Pool("auto", "dask", address)
        answer = ask(capsys, "sweep", study_in(tmp_path), "--address", address, "--out", tmp_path / "out")
        assert answer.code == 1
        assert f"no scheduler answers at {address}" in " ".join(answer.err.split())
        options = ["execution.backend=dask", f"execution.address={address}"]
        sets = [part for each in options for part in ("--set", each)]
        answer = ask(capsys, "run", "smoke", *sets, "--out", tmp_path / "run")
        assert answer.code == 1
        assert not (tmp_path / "run").exists()


@needs_dask
def test_options_of_a_sweep_that_do_not_go_together(tmp_path, capsys):
    path, address = study_in(tmp_path), "tcp://127.0.0.1:1"
    for options, words in [
        (["--address", "here"], "must be the address of a scheduler of Dask"),
        (["--backend", "ray"], "must be loky or dask, got 'ray'"),
        (["--backend", "loky", "--address", address], "does not go with the backend loky"),
        (["--workers", "3", "--address", address], "all workers of the cluster"),
    ]:
        answer = ask(capsys, "sweep", path, *options, "--out", tmp_path / "out")
        assert answer.code == 2
        assert words in " ".join(answer.err.replace("│", " ").split())


@needs_dask
def test_a_cluster_of_other_code_or_without_workers(monkeypatch, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(HOUSE / "fedsim", other / "fedsim", ignore=shutil.ignore_patterns("__pycache__"))
    (other / "fedsim/engine.py").write_text((other / "fedsim/engine.py").read_text() + "\n")
    with cluster(tmp_path) as made:
        with monkeypatch.context() as patch:
            patch.setattr(connection, "SECONDS", 1.0)
            with pytest.raises(NoCluster, match=f"no workers are attached to the scheduler at {made.address}"):
                Connection(made.address, 1)
        made.start()
        made.has(1)
        with closing(Connection(made.address, 1)) as connected:
            made.start(house=other)
            made.has(2)
            connected.admit(set(connected.alive()) - set(connected.members))
            assert len(connected.members) == 1
            assert "not used: worker tcp://127.0.0.1:" in connected.note
            assert connected.restriction()["workers"] == list(connected.members)
        with pytest.raises(NoCluster) as caught:
            Connection(made.address, 1)
    assert "other code of fedsim: fedsim/engine.py differs" in str(caught.value)
    assert str(caught.value).startswith("worker tcp://127.0.0.1:")


@needs_dask
def test_what_is_said_of_a_worker():
    here = about()
    assert differences(here) == ""
    assert differences(here | {"torch": "1.0", "python": "3.9"}) == (
        f"python 3.9 (here {here['python']}), torch 1.0 (here {here['torch']})"
    )
    assert differences(here | {"fedsim-byzantine": "0.0.1"}).startswith("fedsim 0.0.1 (here ")
    assert "no fedsim that knows clusters (ModuleNotFoundError: No" in differences(ModuleNotFoundError("No module"))
    found = refusal({f"tcp://host:{port}": "torch 1.0" for port in range(5)})
    assert found.startswith("worker tcp://host:0 has torch 1.0; worker")
    assert found.endswith(" and 2 more: install the same on every worker")


@needs_dask
def test_unlike_processors_are_noticed():
    here = about()
    assert unlike([here, here]) == ""
    words = unlike([here, here | {"processor": "EPYC"}, here | {"processor": "EPYC"}])
    assert "2 × EPYC" in words
    assert f"1 × {here['processor']}" in words
    assert unlike([here | {"processor": "EPYC"}]) != ""  # all alike, and unlike this one
    assert list(crowded({"a": 1, "b": 1})) == []
    assert "up to 8 threads" in next(crowded({"a": 8}))
