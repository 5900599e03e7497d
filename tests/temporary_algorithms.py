"""A process that has imported everything and forks a child for each command.

So a child is a real `fedsim` that starts in no time and can be killed at any moment.
"""

import importlib
import os
import subprocess
import sys
from pathlib import Path


class Nursery:
    """Commands one after another, each in a child of its own."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from tests.temporary_algorithms import tend; tend()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent,
        )  # fmt: skip
        self._hear()

    def begin(self, *words: object) -> int:
        """Start `fedsim` with these arguments; its pid."""
        assert self._process.stdin is not None
        self._process.stdin.write("\t".join(map(str, [self.log, *words])) + "\n")
        self._process.stdin.flush()
        return int(self._hear())

    def ended(self) -> int:
        """Wait for the exit code of what was begun, negative for a signal."""
        return int(self._hear())

    def close(self) -> None:
        """No more commands."""
        self._process.communicate()

    def _hear(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def tend() -> None:
    """Fork a child for each line of standard input, its log and its arguments; tell its pid, then how it ended."""
    for room in ("matplotlib.pyplot", "sklearn.datasets", "fedsim.report.figures", "cli.commands.run", "cli.app"):
        importlib.import_module(room)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become(*line.rstrip("\n").split("\t"))
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _become(log: str, *arguments: str) -> None:
    from cli.app import main

    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(written, 1)
    os.dup2(written, 2)
    os.close(0)
    try:
        main(list(arguments))
    except SystemExit as leaving:
        os._exit(leaving.code if isinstance(leaving.code, int) else 0 if leaving.code is None else 1)
    os._exit(0)
