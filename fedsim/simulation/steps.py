"""The steps of one round, each a function of what it needs; the engine puts them in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fedsim.array_types import Array, Integers
from fedsim.checked_calls import blamed, floats
from fedsim.latencies.contract import latencies
from fedsim.randomness import Stream
from fedsim.simulation.adversaries import Held
from fedsim.simulation.clock import Arrival, Closing, close_round
from fedsim.simulation.federation import Federation
from fedsim.simulation.sampling import holders, sample
from fedsim.simulation.state import State


@dataclass(frozen=True)
class Cohort:
    """The clients of one round and what will become of them."""

    clients: Integers  # sampled, ascending
    held: Mapping[int, Held]  # client -> the adversary that acts through it in this round
    dropped: tuple[int, ...]  # never answer
    closing: Closing  # updates of earlier rounds that arrive now are among the arrived
    answering: tuple[int, ...]  # whose update of this round will be used, now or later; ascending

    def byzantine(self, client: int) -> bool:
        """Whether some attack acts through this client in this round."""
        return client in self.held

    def late(self, round: int) -> tuple[int, ...]:
        """This round's clients whose update missed it."""
        return tuple(sorted(arrival.client for arrival in self.closing.late if arrival.round == round))


def gather(federation: Federation, state: State, round: int) -> Cohort:
    """Sample the clients, find out who attacks, who answers and when the round closes."""
    stream, settings = federation.stream.at("round", round), federation.scenario.clients
    sampled = sample(federation, stream.at("cohort"))
    held = holders(federation, sampled, round)
    dropped = _dropped(sampled, stream, settings.dropout, settings.absent or ())
    answers = sampled[~np.isin(sampled, dropped)] if dropped else sampled
    delays = _delays(federation, answers, round)
    arrivals = [Arrival(state.time + float(s), int(c), round) for s, c in zip(delays, answers, strict=True)]
    in_flight = [update.arrival for update in state.in_flight]
    closing = close_round(
        state.time,
        [*arrivals, *in_flight],
        len(dropped),
        deadline=settings.deadline,
        quorum=settings.quorum,
    )
    used = (*closing.arrived, *(closing.late if settings.late == "keep" else ()))
    answering = tuple(sorted(arrival.client for arrival in used if arrival.round == round))
    return Cohort(sampled, held, dropped, closing, answering)


def _dropped(sampled: Integers, stream: Stream, chance: float, absent: Sequence[int]) -> tuple[int, ...]:
    """The clients that never answer: those that are absent, and of the others each drawn at its own address."""
    gone = set(absent)
    return tuple(
        client
        for client in (sampled.tolist() if chance or gone else ())
        if client in gone or (chance and stream.at("dropout", client).numpy().random() < chance)
    )


def _delays(federation: Federation, clients: Integers, round: int) -> Array:
    choice = federation.scenario.clients.latency
    entry = latencies[choice.name]
    given = {"clients": clients, "round": round, "stream": federation.stream.at("latency")}
    with blamed("latency law", entry.name, entry.function, round):
        delays = floats(f"latency law `{entry.name}`: seconds", entry.call(given, choice.settings), (len(clients),))
        if not (np.isfinite(delays).all() and (delays >= 0).all()):
            raise ValueError(f"seconds must be finite and not negative: got {delays.min():.6g} to {delays.max():.6g}")
    return delays


def mean_loss(losses: Sequence[tuple[float, int]]) -> float | None:
    """Of (loss, examples) of clients, weighted by their examples; None where there are none."""
    examples = sum(count for _, count in losses)
    return sum(loss * count for loss, count in losses) / examples if examples else None
