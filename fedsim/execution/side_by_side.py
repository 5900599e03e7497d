"""Long jobs side by side in worker processes, answered in the order in which they end.

`Pool.map` serves the short jobs of one round, which are asked for in order and all of them needed. Here each job is a
whole run: no more are handed out than there are workers, so that it is known which ones a dying worker took with it,
and one that dies again when it is alone is given up without the others.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from joblib.externals.loky.process_executor import BrokenProcessPool, ProcessPoolExecutor

from fedsim.execution.arithmetic import ONE_THREAD
from fedsim.execution.pool import NoWorkers, begin_worker, repeatably, warm
from fedsim.execution.workers import end_workers, refusal, start_workers

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Step(Generic[Job, Result]):
    """Something that happened to a job."""

    job: Job
    kind: Literal["started", "answered", "died"]
    result: Result | None = None


def side_by_side(function: Callable[[Job], Result], jobs: Iterable[Job], workers: int) -> Iterator[Step[Job, Result]]:
    """Every job with its answer; a job whose process dies under it, alone too, is told to have died.

    Jobs are taken from the iterable when a worker is free for them. What a job raises is raised here.
    """
    if reason := refusal():
        raise NoWorkers(reason)
    crew: _Crew[Job, Result] = _Crew(function, iter(jobs), workers)
    try:
        while not crew.is_done():
            yield from (Step(job, "started") for job in crew.hand_out())
            yield from crew.answers()
    finally:
        crew.end()


class _Crew(Generic[Job, Result]):
    """The workers, what each is at, and what must be played again."""

    def __init__(self, function: Callable[[Job], Result], jobs: Iterator[Job], workers: int) -> None:
        self._function, self._jobs, self._workers = function, jobs, workers
        self._executor: ProcessPoolExecutor | None = None
        self._running: dict[Future[Result], Job] = {}
        self._again: list[Job] = []  # jobs that were under way when a worker died: each is tried alone
        self._alone: Job | None = None
        self._exhausted = False

    def is_done(self) -> bool:
        """Whether nothing is left to hand out or to wait for."""
        return self._exhausted and not self._running and not self._again

    def hand_out(self) -> Iterator[Job]:
        """Give every free worker a job; one that is suspected has the workers to itself."""
        while self._has_room() and (job := self._next()) is not None:
            known = job in self._again
            if known:
                self._again.remove(job)
                self._alone = job
            self._running[self._ready().submit(repeatably, self._function, job)] = job
            if not known:
                yield job

    def answers(self) -> Iterator[Step[Job, Result]]:
        """Those of the jobs that have ended since, waiting for one at least."""
        done, _ = wait(self._running, return_when=FIRST_COMPLETED)
        lost = [self._running.pop(future) for future in done if isinstance(future.exception(), BrokenProcessPool)]
        for future in done:
            if future in self._running:
                job = self._running.pop(future)
                self._alone = None
                yield Step(job, "answered", future.result())
        if lost:
            yield from self._mourn([*lost, *self._running.values()])

    def end(self) -> None:
        """End the workers at once."""
        executor, self._executor = self._executor, None
        if executor is not None:
            end_workers(executor)

    def _has_room(self) -> bool:
        if self._alone is not None or (self._again and self._running):
            return False
        return len(self._running) < self._workers

    def _next(self) -> Job | None:
        if self._again:
            return self._again[0]
        job = next(self._jobs, None)
        self._exhausted = job is None
        return job

    def _ready(self) -> ProcessPoolExecutor:
        if self._executor is None:
            try:
                self._executor, _ = start_workers(self._workers, begin_worker, warm, ONE_THREAD)
            except OSError as error:
                raise NoWorkers(str(error)) from error
        return self._executor

    def _mourn(self, lost: list[Job]) -> Iterator[Step[Job, Result]]:
        """The whole crew goes with one worker; whoever was alone is the one that died."""
        self._running.clear()
        self.end()
        if self._alone is not None:
            self._alone = None
            yield Step(lost[0], "died")
        else:
            self._again += lost
