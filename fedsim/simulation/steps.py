"""The steps of one round, each a function of what it needs; the engine puts them in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fedsim.array_types import Integers
from fedsim.randomness import Stream
from fedsim.simulation.adversaries import Held
from fedsim.simulation.clock import Arrival, Closing, close_round, fill_buffer
from fedsim.simulation.federation import Federation
from fedsim.simulation.presence import Present, nobody_left, present_cohort
from fedsim.simulation.sampling import holders, sample
from fedsim.simulation.starts import Starts, delays_of, drops
from fedsim.simulation.state import State


@dataclass(frozen=True)
class Cohort:
    """The clients of one round and what will become of them."""

    clients: Integers  # sampled, ascending
    held: Mapping[int, Held]  # client -> the adversary that acts through it in this round
    dropped: tuple[int, ...]  # never answer
    closing: Closing  # updates of earlier rounds that arrive now are among the arrived
    answering: tuple[int, ...]  # whose update of this round will be used, now or later; ascending
    begin: float  # on the simulation's clock: later than the round before it ended where it waited for clients
    rounds: bool = True  # false: nobody is late, since the server waits for no cohort

    def byzantine(self, client: int) -> bool:
        """Whether some attack acts through this client in this round."""
        return client in self.held

    def late(self, round: int) -> tuple[int, ...]:
        """This round's clients whose update missed it."""
        if not self.rounds:
            return ()
        return tuple(sorted(arrival.client for arrival in self.closing.late if arrival.round == round))


def gather(federation: Federation, state: State, round: int) -> Cohort:
    """Sample the clients, find out who attacks, who answers and when the round closes."""
    stream, settings = federation.stream.at("round", round), federation.scenario.clients
    if settings.buffer is not None:
        return _buffered(federation, state, round)
    present = _present(federation, stream.at("cohort"), state.time, round)
    sampled, begin = present.clients, present.begin
    held = holders(federation, sampled, round)
    dropped = _dropped(sampled, stream, settings.dropout, settings.absent or ())
    answers = sampled[~np.isin(sampled, dropped)] if dropped else sampled
    delays = delays_of(federation, answers, round, {client: each.adversary for client, each in held.items()})
    arrivals = [Arrival(begin + float(s), int(c), round) for s, c in zip(delays, answers, strict=True)]
    gone = _gone(arrivals, present)
    arrivals, dropped = [each for each in arrivals if each.client not in gone], tuple(sorted({*dropped, *gone}))
    left = max(gone.values(), default=begin)
    in_flight = [update.arrival for update in state.in_flight]
    closing = close_round(
        begin,
        [*arrivals, *in_flight],
        len(dropped),
        deadline=settings.deadline,
        quorum=settings.quorum,
        left=left,
    )
    used = (*closing.arrived, *(closing.late if settings.late == "keep" else ()))
    answering = tuple(sorted(arrival.client for arrival in used if arrival.round == round))
    return Cohort(sampled, held, dropped, closing, answering, begin)


def _present(federation: Federation, stream: Stream, time: float, round: int) -> Present:
    """The cohort and when it begins: at once and from all clients, unless a law says who is there."""
    law = federation.scenario.clients.availability
    if law is not None:
        return present_cohort(federation, law, stream, time, round)
    sampled = sample(federation, stream)
    return Present(time, sampled, np.full(len(sampled), np.inf))


def _gone(arrivals: Sequence[Arrival], present: Present) -> dict[int, float]:
    """The clients that leave before their update arrives, and when."""
    ends = dict(zip(present.clients.tolist(), present.ends.tolist(), strict=True))
    return {each.client: ends[each.client] for each in arrivals if each.time > ends[each.client]}


def _buffered(federation: Federation, state: State, round: int) -> Cohort:
    """The clients that begin before the server's next step, and whose updates it will take."""
    settings, at_work = federation.scenario.clients, [update.arrival for update in state.in_flight]
    starts = Starts(federation, round, {arrival.client for arrival in at_work})
    vacant = max(settings.sampled - len(at_work), 0)
    closing = fill_buffer(state.time, at_work, vacant, settings.buffer or 1, starts.begin)
    if settings.availability is not None and not (closing.arrived or starts.began):
        raise nobody_left(round, state.time)
    answering = tuple(sorted(a.client for a in (*closing.arrived, *closing.late) if a.round == round))
    began = np.array(sorted(starts.began), np.int64)
    return Cohort(
        began, holders(federation, began, round), tuple(starts.dropped), closing, answering, state.time, rounds=False
    )


def _dropped(sampled: Integers, stream: Stream, chance: float, absent: Sequence[int]) -> tuple[int, ...]:
    """The clients that never answer: those that are absent, and of the others each drawn at its own address."""
    gone = set(absent)
    clients = sampled.tolist() if chance or gone else ()
    return tuple(client for client in clients if client in gone or drops(stream, client, chance))


def mean_loss(losses: Sequence[tuple[float, int]]) -> float | None:
    """Of (loss, examples) of clients, weighted by their examples; None where there are none."""
    examples = sum(count for _, count in losses)
    return sum(loss * count for loss, count in losses) / examples if examples else None
