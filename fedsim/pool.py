"""Batches of client work, sent to processes and answered in order; the only room that knows joblib.

The executor that joblib ships is used directly: `joblib.Parallel` answers no sooner than every ten milliseconds, this
one in half of one. Where a job runs never changes its result, so `auto` is free to begin in this process and to
start workers only when the work so far has shown that they pay.
"""

import ctypes
import gc
import os
import queue
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import Literal, TypeVar

import joblib
from joblib.externals.loky.process_executor import BrokenProcessPool, ProcessPoolExecutor
from threadpoolctl import ThreadpoolController

from fedsim.errors import RunFailed

Job = TypeVar("Job")
Result = TypeVar("Result")

PAYS_AFTER = 1.0
"""Seconds of work done in this process after which `auto` starts workers; a worker costs about three to start."""
WORTH_SENDING = 0.004
"""Seconds that a whole call of `map` must take before `auto` sends it away."""
MOST_DEATHS = 3
"""Times that the workers may die under one call of `map` before the run is given up."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

# One thread and MKL's strict mode: then a row of a batched product has the same bits whatever stands beside it.
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")


class WorkersDied(RunFailed):
    """Worker processes died again and again under the same work."""

    def __init__(self, job: int) -> None:
        self.job = job  # position of the first job without an answer
        super().__init__("the worker process died")


class JobFailed(RunFailed):
    """A job raised; the original is the cause."""

    def __init__(self, job: int, error: BaseException) -> None:
        self.job = job  # its position among the jobs
        super().__init__(f"{type(error).__name__}: {error}")


class Pool:
    """A set of workers; `map` gives each job's result in the order of the jobs."""

    def __init__(
        self, workers: int | Literal["auto"] = "auto", backend: Literal["loky", "threading", "serial"] = "loky"
    ) -> None:
        self.workers = 1 if backend == "serial" else joblib.cpu_count() if workers == "auto" else workers
        self._auto = workers == "auto"
        self._backend = backend
        self._executor: Executor | None = None
        self._limits = ExitStack()  # what threads of this process ask of the whole process
        self._warm: list[Future[None]] = []
        self._spent = 0.0  # seconds of work done in this process
        self._recent: dict[object, float] = {}  # seconds the last call of each function took in this process

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the workers while something else is being done."""
        if self.workers > 1 and not self._auto:
            self._start()

    def map(self, function: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Result]:
        """`function(job)` for each job, in order; JobFailed or WorkersDied name the job that stopped it."""
        listed = list(jobs)
        if self._sends_away(function, len(listed)):
            yield from self._map_away(function, listed)
        else:
            yield from self._map_here(function, listed)

    def close(self) -> None:
        """End the workers at once, whatever they are doing."""
        executor, self._executor, self._warm = self._executor, None, []
        if isinstance(executor, ProcessPoolExecutor):
            _forget_waiting(executor)
            executor.shutdown(wait=True, kill_workers=True)
        elif executor is not None:
            executor.shutdown(wait=True, cancel_futures=True)
        self._limits.close()

    def _sends_away(self, function: object, jobs: int) -> bool:
        if self.workers == 1 or jobs <= 1:
            return False
        if not self._auto:
            return True
        if self._executor is None:
            if self._spent < PAYS_AFTER:
                return False
            self._start()
        return self._recent.get(function, 0.0) >= WORTH_SENDING and all(future.done() for future in self._warm)

    def _map_here(self, function: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[Result]:
        spent = 0.0
        for position, job in enumerate(jobs):
            begin = time.perf_counter()
            with single_threaded():
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
                futures += [self._start().submit(function, job) for job in jobs[answered:]]
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
            with _interrupts_held():
                self._executor = self._make()
                self._warm = [self._executor.submit(warm) for _ in range(self.workers)]
        return self._executor

    def _make(self) -> Executor:
        if self._backend == "threading":
            self._limits.callback(_renew_threads)
            self._limits.enter_context(single_threaded())
            return ThreadPoolExecutor(self.workers, initializer=limit_threads)
        executor: Executor = ProcessPoolExecutor(
            self.workers, env=ONE_THREAD, initializer=_begin_worker, initargs=(os.getpid(),)
        )
        return executor


def _forget_waiting(executor: ProcessPoolExecutor) -> None:
    """Take back the numbers of jobs not yet handed out: killing the workers, the executor would trip over them."""
    with suppress(queue.Empty):
        while True:
            executor._work_ids.get_nowait()


def warm() -> None:
    """What a worker's first job would otherwise wait for."""
    import fedsim.evaluation
    import fedsim.training  # noqa: F401


def limit_threads() -> None:
    """One thread in every arithmetic library of this process: sums differ in their last bits between one and two."""
    import torch

    torch.set_num_threads(1)
    ThreadpoolController().limit(limits=1)


@contextmanager
def single_threaded() -> Iterator[None]:
    """One arithmetic thread inside, whatever the caller had outside."""
    with _controller().limit(limits=1):
        torch = sys.modules.get("torch")
        before = torch.get_num_threads() if torch else 1
        if before == 1 or torch is None:
            yield
            return
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def _renew_threads() -> None:
    """Let threads made from now on have what this one has: torch keeps the last number that any thread set."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(torch.get_num_threads())


_controllers: dict[bool, ThreadpoolController] = {}


def _controller() -> ThreadpoolController:
    """The libraries loaded so far, looked for again once torch has brought its own."""
    with_torch = "torch" in sys.modules
    if with_torch not in _controllers:
        _controllers[with_torch] = ThreadpoolController()
    return _controllers[with_torch]


def _begin_worker(parent: int) -> None:
    """A worker dies with its parent and leaves Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(0)
    limit_threads()
    warm()
    gc.freeze()  # loky collects garbage every second, and going through torch's modules takes a twentieth of it


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Children started inside never see Ctrl-C; one pressed meanwhile reaches this process afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
