"""The short jobs of a round on the workers of a cluster: what goes out with them, and what comes back.

Arrays that never change are sent once to each worker, one from the other; of those that do, what has changed since,
once a round; of rows only those that a job reads, and back those that it wrote.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from numpy.typing import NDArray

from fedsim.errors import RunFailed
from fedsim.execution.cluster.arrays import Scattered, ScatteredArena, Sheets, is_still, noting, owned
from fedsim.execution.cluster.connection import MOST_LOSSES, Connection
from fedsim.execution.cluster.likeness import likeness
from fedsim.execution.cluster.worker import Done, Order, Unready, begin, keep, work
from fedsim.execution.own_rows import Rows, WithRows
from fedsim.execution.pool import JobFailed, WorkersDied
from fedsim.execution.sending import packed

if TYPE_CHECKING:
    from distributed import Future

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Sent:
    """A job as it goes out, once or again."""

    order: Order
    changing: tuple[str, ...]  # arrays that it reads the whole of
    rows: Rows | None

    def read(self) -> Sheets | None:
        """The rows that it reads, as they are now."""
        if self.rows is None or not self.rows.reads:
            return None
        which = list(self.rows.which)
        return Sheets({name: owned[name].array[which] for name in _names(self.rows.reads)})

    def write(self, done: Done) -> None:
        """Put the rows that it wrote in their places."""
        for name, found in done.rows.items():
            owned[name].array[list(self.rows.which if self.rows else ())] = found


class Rounds:
    """The jobs of rounds, and what the workers have for them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._changing: dict[str, tuple[NDArray[Any], Future]] = {}  # what was sent last, and where it is
        self._sent: dict[str, set[str]] = {}  # worker -> what it was sent for good
        self._kept: list[tuple[frozenset[str], Future]] = []  # Dask keeps it while these live
        self._parcels = self.arena()  # of functions that are too long to go with every job
        client = connection.client
        self._begun = [client.submit(begin, workers=[each], pure=False) for each in connection.members]

    def close(self) -> None:
        """Let go of what the workers keep."""
        self._parcels.close()

    def arena(self) -> ScatteredArena:
        """Makes the arrays of a run."""
        return ScatteredArena(self._forget)

    def map(self, function: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[Result]:
        """`function(job)` for each job, in order; whoever does it, and however often it must be asked for."""
        sent = [_packed(function, job, self._parcels) for job in jobs]
        futures: list[Future | None] = []
        with self._connection.at_work():
            self._deliver({name for each in sent for name in each.order.fixed}, self._connection.members)
            futures += self._submit(sent)
        try:
            for position, each in enumerate(sent):
                with self._connection.at_work():
                    done = self._answer(each, futures, position)
                futures[position] = None
                each.write(done)
                yield cast("Result", done.result)
        finally:
            self._connection.drop(future for future in futures if future is not None)

    def _answer(self, sent: Sent, futures: "list[Future | None]", position: int) -> Done:
        for _ in range(MOST_LOSSES):
            answer = self._awaited(cast("Future", futures[position]), position)
            if isinstance(answer, Done):
                return answer
            if answer is None:
                self._connection.look()
            else:
                self._make_ready(answer)
            futures[position] = self._submit([sent])[0]
        raise WorkersDied(position)

    def _awaited(self, future: "Future", position: int) -> Done | Unready | None:
        """The answer, or None where it, or what it was to be made from, is lost."""
        from distributed import KilledWorker

        while not future.done():
            self._connection.watch([future])
        if future.status == "error":
            error = future.exception()
            if isinstance(error, KilledWorker):
                raise WorkersDied(position) from error
            raise JobFailed(position, error) from error
        try:
            return cast("Done | Unready", future.result())
        except (OSError, CancelledError):
            return None

    def _make_ready(self, worker: Unready) -> None:
        """One that has come since is asked what it is, and sent what it lacks."""
        self._connection.admit([worker.worker])
        self._sent.setdefault(worker.worker, set()).difference_update(worker.lacks)
        if worker.worker in self._connection.members:
            self._deliver(worker.lacks, [worker.worker])

    def _submit(self, sent: Sequence[Sent]) -> "list[Future]":
        client, where = self._connection.client, self._connection.restriction()
        places = {name: self._place(name) for name in dict.fromkeys(name for each in sent for name in each.changing)}
        rows = {place: sheets for place, each in enumerate(sent) if (sheets := each.read()) is not None}
        scattered = dict(zip(rows, self._connection.scatter([*rows.values()]), strict=True)) if rows else {}
        return [
            client.submit(
                work, each.order, *(places[name] for name in each.changing),
                *([scattered[place]] if place in scattered else []), pure=False, **where,
            )
            for place, each in enumerate(sent)
        ]  # fmt: skip

    def _place(self, name: str) -> "Future":
        """Where the workers find an array as it is now: sent to one of them, from which the others have it."""
        known = self._changing.get(name)
        if known is None or known[1].status != "finished" or not is_still(name, known[0]):
            now = owned[name].array.copy()
            known = now, self._connection.scatter(Sheets({name: now}))
            self._changing[name] = known
        return known[1]

    def _deliver(self, names: Iterable[str], workers: Iterable[str]) -> None:
        """See to it that these workers have these arrays for good."""
        groups: dict[tuple[str, ...], list[str]] = {}
        for worker in workers:
            lacking = tuple(sorted(set(names) - self._sent.setdefault(worker, set())))
            if lacking:
                groups.setdefault(lacking, []).append(worker)
        for lacking, group in groups.items():
            self._give(lacking, group)

    def _give(self, names: tuple[str, ...], workers: Sequence[str]) -> None:
        client = self._connection.client
        alive = self._connection.alive()
        whole = self._connection.scatter(Sheets({name: owned[name].array for name in names}))
        given = {
            worker: client.submit(keep, whole, workers=[worker], allow_other_workers=False, pure=False)
            for worker in workers
            if worker in alive
        }
        waiting = dict(given)
        while waiting:
            self._connection.watch([*waiting.values()])
            alive = self._connection.alive()
            waiting = {worker: each for worker, each in waiting.items() if not each.done() and worker in alive}
        for worker, future in given.items():
            if future.status == "error":
                raise RunFailed(f"worker {worker} cannot take the data: {future.exception()}")
            if future.status == "finished":
                self._sent[worker].update(names)
                self._kept.append((frozenset(names), future))

    def _forget(self, names: Iterable[str]) -> None:
        """A run is over: let the workers have their memory back."""
        gone = set(names)
        self._changing = {name: known for name, known in self._changing.items() if name not in gone}
        self._kept = [(each, future) for each, future in self._kept if not each <= gone]
        for sent in self._sent.values():
            sent.difference_update(gone)


def _packed(function: Callable[[Job], Any], job: Job, parcels: ScatteredArena) -> Sent:
    own = job.rows() if isinstance(job, WithRows) else None
    with noting() as noted:
        parcel = packed((function, own.job if own else job), parcels)
    by_row = {*_names(own.reads), *_names(own.writes)} if own else set()
    fixed = tuple(name for name in noted if owned[name].fixed)
    changing = tuple(name for name in noted if not owned[name].fixed and name not in by_row)
    writes = tuple((name, owned[name].array) for name in _names(own.writes)) if own else ()
    rows = tuple((name, array.dtype.str, (len(own.which), *array.shape[1:])) for name, array in writes) if own else ()
    return Sent(Order(parcel, likeness(), fixed, rows), changing, own)


def _names(handles: Iterable[Any]) -> tuple[str, ...]:
    return tuple(cast("Scattered", handle).name for handle in handles)
