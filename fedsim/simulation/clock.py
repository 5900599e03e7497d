"""When a round closes, on the simulation's own clock."""

from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush
from typing import NamedTuple


class Arrival(NamedTuple):
    """An update on its way: ordered by time, then client, then the round it was made for."""

    time: float  # on the simulation's clock
    client: int
    round: int


class Closing(NamedTuple):
    """How a round ended."""

    time: float
    arrived: tuple[Arrival, ...]  # in order of arrival
    late: tuple[Arrival, ...]  # still on their way when it closed


def close_round(
    now: float,
    arrivals: Iterable[Arrival],
    dropped: int,
    *,
    deadline: float | None,
    quorum: int | None,
    left: float = 0.0,
) -> Closing:
    """Who is in when a round that began at `now` closes.

    It closes when a quorum is in, when the deadline passes, or when everyone who will ever answer is in. A server
    that has a deadline cannot tell a drop-out from a straggler and waits it out; one that has none is told of
    drop-outs at once, as it would wait forever, and of those who leave on the way when the last of them has `left`. An
    update that arrives exactly at the deadline is in time.
    """
    queue = sorted(arrivals)
    limit = float("inf") if deadline is None else now + deadline
    arrived = [arrival for arrival in queue if arrival.time <= limit]
    if quorum is not None and len(arrived) >= quorum:
        arrived = arrived[:quorum]
        time = arrived[-1].time
    elif deadline is not None and (dropped or len(arrived) < len(queue)):
        time = limit
    else:
        time = max(arrived[-1].time if arrived else now, left)
    return Closing(max(time, now), tuple(arrived), tuple(queue[len(arrived) :]))


class Vacant(NamedTuple):
    """Nobody can begin, or whoever did is gone before it answers: the place is free again at that time."""

    time: float


def fill_buffer(
    now: float, at_work: Iterable[Arrival], vacant: int, wanted: int, begin: Callable[[float], Arrival | Vacant | None]
) -> Closing:
    """When so many updates are in, of clients each of whom is followed by another as soon as it has answered.

    `begin` lets one more client begin at a time and tells when it will answer, that its place stays empty until later,
    or None where nobody is left; as many as are `vacant` begin now. Whoever comes last is followed only after the
    server's step, by a client with its result. At the step all empty places are free.
    """
    queue, empty, arrived, time = list(at_work), list[float](), list[Arrival](), now
    heapify(queue)

    def follow(time: float) -> None:
        started = begin(time)
        if isinstance(started, Vacant):
            heappush(empty, started.time)
        elif started is not None:
            heappush(queue, started)

    for _ in range(vacant):
        follow(now)
    while (queue or empty) and len(arrived) < wanted:
        if empty and (not queue or empty[0] < queue[0].time):
            time = heappop(empty)
            follow(time)
            continue
        arrived.append(heappop(queue))
        time = arrived[-1].time
        if len(arrived) < wanted:
            follow(time)
    return Closing(time, tuple(arrived), tuple(sorted(queue)))
