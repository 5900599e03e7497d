"""Worker processes: whether there may be any, how they start, what they ignore and how they end."""

import ctypes
import gc
import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fedsim.execution.cleanup import is_alive, is_undone, undo_when_left, wait_for

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # joblib says at its import what `refusal` says where it matters
    from joblib.externals.loky import cpu_count
    from joblib.externals.loky.backend import resource_tracker
    from joblib.externals.loky.process_executor import ProcessPoolExecutor

ENDINGS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that ask for the end. The first process answers them; its workers leave that to it."""
SYSTEM_TELLS = sys.platform == "linux"
"""Whether the system itself ends a worker whose parent is gone; elsewhere the worker looks."""
WATCH_SECONDS = 0.5
"""Seconds between two looks."""
SEMAPHORES = Path("/dev/shm")  # noqa: S108 - where Linux keeps the named semaphores of everybody

__all__ = ["cpu_count", "end_workers", "endings_held", "refusal", "start_tracker", "start_workers"]


def refusal() -> str:
    """Why this process may have no workers, or nothing."""
    if multiprocessing.current_process().daemon:
        return "a daemonic process, such as a worker of multiprocessing.Pool, may start no other"
    try:
        from _multiprocessing import SemLock

        SemLock(1, 1, 1, f"/fedsim-{os.getpid()}-{threading.get_ident() % 10**6}", True)
    except (ImportError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return f"this machine gives no semaphores ({reason}; on Linux they need room in /dev/shm)"
    return ""


def start_workers(
    count: int, begin: Callable[[], None], first: Callable[[], None], environment: dict[str, str]
) -> tuple[ProcessPoolExecutor, list[Any]]:
    """Processes that have begun so, with this environment; each is given a first job to be ready sooner."""
    _remove_semaphores_of_the_dead()
    with endings_held():
        start_tracker()
        initial = (os.getpid(), SYSTEM_TELLS, begin)
        executor = ProcessPoolExecutor(count, env=environment, initializer=_begin_worker, initargs=initial)
        undo_when_left(executor, lambda: _kill_at_once(executor))
        try:
            futures = [executor.submit(first) for _ in range(count)]
        except OSError:
            end_workers(executor)
            raise
        executor._executor_manager_thread.kill_workers = lambda reason="": _kill(executor)  # noqa: ARG005
        executor._flags.kill_workers = True  # where the interpreter ends before the owner has ended them
    return executor, futures


def end_workers(executor: ProcessPoolExecutor) -> None:
    """End the workers at once, whatever they are doing, and all that belongs to them."""
    feeder = getattr(executor._call_queue, "_thread", None)
    executor.shutdown(wait=True, kill_workers=True)
    if feeder is not None:
        feeder.join()  # it holds semaphores, which are given back before the process may end
    is_undone(executor)


def _kill(executor: ProcessPoolExecutor) -> None:
    """What the executor would do by asking another program for the children of each worker: they have none."""
    _forget_waiting(executor)
    while executor._processes:
        _, process = executor._processes.popitem()
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        process.join()


def _kill_at_once(executor: ProcessPoolExecutor) -> None:
    """The same without a lock or a thread, for a process that is being left; the tracker removes the semaphores."""
    workers = list(executor._processes)
    for worker in workers:
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
    for worker in workers:
        wait_for(worker, 1.0)
    tracker = resource_tracker._resource_tracker
    if tracker._fd is not None and tracker._pid is not None:
        os.close(tracker._fd)
        wait_for(tracker._pid, 1.0)


def _forget_waiting(executor: ProcessPoolExecutor) -> None:
    """Take back the numbers of jobs not yet handed out: killing the workers, the executor would trip over them."""
    with suppress(queue.Empty):
        while True:
            executor._work_ids.get_nowait()


def start_tracker(tracker: Any = resource_tracker) -> None:
    """Start the process that removes semaphores after us; after a kill it does so without words of its own."""
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = "ignore"
    try:
        tracker.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = before


def _remove_semaphores_of_the_dead() -> None:
    """What is left where a run was killed together with its tracker; the name holds the number of the process."""
    for path in SEMAPHORES.glob("sem.loky-*"):
        owner = path.name.split("-")[1]
        with suppress(OSError):
            if owner.isdigit() and not is_alive(int(owner)) and path.stat().st_uid == os.getuid():
                path.unlink()


def _begin_worker(parent: int, system_tells: bool, begin: Callable[[], None]) -> None:
    """A worker dies with its parent and leaves every wish for the end to it."""
    for number in ENDINGS:
        signal.signal(number, signal.SIG_IGN)
    if system_tells:
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
    else:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        os._exit(0)
    begin()
    gc.freeze()  # loky collects garbage every second, and going through torch's modules takes a twentieth of it


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    os._exit(0)


@contextmanager
def endings_held(numbers: Iterable[int] = ENDINGS) -> Iterator[None]:
    """Children started inside never see these; one that comes meanwhile reaches this process afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
