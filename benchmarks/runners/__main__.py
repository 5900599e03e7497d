"""One simulator on one workload: python -m benchmarks.runners NAME WORKLOAD RULE [FILE FOR THE PARAMETERS]."""

import importlib
import logging
import sys
import warnings
from pathlib import Path

from benchmarks.runners.gates import Gate
from benchmarks.runners.task import Task
from fedsim.execution.arithmetic import settle

A_TURN = 10
"""Steps of one gradient that are taken in turn: alone, each would find the caches full of another's."""


def main(name: str, workload: str, rule: str, kept: str = "") -> None:
    """Play rounds until the parent says stop; with a file, each client makes one step over all its examples."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    settle()
    runner = importlib.import_module(f"benchmarks.runners.{name}")
    task = Task.of(workload, whole=bool(kept))
    every = A_TURN if task.workload.sends and not kept else 1
    runner.run(task, rule, Gate(sys.stdout, sys.stdin, Path(kept) if kept else None, every))


if __name__ == "__main__":
    main(*sys.argv[1:])
