"""Whole runs on the workers of a cluster, each in a process of its own, answered in the order in which they end."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from fedsim.execution.cluster.connection import MOST_LOSSES, Connection, NoCluster
from fedsim.execution.cluster.likeness import likeness
from fedsim.execution.cluster.worker import Done, Order, Unready, sees, unlike_files, work_alone
from fedsim.execution.sending import packed
from fedsim.execution.side_by_side import Step

if TYPE_CHECKING:
    from distributed import Future

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(frozen=True)
class ClusterWish:
    """The wish for the end, kept by the scheduler."""

    name: str

    def is_made(self) -> bool:
        """Whether the end is wanted by now; it is where there is nobody left to ask."""
        from distributed import Event

        try:
            return bool(Event(self.name).is_set())
        except OSError:
            return True


class ClusterHands:
    """The workers of a cluster."""

    def __init__(self, address: str | None, workers: int) -> None:
        self._connection = Connection(address, workers)
        self.wish = ClusterWish(f"fedsim-{uuid.uuid4().hex}")
        self.died = "workers died under it, one after another"

    def __enter__(self) -> "ClusterHands":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the cluster; one that was started for this ends."""
        self._connection.close()

    @property
    def note(self) -> str:
        """What a person should know of the workers."""
        return self._connection.note

    def stop(self) -> None:
        """Let every job know that the end is wanted."""
        from distributed import Event

        Event(self.wish.name, client=self._connection.client).set()

    def check(self, folder: Path, files: Mapping[str, str]) -> None:
        """NoCluster where a worker does not find this folder, or finds other files than these."""
        token = folder / f".cluster-{uuid.uuid4().hex}"
        token.touch()
        try:
            seen = self._connection.asked(sees, str(token.absolute()))
        finally:
            token.unlink()
        if blind := [worker for worker, answer in seen.items() if answer is not True]:
            raise NoCluster(
                f"worker {blind[0]} does not find {folder.absolute()}: the folder of a study must lie on a disk that "
                "every worker sees under the same path"
            )
        for worker, wrong in self._connection.asked(unlike_files, dict(files)).items():
            if wrong:
                raise NoCluster(f"worker {worker} does not have the same {wrong[0]}: own code must lie there too")

    def side_by_side(self, function: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Step[Job, Result]]:
        """Every job with its answer; one under which workers die again and again is told to have died."""
        crew: _Crew[Job, Result] = _Crew(self._connection, function, iter(jobs))
        try:
            while not crew.is_done():
                with self._connection.at_work():
                    steps = [*(Step[Job, Result](job, "started") for job in crew.hand_out())]
                yield from steps
                with self._connection.at_work():
                    steps = [*crew.answers()]
                yield from steps
        finally:
            crew.end()


class _Crew(Generic[Job, Result]):
    """What the workers are at."""

    def __init__(self, connection: Connection, function: Callable[[Job], Result], jobs: Iterator[Job]) -> None:
        self._connection, self._function, self._jobs = connection, function, jobs
        self._running: dict[Future, Job] = {}
        self._lost: Counter[Job] = Counter()  # times that a job came back without an answer
        self._exhausted = False

    def is_done(self) -> bool:
        """Whether nothing is left to hand out or to wait for."""
        return self._exhausted and not self._running

    def hand_out(self) -> Iterator[Job]:
        """Give every process that is free a job."""
        processes = len(set(self._connection.alive()) & set(self._connection.members))
        while len(self._running) < max(1, processes):
            job = next(self._jobs, None)
            if job is None:
                self._exhausted = True
                return
            self._submit(job)
            yield job

    def answers(self) -> Iterator[Step[Job, Result]]:
        """Those of the jobs that have ended since, waiting for one at least."""
        if not self._running:
            return
        self._connection.watch([*self._running], first=True)
        for future in [each for each in self._running if each.done()]:
            job = self._running.pop(future)
            yield from self._step(job, future)

    def end(self) -> None:
        """Let nothing more be begun."""
        self._connection.drop(self._running)

    def _step(self, job: Job, future: "Future") -> Iterator[Step[Job, Result]]:
        from distributed import KilledWorker

        try:
            answer = future.result()
        except KilledWorker:
            yield Step(job, "died")
            return
        except (OSError, CancelledError):
            if future.status == "error":
                raise
            answer = None
        if isinstance(answer, Done):
            yield Step(job, "answered", answer.result)
            return
        if isinstance(answer, Unready):
            self._connection.admit([answer.worker])
        self._connection.look()
        self._lost[job] += 1
        if self._lost[job] == MOST_LOSSES:
            yield Step(job, "died")
        else:
            self._submit(job)

    def _submit(self, job: Job) -> None:
        order = Order(packed((self._function, job)), likeness())
        where = self._connection.restriction()
        self._running[self._connection.client.submit(work_alone, order, pure=False, **where)] = job
