"""The workers of a cluster as a pool uses them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from fedsim.execution.cluster.arrays import ScatteredArena
from fedsim.execution.cluster.connection import Connection
from fedsim.execution.cluster.rounds import Rounds

Job = TypeVar("Job")
Result = TypeVar("Result")


class Cluster:
    """Everything that a run asks of its workers."""

    def __init__(self, address: str | None, workers: int) -> None:
        self._connection = Connection(address, workers)
        self._rounds = Rounds(self._connection)
        self.workers = self._connection.threads
        self.is_own = address is None  # whether it was started here

    @property
    def note(self) -> str:
        """What a person should know of the workers."""
        return self._connection.note

    def machines(self) -> dict[str, Any]:
        """Who did the work, for the record of a run."""
        return self._connection.machines()

    def arena(self) -> ScatteredArena:
        """Makes arrays that the workers are sent."""
        return self._rounds.arena()

    def map(self, function: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[Result]:
        """`function(job)` for each job, in order."""
        return self._rounds.map(function, jobs)

    def close(self) -> None:
        """Leave the cluster; one that was started for this ends."""
        self._rounds.close()
        self._connection.close()
