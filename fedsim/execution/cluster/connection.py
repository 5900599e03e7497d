"""The line to a scheduler of Dask: made, watched, and given up; and which of its workers may take part."""

import logging
import signal
import socket
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fedsim.code_files import fedsim_files
from fedsim.errors import RunFailed
from fedsim.execution.arithmetic import ONE_THREAD
from fedsim.execution.cluster.likeness import About, about, crowded, differences, kinds_of, refusal, unlike
from fedsim.execution.workers import endings_held, start_tracker

if TYPE_CHECKING:
    from distributed import Client, Future

SECONDS = 5.0
"""That a scheduler has to answer, and the first worker to be there."""
REACHED_WITHIN = 0.5
LOOKS_EVERY = 1.0
MOST_LOSSES = 10
"""Times that a job may come back without an answer, be it through a worker that had no part in it but its data."""
PATIENCE = 60.0
"""Seconds without any worker after which a run is given up: those of a batch system come back by themselves."""


class NoCluster(RunFailed):
    """The cluster that was asked for is not to be had, or is gone."""


class Connection:
    """A client of a scheduler, be it one that was there or one that was started here with workers of its own."""

    def __init__(self, address: str | None, workers: int) -> None:
        if find_spec("distributed") is None:
            raise NoCluster(
                "the backend dask needs the package distributed, which is not installed: "
                "pip install 'fedsim-byzantine[dask]'"
            )
        self.address = address or "a cluster of this machine"
        self.members: dict[str, About] = {}  # workers that may take part, by address
        self.refused: dict[str, str] = {}  # those that came later and may not, and why
        self._without = 0.0  # since when there are no workers
        with ExitStack() as stack:
            stack.enter_context(_silence())
            self.client = _client(stack, address, workers)
            self._admit_first()
            self.client.direct_to_workers = all(map(_is_reached, _one_a_host(self.members)))
            self._stack = stack.pop_all()

    def close(self) -> None:
        """Leave the scheduler; one that was started here ends with its workers."""
        self._stack.close()

    @property
    def threads(self) -> int:
        """Jobs that can be worked on at a time."""
        return sum(count for worker, count in self.alive().items() if worker in self.members)

    @property
    def note(self) -> str:
        """What a person should know of these workers."""
        turned_away = [f"not used: {refusal(self.refused)}"] if self.refused else []
        return "; ".join([*filter(None, [unlike(self.members.values())]), *crowded(self.alive()), *turned_away])

    def machines(self) -> dict[str, Any]:
        """Who did the work, for the record of a run."""
        kinds = kinds_of(self.members.values())
        return {"scheduler": self.address, "workers": len(self.members), "processors": kinds}

    def alive(self) -> dict[str, int]:
        """The threads of every worker that is there now."""
        with suppress(OSError):
            found: dict[str, int] = self.client.nthreads()
            return found
        return {}

    def admit(self, workers: Iterable[str]) -> None:
        """Ask these workers what they are; those that are unlike this process take no part."""
        wrong = self._asked(workers)
        self.refused |= wrong
        if not set(self.members) & set(self.alive()) and self.refused:
            raise NoCluster(refusal(self.refused))

    def asked(self, function: Callable[..., Any], *arguments: object) -> dict[str, Any]:
        """What each member answers to this at once, or the exception that asking it raised."""
        found: dict[str, Any] = self.client.run(function, *arguments, workers=list(self.members), on_error="return")
        return found

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Whatever Dask raises inside because the scheduler is gone is told as that."""
        try:
            yield
        except NoCluster:
            raise
        except Exception:
            self.look()
            raise

    def drop(self, futures: "Iterable[Future]") -> None:
        """Let nobody begin with these, nor keep what came of them."""
        if left := list(futures):
            with suppress(OSError):
                if self.client.status == "running":
                    self.client.cancel(left)

    def scatter(self, what: Any) -> Any:
        """Where this can be fetched from; where a worker that was about to take it dies, another does."""
        for _ in range(MOST_LOSSES):
            with suppress(OSError):
                return self.client.scatter(what, hash=False)
            time.sleep(LOOKS_EVERY)
            self.look()
        raise NoCluster(f"the workers at {self.address} take no data")

    def restriction(self) -> dict[str, Any]:
        """What a job says where not every worker may have it."""
        return {"workers": list(self.members), "allow_other_workers": False} if self.refused else {}

    def watch(self, futures: "Sequence[Future]", *, first: bool = False) -> None:
        """Wait a while for all of these, or for the first; NoCluster where nobody is left to wait for."""
        from distributed import wait

        try:
            with self.client.as_current():
                wait(futures, timeout=LOOKS_EVERY, return_when="FIRST_COMPLETED" if first else "ALL_COMPLETED")
        except (TimeoutError, CancelledError):
            self.look()

    def look(self) -> None:
        """NoCluster where the scheduler is gone, or all workers have been for too long."""
        while self.client.status == "connecting":
            time.sleep(0.1)
        if self.client.status != "running":
            raise NoCluster(f"the scheduler at {self.address} is gone")
        if self.alive():
            self._without = 0.0
        elif not self._without:
            self._without = time.monotonic()
        elif time.monotonic() - self._without > PATIENCE:
            raise NoCluster(f"the scheduler at {self.address} has had no workers for {PATIENCE:.0f} seconds")

    def _admit_first(self) -> None:
        """All workers that are there are alike, or nothing begins."""
        limit = time.monotonic() + SECONDS
        while not (workers := list(self.alive())):
            if time.monotonic() > limit:
                raise NoCluster(
                    f"no workers are attached to the scheduler at {self.address}: "
                    f"start one with `dask worker {self.address} --nthreads 1`"
                )
            time.sleep(0.1)
        if wrong := self._asked(workers):
            raise NoCluster(refusal(wrong))

    def _asked(self, workers: Iterable[str]) -> dict[str, str]:
        """What keeps each of them from taking part; the others are members from now on."""
        answers: dict[str, Any] = self.client.run(about, workers=list(workers), on_error="return")
        wrong: dict[str, str] = {}
        for worker, there in answers.items():
            if words := differences(there, self._files(worker, there)):
                wrong[worker] = words
            else:
                self.members[worker] = there
        return wrong

    def _files(self, worker: str, there: Any) -> dict[str, str]:
        """The worker's copy of fedsim, where it is another one."""
        if isinstance(there, BaseException) or there.get("code") == about()["code"]:
            return {}
        found: dict[str, str] = self.client.run(fedsim_files, workers=[worker])[worker]
        return found


def _one_a_host(workers: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Host and port of one worker of each machine."""
    hosts = {parts.hostname: parts.port for parts in map(urlsplit, workers)}
    return ((host, port) for host, port in hosts.items() if host and port)


def _is_reached(place: tuple[str, int]) -> bool:
    """Whether data may go to and fro without the scheduler in between, which would have to carry all of them."""
    with suppress(OSError), socket.create_connection(place, timeout=REACHED_WITHIN):
        return True
    return False


def _client(stack: ExitStack, address: str | None, workers: int) -> "Client":
    from distributed import Client

    target = address or stack.enter_context(_local(workers))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of versions that differ fedsim speaks itself
        try:
            client = Client(target, timeout=SECONDS, set_as_default=False, name="fedsim")
        except (OSError, ValueError) as error:
            raise NoCluster(
                f"no scheduler answers at {address} within {SECONDS:.0f} seconds: "
                f"start one with `dask scheduler`, and give the address that it shows"
            ) from error
    stack.callback(client.close, timeout=SECONDS)
    return client


@contextmanager
def _local(workers: int) -> Iterator[Any]:
    """A scheduler and workers of this machine, which end with this process however it ends."""
    from distributed import LocalCluster

    from fedsim.execution.cluster.own_workers import OwnNanny

    start_tracker(resource_tracker)  # here, for it lets Ctrl-C through again wherever it is started
    with endings_held((signal.SIGINT,)):  # Ctrl-C is for the process that they work for
        try:
            cluster = LocalCluster(
                n_workers=workers, threads_per_worker=1, worker_class=OwnNanny, host="127.0.0.1", memory_limit=0,
                env=dict(ONE_THREAD), silence_logs=logging.CRITICAL, dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
            )  # fmt: skip
        except (OSError, RuntimeError) as error:
            raise NoCluster(f"{workers} Dask workers cannot be started here: {error}") from error
    try:
        yield cluster
    finally:
        cluster.close(timeout=SECONDS)


@contextmanager
def _silence() -> Iterator[None]:
    """Nothing of what Dask writes about a lost worker: fedsim says what matters of it."""
    from distributed.utils import silence_logging_cmgr

    with silence_logging_cmgr(logging.CRITICAL):
        yield
