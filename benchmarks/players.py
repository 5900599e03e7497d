"""The simulators as processes that play one round whenever they are told to."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import IO, NamedTuple, cast

from benchmarks.runners.gates import MARK
from cli.bench.effort import BenchFailed
from cli.bench.processes import ONE_THREAD
from cli.bench.tables import Row
from fedsim.execution.cleanup import is_undone, undo_when_left

NAMES = {
    "ours": "fedsim", "script": "usual script", "pfl": "pfl", "fedlab": "FedLab", "byzfl": "byzfl",
    "flower": "Flower + Ray", "fedjax": "fedjax",
}  # fmt: skip


class Contender(NamedTuple):
    """A runner and its rule."""

    module: str
    rule: str

    @property
    def name(self) -> str:
        """What it is called in the table."""
        return f"{NAMES[self.module]} ({self.rule.replace('_', ' ')})"


class Player:
    """A runner in a process of its own, its first round behind it."""

    def __init__(self, workload: str, contender: Contender, kept: Path | None = None) -> None:
        self.contender = contender
        words = [contender.module, workload, contender.rule, *([str(kept)] if kept else [])]
        command = [sys.executable, "-m", "benchmarks.runners", *words]
        begin = perf_counter()
        self._errors: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - closed in close
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True,
            env=os.environ | ONE_THREAD, start_new_session=True,
        )  # fmt: skip
        undo_when_left(self, self._kill)
        self._told, self._said = cast(IO[str], self._process.stdin), cast(IO[str], self._process.stdout)
        self._heard()
        self.first = perf_counter() - begin

    def round(self) -> Row:
        """Let it on, and what it says of its round."""
        self._told.write("on\n")
        self._told.flush()
        return self._heard()

    def close(self) -> None:
        """End it and all it started."""
        self._kill()
        is_undone(self)
        self._process.communicate()
        self._errors.close()

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _heard(self) -> Row:
        for line in self._said:
            if line.startswith(MARK):
                row: Row = json.loads(line.removeprefix(MARK))
                return row
        self._errors.seek(0)
        word = (self._errors.read().strip().splitlines() or ["no word"])[-1]
        self.close()
        raise BenchFailed(f"{self.contender.name} broke: {word}")
