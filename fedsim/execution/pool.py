"""Batches of client work, sent to processes and answered in order.

The executor that joblib ships is used directly: `joblib.Parallel` answers no sooner than every ten milliseconds, this
one in half of one. Where a job runs never changes its result, so `auto` is free to begin in this process and to
start workers only when the work so far has shown that they pay.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from joblib.externals.loky.process_executor import BrokenProcessPool, ProcessPoolExecutor

from fedsim.blame import keep_place, place_of
from fedsim.errors import FedsimError, RunFailed
from fedsim.execution.arithmetic import ONE_THREAD, repeatable, settle
from fedsim.execution.shared_memory import Arena, Arrays
from fedsim.execution.workers import cpu_count, end_workers, refusal, start_workers

if TYPE_CHECKING:
    from fedsim.execution.cluster.cluster import Cluster

FIRST_NEEDED = ("fedsim.training.batch", "fedsim.training.evaluation")
"""Modules that jobs are made of, by name: this folder does not know what they do."""

Job = TypeVar("Job")
Result = TypeVar("Result")

WORKERS_AFTER_SECONDS = 1.0
"""Seconds of work done in this process after which `auto` starts workers; a worker costs about three to start."""
SEND_FROM_SECONDS = 0.004
"""Seconds that a whole call of `map` must take before `auto` sends it away."""
MOST_DEATHS = 3
"""Times that the workers may die under one call of `map` before the run is given up."""


class WorkersDied(RunFailed):
    """Worker processes died again and again under the same work."""

    def __init__(self, job: int) -> None:
        self.job = job  # position of the first job without an answer
        super().__init__("the worker process died")


class JobFailed(RunFailed):
    """A job raised; the original is the cause."""

    def __init__(self, job: int, error: BaseException) -> None:
        self.job = job  # its position among the jobs
        words = str(error) if isinstance(error, FedsimError) else f"{type(error).__name__}: {error}"
        super().__init__(f"{words}{place_of(error)}")


class NoWorkers(RunFailed):
    """Worker processes are not to be had here; `auto` does without them, and a number of them was asked for in vain."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"no worker processes: {reason}; `execution.workers = 1` does without them")


class Pool:
    """A set of workers; `map` gives each job's result in the order of the jobs."""

    def __init__(
        self,
        workers: int | Literal["auto"] = "auto",
        backend: Literal["loky", "threading", "serial", "dask"] = "loky",
        address: str | None = None,
    ) -> None:
        self.workers = 1 if backend == "serial" else cpu_count() if workers == "auto" else workers
        self._note = ""  # why there are no workers where they were asked for
        self._cluster = _cluster(address, self.workers) if backend == "dask" else None
        if self._cluster is not None:
            self.workers = self._cluster.workers
        self._auto = workers == "auto"
        self._backend = backend
        self._executor: Executor | None = None
        self._warm: list[Future[None]] = []
        self._spent = 0.0  # seconds of work done in this process
        self._recent: dict[object, float] = {}  # seconds the last call of each function took in this process
        reason = refusal() if self.workers > 1 and backend == "loky" else ""
        if reason and workers != "auto":
            raise NoWorkers(reason)
        if reason:
            self.workers, self._note = 1, str(NoWorkers(reason))

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def note(self) -> str:
        """What a person should know of the workers, or of there being none."""
        return self._cluster.note if self._cluster else self._note

    @property
    def workers_here(self) -> int:
        """Those that take memory of this machine."""
        return self.workers if self._cluster is None or self._cluster.is_own else 1

    def machines(self) -> dict[str, Any]:
        """For the record of a run: who did the work, where that was not this machine as it was asked for."""
        found = {"cluster": self._cluster.machines()} if self._cluster else {}
        return found | ({"note": self.note} if self.note else {})

    def arena(self) -> Arrays:
        """Makes arrays that the workers see."""
        return self._cluster.arena() if self._cluster else Arena()

    def start(self) -> None:
        """Start the workers while something else is being done."""
        if self.workers > 1 and not self._auto and self._cluster is None:
            self._start()

    def map(self, function: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Result]:
        """`function(job)` for each job, in order; JobFailed or WorkersDied name the job that stopped it."""
        listed = list(jobs)
        if self._cluster is not None and len(listed) > 1:
            yield from self._cluster.map(function, listed)
        elif self._sends_away(function, len(listed)):
            yield from self._map_away(function, listed)
        else:
            yield from self._map_here(function, listed)

    def close(self) -> None:
        """End the workers at once, whatever they are doing."""
        if self._cluster is not None:
            self._cluster.close()
        executor, self._executor, self._warm = self._executor, None, []
        if isinstance(executor, ProcessPoolExecutor):
            end_workers(executor)
        elif executor is not None:
            executor.shutdown(wait=True, cancel_futures=True)

    def _sends_away(self, function: object, jobs: int) -> bool:
        if self.workers == 1 or jobs <= 1 or self._cluster is not None:
            return False
        if not self._auto:
            return True
        if self._executor is None:
            if self._spent < WORKERS_AFTER_SECONDS:
                return False
            try:
                self._start()
            except NoWorkers as error:
                self.workers, self._note = 1, str(error)
                return False
        return self._recent.get(function, 0.0) >= SEND_FROM_SECONDS and all(future.done() for future in self._warm)

    def _map_here(self, function: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[Result]:
        spent = 0.0
        for position, job in enumerate(jobs):
            begin = time.perf_counter()
            with repeatable():
                try:
                    result = function(job)
                except Exception as error:
                    raise JobFailed(position, error) from error
            spent += time.perf_counter() - begin
            yield result
        self._spent += spent
        self._recent[function] = spent

    def _map_away(self, function: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[Result]:
        """Jobs are pure, so those without an answer when a worker dies are simply sent again."""
        answered = deaths = 0
        while answered < len(jobs):
            futures: list[Future[Result]] = []
            try:
                futures += [self._start().submit(repeatably, function, job) for job in jobs[answered:]]
                for future in futures:
                    yield self._answer(future, answered)
                    answered += 1
            except BrokenProcessPool as error:
                self.close()
                deaths += 1
                if deaths == MOST_DEATHS:
                    raise WorkersDied(answered) from error
            finally:
                if not all(future.done() for future in futures):
                    self.close()  # what nobody waits for any more must not go on writing to shared rows

    def _answer(self, future: Future[Result], position: int) -> Result:
        try:
            return future.result()
        except BrokenProcessPool:
            raise
        except Exception as error:
            raise JobFailed(position, error) from error

    def _start(self) -> Executor:
        if self._executor is None:
            try:
                self._executor, self._warm = self._make()
            except OSError as error:
                raise NoWorkers(str(error)) from error
        return self._executor

    def _make(self) -> tuple[Executor, list[Future[None]]]:
        if self._backend == "threading":
            return ThreadPoolExecutor(self.workers), []
        return start_workers(self.workers, begin_worker, warm, ONE_THREAD)


def _cluster(address: str | None, workers: int) -> "Cluster":
    from fedsim.execution.cluster.cluster import Cluster

    return Cluster(address, workers)


def begin_worker() -> None:
    """What a worker process does before its first job."""
    settle()
    warm()


def repeatably(function: Callable[[Job], Result], job: Job) -> Result:
    """The job's result, made in a worker: a process that is settled already, or a thread of this one."""
    with repeatable():
        try:
            return function(job)
        except Exception as error:
            keep_place(error)
            raise


def warm() -> None:
    """Import what a worker's first job would otherwise wait for."""
    for module in FIRST_NEEDED:
        import_module(module)
