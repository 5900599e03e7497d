"""Where a simulator stops after each round until it is let on, so that several can be timed in turn."""

import json
import os
import sys
from pathlib import Path
from time import perf_counter
from typing import TextIO

import numpy as np

from cli.bench.processes import peak_memory
from fedsim.array_types import Array

MARK = "@round "
"""Before the gate's own lines: packages print what they like."""


class Gate:
    """Called when a round is over; comes back when the next may begin."""

    def __init__(self, told: TextIO, heard: TextIO, kept: Path | None, every: int = 1) -> None:
        self._told, self._heard, self._kept, self._every = told, heard, kept, every
        self._done = 0  # rounds since the last stop
        self._begin = perf_counter()

    def __call__(self, parameters: Array, accuracy: float | None = None) -> None:
        """Say what a round took and wait, after every so many; with nothing more to do the process ends here."""
        self._done += 1
        if self._done < self._every:
            return
        seconds, self._done = (perf_counter() - self._begin) / self._every, 0
        if self._kept is not None:
            np.save(self._kept, parameters)
        line = json.dumps({"seconds": seconds, "accuracy": accuracy, "memory": peak_memory()})
        self._told.write(f"{MARK}{line}\n")
        self._told.flush()
        if self._heard.readline().strip() != "on":
            sys.stdout.flush()
            os._exit(0)  # not every package ends its threads when it is asked to
        self._begin = perf_counter()
