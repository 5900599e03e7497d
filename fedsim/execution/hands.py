"""Who plays whole runs: worker processes of this machine, and how they hear that the end is wanted."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from fedsim.execution.shared_memory import Arena, Shared
from fedsim.execution.side_by_side import Step, side_by_side

Job = TypeVar("Job")
Result = TypeVar("Result")


class Wish(Protocol):
    """The wish for the end, as a job sees it wherever it is."""

    def is_made(self) -> bool:
        """Whether the end is wanted by now."""


@dataclass(frozen=True)
class Flag:
    """The wish for the end in memory that all processes of this machine see."""

    shared: Shared

    def is_made(self) -> bool:
        """Whether the end is wanted by now."""
        return bool(self.shared.open()[0])


class Hands:
    """Worker processes of this machine; with one of them, or none, jobs are done by whoever asks."""

    def __init__(self, workers: int) -> None:
        self._workers, self._arena = workers, Arena()
        shared, self._flag = self._arena.empty((1,), "uint8")
        self.wish = Flag(shared)
        self.note = ""  # what a person should know of the workers
        self.died = "the worker process died, twice"

    def __enter__(self) -> "Hands":
        return self

    def __exit__(self, *_: object) -> None:
        self._arena.close()

    def stop(self) -> None:
        """Let every job know that the end is wanted."""
        self._flag[0] = 1

    def side_by_side(self, function: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Step[Job, Result]]:
        """Every job with its answer."""
        return side_by_side(function, jobs, self._workers)
