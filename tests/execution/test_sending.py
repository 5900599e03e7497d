"""Functions that only one process knows reach the others: those of a script, a notebook, a file by its path."""

import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

from fedsim.errors import RunFailed
from fedsim.execution.pool import Pool
from fedsim.execution.sending import SENT_WITH_JOBS, Sent
from fedsim.registry import Bound
from tests.simulation.test_dispatch import memory_files

OWN = """
import fedsim
from fedsim.attacks.contract import data_attack
from fedsim.models.contract import model
from fedsim.optimizers.contract import optimizer

SLOPE = 0.5

def halved(gradient):
    return SLOPE * gradient

@model("own_net")
def own_net(shape, classes):
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(shape[1] * shape[2], classes)

        def forward(self, inputs):
            return torch.tanh(self.layer(inputs.flatten(1)))

    return Net()

@data_attack("own_attack")
def own_attack(targets, classes):
    return (targets + 1) % classes

@optimizer("own_step")
def own_step(parameters, gradient, state, *, lr: float = 0.1):
    parameters.sub_(halved(gradient), alpha=lr)
"""
PLAY = '''
from fedsim.engine import simulate
from fedsim.scenario.load import parse_scenario
from fedsim.execution.pool import Pool

TEXT = """
rounds = 2
data = "digits"
model = "own_net"
clients = { population = 8, sampled = 4 }
training = { optimizer = "own_step" }
execution = { batch = 1 }
evaluation = { limit = 50 }
attacks = [ { name = "own_attack", ids = [0, 1, 2, 3] } ]
"""

def digest(workers, pool=None):
    given = parse_scenario(TEXT, [f"execution.workers={workers}"])
    return [event.digest for event in simulate(given, pool) if type(event).__name__ == "RoundEnded"]
'''


def said_by(text, folder):
    """The lines that a script of its own printed."""
    path = folder / "script.py"
    path.write_text(text)
    ended = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    return ended.stdout.split()


def test_what_a_script_registers_is_run_by_workers(tmp_path):
    alone, crew = said_by(OWN + PLAY + "print(digest(1)[-1]); print(digest(2)[-1])", tmp_path)
    assert alone == crew


def test_a_cell_that_is_edited_and_run_again_reaches_workers_that_knew_the_old_one(tmp_path):
    edited = """
with Pool(2) as pool:
    exec(compile(OWN, "<cell 1>", "exec"))
    print(digest(2, pool)[-1])
    exec(compile(OWN.replace("SLOPE = 0.5", "SLOPE = 0.25"), "<cell 1>", "exec"))
    print(digest(2, pool)[-1])
    exec(compile(OWN.replace("SLOPE = 0.5", "SLOPE = 0.25").replace("targets + 1", "targets + 2"), "<cell 1>", "exec"))
    print(digest(2, pool)[-1])
print(digest(1)[-1])
"""
    first, second, third, alone = said_by(f"OWN = {OWN!r}\n{PLAY}{edited}", tmp_path)
    assert len({first, second, third}) == 3
    assert third == alone


def test_a_file_loaded_by_its_path_is_run_by_workers(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "mine.py").write_text(OWN)
    loading = f"""
import importlib.util, sys
spec = importlib.util.spec_from_file_location("my_own_file", {str(tmp_path / "elsewhere" / "mine.py")!r})
module = sys.modules["my_own_file"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(digest(1)[-1]); print(digest(2)[-1])
"""
    alone, crew = said_by(PLAY + loading, tmp_path)
    assert alone == crew


def bound(function):
    return Bound("mine", function, (), {})


def summed(sent):
    return sent.thing(), id(sent)


def test_what_is_large_is_sent_once_and_its_memory_given_back():
    before, big = memory_files(), np.ones(1_000_000)
    sent = Sent(bound(lambda: float(big.sum())))
    assert len(pickle.dumps(sent)) < 500
    with Pool(2, "loky") as pool:
        answers = list(pool.map(summed, [sent] * 20))
    assert {answer for answer, _ in answers} == {1e6}
    assert len({place for _, place in answers}) <= 2  # one object in each worker
    del sent
    assert memory_files() == before


def test_what_can_be_imported_travels_as_its_address():
    assert len(pickle.dumps(Sent(bound(summed)))) < 500 < SENT_WITH_JOBS


def test_pickling_happens_once(monkeypatch):
    counted = []
    monkeypatch.setattr("fedsim.execution.sending._packed", lambda thing: counted.append(thing) or b"here")
    sent = Sent(bound(summed))
    assert pickle.dumps(sent) == pickle.dumps(sent)
    assert len(counted) == 1


def test_what_cannot_be_sent_is_words():
    lock = threading.Lock()
    with pytest.raises(RunFailed, match=r"`mine` cannot be sent to other processes: .*workers = 1"):
        pickle.dumps(Sent(bound(lambda: lock)))
