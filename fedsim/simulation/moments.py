"""Events with what the run holds as they come out, played a little ahead of whoever takes them.

The arithmetic of the process is settled around what the engine does and given back before an event is handed out. To
do that for each event apart would cost as much as a small model's step.
"""

import time
from collections import deque
from collections.abc import Generator, Iterator
from typing import NamedTuple

from fedsim.events import Event, RoundEnded, RunEnded, RunStarted
from fedsim.execution.arithmetic import repeatable
from fedsim.simulation.arrivals import Received
from fedsim.simulation.state import State

AHEAD_SECONDS = 0.02
"""Seconds that the engine plays, at the least an event, before it hands out what has happened."""


class Moment(NamedTuple):
    """An event, and what the simulation holds while it is the last one."""

    event: Event
    state: State  # after the last whole round
    received: Received | None = None

    @property
    def last(self) -> bool:
        """Whether nothing is played beyond it: another state may be put there to go on from."""
        return isinstance(self.event, RunStarted | RoundEnded | RunEnded)


class Moments(Iterator[Moment]):
    """The moments of a run, in order; a failure is raised when all before it are out."""

    def __init__(self, played: Generator[Moment, None, None]) -> None:
        self._played = played
        self._ready: deque[Moment] = deque()
        self._failure: Exception | None = None

    def __next__(self) -> Moment:
        if not self._ready:
            if self._failure is not None:
                raise self._failure
            self._play()
        return self._ready.popleft()

    def close(self) -> None:
        """End the run where it is."""
        with repeatable():
            self._played.close()

    def _play(self) -> None:
        begin = time.perf_counter()
        with repeatable():
            self._ready.append(next(self._played))
            while not self._ready[-1].last and time.perf_counter() - begin < AHEAD_SECONDS:
                try:
                    self._ready.append(next(self._played))
                except Exception as failure:
                    self._failure = failure
                    return
