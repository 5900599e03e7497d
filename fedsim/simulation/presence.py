"""Who is there when a round begins, and until when: the law of availability on the simulation's clock."""

import math
from collections.abc import Iterator, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Array, Integers
from fedsim.availabilities.contract import availabilities
from fedsim.checked_calls import blamed, floats
from fedsim.errors import RunFailed
from fedsim.randomness import Stream
from fedsim.scenario.sections import Choice
from fedsim.simulation.adversaries import LISTED_CLIENTS, PASSES, Order
from fedsim.simulation.clock import Vacant
from fedsim.simulation.federation import Federation
from fedsim.simulation.sampling import quotas

MOST_WAITS = 100_000
"""Times at which a round that waits looks who has come, before the run gives up."""


@dataclass(frozen=True)
class Present:
    """The cohort of a round that began when enough clients were there."""

    begin: float  # on the simulation's clock
    clients: Integers  # (k,) ascending
    ends: Array  # (k,) when each leaves


def present_cohort(federation: Federation, law: Choice, stream: Stream, time: float, round: int) -> Present:
    """The clients of a round, drawn without replacement from those who are there; it waits until enough are."""
    settings = federation.scenario.clients
    least = min(settings.at_least or 1, federation.population)
    for _ in range(MOST_WAITS):
        found, begins = _drawn(federation, law, stream, time, round)
        if len(begins) == 0 or (begins <= time).sum() >= least:  # enough were met, or all were asked
            return found
        coming = np.partition(begins, least - 1)[least - 1]  # before that they cannot all have come
        if not np.isfinite(coming):
            raise nobody_left(round, time, least)
        time = float(coming)
    raise RunFailed(f"round {round}: {_nobody(least)} there at once within {time:g} simulated seconds")


class Callers:
    """Who is there of all clients, in one random order for a whole round: for clients that begin one by one."""

    def __init__(self, federation: Federation, law: Choice, stream: Stream, round: int) -> None:
        self._federation, self._law, self._round = federation, law, round
        self._coming = _in_turn(federation.population, stream, federation.scenario.clients.sampled)
        self._asked: list[tuple[Integers, NDArray[np.float64]]] = []  # clients and their stays, as far as known

    def first(self, time: float, busy: Set[int]) -> tuple[int, float] | Vacant | None:
        """The first client that is free and there, and when it leaves; else when the next one comes, if any does."""
        soonest = math.inf
        for clients, stays in self._known(time):
            free = ~np.isin(clients, [*busy])
            there = np.flatnonzero(free & (stays[:, 0] <= time))
            if len(there):
                return int(clients[there[0]]), float(stays[there[0], 1])
            soonest = min(soonest, stays[free, 0].min(initial=math.inf))
        return Vacant(soonest) if math.isfinite(soonest) else None

    def _known(self, time: float) -> Iterator[tuple[Integers, NDArray[np.float64]]]:
        """Clients with the stay that each is in or its next one, as many at a time as are asked for together."""
        for clients, stays in self._asked:
            over = np.flatnonzero(stays[:, 1] <= time)
            if len(over):
                stays[over] = _stays(self._federation, self._law, clients[over], time, self._round)
            yield clients, stays
        for clients in self._coming:
            stays = _stays(self._federation, self._law, clients, time, self._round).copy()
            self._asked.append((clients, stays))
            yield clients, stays


def nobody_left(round: int, time: float, least: int = 1) -> RunFailed:
    """Where a run ends because the clients that it waits for never come again."""
    return RunFailed(f"round {round}: {_nobody(least)} there again after {time:g} simulated seconds")


def _nobody(least: int) -> str:
    return "no client is ever" if least == 1 else f"never are {least} clients (clients.at_least)"


def _drawn(federation: Federation, law: Choice, stream: Stream, time: float, round: int) -> tuple[Present, Array]:
    """Those who are there, in a random order, as far as they are wanted; and all begins, where all had to be asked.

    Where a share of the cohort is not there it is smaller: nobody takes the place of another kind of client.
    """
    settings, quota = federation.scenario.clients, quotas(federation)
    wanted = max(settings.sampled, settings.at_least or 1)
    asked, stays, many = list[Integers](), list[Array](), np.zeros(len(quota.sizes), np.int64)
    for some in _in_turn(federation.population, stream, wanted):
        asked.append(some)
        stays.append(_stays(federation, law, some, time, round))
        many += np.bincount(quota.of(some[stays[-1][:, 0] <= time]), minlength=len(many))
        if (many >= quota.sizes).all() and many.sum() >= wanted:
            break
    clients, times = np.concatenate(asked), np.concatenate(stays)
    there = np.flatnonzero(times[:, 0] <= time)
    there = there[quota.first(clients[there])]
    chosen = there[np.argsort(clients[there])]
    begins = times[:, 0] if len(clients) == federation.population else times[:0, 0]
    return Present(time, clients[chosen], times[chosen, 1]), begins


def _in_turn(population: int, stream: Stream, wanted: int) -> Iterator[Integers]:
    """All clients in a random order; of many a few times as many at a time as are wanted."""
    generator = stream.numpy()
    if population <= LISTED_CLIENTS:
        yield generator.permutation(population)
        return
    order = Order(population, generator.integers(0, 2**64, PASSES, np.uint64))
    size = max(4 * wanted, 256)
    for first in range(0, population, size):
        yield order.numbers(np.arange(first, min(first + size, population)))


def _stays(federation: Federation, law: Choice, clients: Integers, time: float, round: int) -> NDArray[np.float64]:
    """(k, 2) the stay of each client at a time, or its next one."""
    entry = availabilities[law.name]
    stream = federation.stream.at("availability")
    given = {"clients": clients, "time": time, "population": federation.population, "stream": stream}
    with blamed("law of availability", entry.name, entry.function, round):
        answer = entry.call(given, law.settings)
        stays = floats(f"law of availability `{entry.name}`: stays", answer, (len(clients), 2))
        begins, ends = stays[:, 0], stays[:, 1]
        if np.isnan(stays).any() or ((ends <= begins) & np.isfinite(begins)).any() or (ends <= time).any():
            raise ValueError("a stay begins before it ends, and ends after the time that was asked for")
    return np.asarray(stays, np.float64)
