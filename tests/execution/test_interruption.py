"""Ctrl-C between entering a context and its body: nothing is waited for and nobody says a word but Python itself."""

import subprocess
import sys
import time

import pytest

from tests.small_runs import DIGITS

CHILD = """
import contextlib
import sys
from fedsim.engine import simulate
from fedsim.scenario.load import parse_scenario

text, context, event, *settings = sys.argv[1:]
enter = contextlib._GeneratorContextManager.__enter__
waiting = event == ""

def interrupted(self):
    global waiting
    entered = enter(self)
    if waiting and self.gen.__name__ == context:
        waiting = False
        raise KeyboardInterrupt
    return entered

contextlib._GeneratorContextManager.__enter__ = interrupted
for given in simulate(parse_scenario(text, settings)):
    waiting = waiting or type(given).__name__ == event
"""
TWO = ["execution.workers=2", "execution.batch=1"]
MOMENTS = {
    "before the workers start": ("repeatable", "", *TWO),
    "while the workers start": ("endings_held", "", *TWO),
    "before the workers are asked": ("repeatable", "RoundStarted", *TWO),
    "while the workers work": ("repeatable", "BatchTrained", *TWO, "training.epochs=200"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_script_that_is_interrupted_entering_a_context_ends_at_once_in_one_traceback(moment):
    command = [sys.executable, "-c", CHILD, DIGITS, *MOMENTS[moment]]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ended.stderr.count("Traceback") == 1, ended.stderr
    assert ended.stderr.rstrip().endswith("KeyboardInterrupt")
    assert "ignored" not in ended.stderr


OPEN = """
import time
from fedsim.execution.pool import Pool
pool = Pool(2)
answers = pool.map(time.sleep, [0, 60, 60, 60, 60])
next(answers)
"""


def test_a_pool_that_nobody_closes_ends_its_workers_at_once_and_without_a_word():
    begin = time.monotonic()
    ended = subprocess.run([sys.executable, "-c", OPEN], capture_output=True, text=True, check=False, timeout=200)
    assert time.monotonic() - begin < 60
    assert (ended.returncode, ended.stderr) == (0, "")


SETTLED = """
import os
from joblib.externals.loky.process_executor import ProcessPoolExecutor
from fedsim.execution.pool import begin_worker
from fedsim.execution.workers import _begin_worker
executor = ProcessPoolExecutor(2, initializer=_begin_worker, initargs=(os.getpid(), True, begin_worker))
print(list(executor.map(abs, [-1, -2])))
"""


def test_a_settled_worker_that_ends_by_itself_says_nothing():
    ended = subprocess.run([sys.executable, "-c", SETTLED], capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.stderr) == ("[1, 2]\n", "")


HELD = """
import importlib, sys, torch
from fedsim.execution.arithmetic import repeatable
context = repeatable()
context.__enter__()
importlib.import_module(sys.argv[1]).kept = context
del context
"""


@pytest.mark.parametrize("holder", ["contextlib", "torch"])
def test_a_context_that_is_left_open_says_nothing_whichever_module_lets_go_of_it_last(holder):
    ended = subprocess.run([sys.executable, "-c", HELD, holder], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
