"""When clients answer, and who begins next where clients go on each for itself."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from fedsim.array_types import Array, Integers
from fedsim.checked_calls import blamed, floats
from fedsim.latencies.contract import latencies
from fedsim.randomness import Stream
from fedsim.scenario.sections import Choice, attackers
from fedsim.simulation.client_steps import steps_of
from fedsim.simulation.client_work import epochs_of, own_training
from fedsim.simulation.clock import Arrival, Vacant
from fedsim.simulation.federation import Federation
from fedsim.simulation.presence import Callers

SORTED_CLIENTS = 10_000
"""Clients up to which all are put in order; of more, one is drawn at a time until it is free."""


class Starts:
    """The clients that begin in one round of an asynchronous server, drawn from whoever is free and there.

    Whoever is at work is not free, nor is whoever has begun or answered since the last step of the server.
    """

    def __init__(self, federation: Federation, round: int, busy: set[int]) -> None:
        self.began: list[int] = []
        self.dropped: list[int] = []
        self._federation, self._round, self._busy = federation, round, set(busy)
        self._stream, self._absent = federation.stream.at("round", round), set(federation.scenario.clients.absent or ())
        self._candidates = self._order()
        law = federation.scenario.clients.availability
        self._there = Callers(federation, law, self._stream.at("cohort"), round) if law is not None else None

    def begin(self, time: float) -> Arrival | Vacant | None:
        """The next client and when it answers; those that never will are passed over. None where nobody is free.

        The place is vacant until somebody comes where nobody is there, and until whoever leaves before answering is
        gone.
        """
        while (found := self._next(time)) is not None:
            if isinstance(found, Vacant):
                return found
            client, end = found
            self._busy.add(client)
            self.began.append(client)
            if client in self._absent or drops(self._stream, client, self._federation.scenario.clients.dropout):
                self.dropped.append(client)
                continue
            answers = time + self._seconds(client)
            if answers > end:
                self.dropped.append(client)
                return Vacant(end)
            return Arrival(answers, client, self._round)
        return None

    def _next(self, time: float) -> tuple[int, float] | Vacant | None:
        """A client that is free and there, and when it leaves."""
        if self._there is not None:
            return self._there.first(time, self._busy)
        client = next((each for each in self._candidates if each not in self._busy), None)
        return None if client is None else (client, math.inf)

    def _order(self) -> Iterator[int]:
        """All clients in a random order, or numbers of clients until all are busy."""
        generator, population = self._stream.at("cohort").numpy(), self._federation.population
        if population <= SORTED_CLIENTS:
            yield from generator.permutation(population).tolist()
        while len(self._busy) < population:
            yield int(generator.integers(population))

    def _seconds(self, client: int) -> float:
        alone = np.array([client], np.int64)
        federation, held = self._federation, dict[int, int]()
        for index, adversary in attackers(federation.scenario, self._round):
            if adversary.latency is not None and federation.controlled[index].among(alone).any():
                held[client] = index
        return float(delays_of(federation, alone, self._round, held)[0])


def drops(stream: Stream, client: int, chance: float) -> bool:
    """Whether a client of this round never answers."""
    return bool(chance and stream.at("dropout", client).numpy().random() < chance)


def delays_of(federation: Federation, clients: Integers, round: int, held: Mapping[int, int]) -> Array:
    """(k,) seconds that each client takes: those of the law of the adversary that holds it, where that has one."""
    scenario = federation.scenario
    seconds = _by_law(federation, scenario.clients.latency, federation.stream.at("latency"), clients, round)
    for index, adversary in attackers(scenario, round):
        if adversary.latency is None:
            continue
        mine = np.array([held.get(client) == index for client in clients.tolist()], bool)
        if mine.any():
            stream = federation.stream.at("attack", index, "latency")
            seconds = seconds.copy()
            seconds[mine] = _by_law(federation, adversary.latency, stream, clients[mine], round)
    return seconds


def _steps(federation: Federation, clients: Integers, round: int) -> Integers:
    """(k,) optimizer steps of each client in a round."""
    training, own = federation.scenario.training, clients.tolist()
    work = zip(own, epochs_of(training, federation.stream, own, round), strict=True)
    found = [steps_of(federation.claimed_by(client), own_training(training, epochs)) for client, epochs in work]
    return np.array(found, np.int64)


def _by_law(federation: Federation, choice: Choice, stream: Stream, clients: Integers, round: int) -> Array:
    entry = latencies[choice.name]
    given: dict[str, Any] = {"clients": clients, "round": round, "stream": stream}
    if "steps" in entry.supplied:
        given["steps"] = _steps(federation, clients, round)
    with blamed("latency law", entry.name, entry.function, round):
        delays = floats(f"latency law `{entry.name}`: seconds", entry.call(given, choice.settings), (len(clients),))
        if not (np.isfinite(delays).all() and (delays >= 0).all()):
            raise ValueError(f"seconds must be finite and not negative: got {delays.min():.6g} to {delays.max():.6g}")
    return delays
