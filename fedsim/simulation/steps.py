"""The steps of one round, each a function of what it needs; the engine puts them in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fedsim.aggregators.contract import Aggregate, aggregators
from fedsim.array_types import Array, Defence, Integers
from fedsim.attacks.contract import attacks, forged_rows
from fedsim.checked_calls import blamed, floats
from fedsim.kernels.rules.finite_rows import screen
from fedsim.latencies.contract import latencies
from fedsim.preaggregators.contract import preaggregators
from fedsim.randomness import Stream
from fedsim.scenario.sections import attackers
from fedsim.simulation.clock import Arrival, Closing, close_round
from fedsim.simulation.federation import Federation
from fedsim.simulation.state import State


@dataclass(frozen=True)
class Cohort:
    """The clients of one round and what will become of them."""

    clients: Integers  # sampled, ascending
    attacking: Mapping[int, int]  # client -> place of the attack that acts through it in this round
    dropped: tuple[int, ...]  # never answer
    closing: Closing  # updates of earlier rounds that arrive now are among the arrived
    answering: tuple[int, ...]  # whose update of this round will be used, now or later; ascending

    def byzantine(self, client: int) -> bool:
        """Whether some attack acts through this client in this round."""
        return client in self.attacking

    def late(self, round: int) -> tuple[int, ...]:
        """This round's clients whose update missed it."""
        return tuple(sorted(arrival.client for arrival in self.closing.late if arrival.round == round))


def gather(federation: Federation, state: State, round: int) -> Cohort:
    """Sample the clients, find out who attacks, who answers and when the round closes."""
    stream, settings = federation.stream.at("round", round), federation.scenario.clients
    sampled = np.sort(stream.at("cohort").numpy().choice(federation.population, settings.sampled, replace=False))
    acting = dict(attackers(federation.scenario, round))
    attacking = {client: index for client, index in federation.held_by(sampled).items() if index in acting}
    dropped = tuple(int(c) for c in sampled if _drops_out(stream.at("dropout", int(c)), settings.dropout))
    answers = sampled[~np.isin(sampled, dropped)]
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
    return Cohort(sampled, attacking, dropped, closing, answering)


def _drops_out(stream: Stream, chance: float) -> bool:
    return chance > 0 and bool(stream.numpy().random() < chance)


def _delays(federation: Federation, clients: Integers, round: int) -> Array:
    choice = federation.scenario.clients.latency
    entry = latencies[choice.name]
    given = {"clients": clients, "round": round, "stream": federation.stream.at("latency")}
    with blamed("latency law", entry.name, entry.function, round):
        delays = floats(f"latency law `{entry.name}`: seconds", entry.call(given, choice.settings), (len(clients),))
        if not (np.isfinite(delays).all() and (delays >= 0).all()):
            raise ValueError(f"seconds must be finite and not negative: got {delays.min():.6g} to {delays.max():.6g}")
    return delays


def trains(federation: Federation, cohort: Cohort, client: int) -> bool:
    """Whether a client's local work is needed: an attacker's only where its attack looks at it."""
    index = cohort.attacking.get(client)
    if index is None:
        return True
    adversary = federation.scenario.attacks[index]
    entry = attacks[adversary.attack.name]
    if entry.traits["poisons"] == "data":
        return True
    blind = adversary.knowledge != "all" or all(map(cohort.byzantine, cohort.answering))
    looks = "own" in entry.supplied and not entry.traits["idle"](adversary.attack.settings)
    return looks or ("honest" in entry.supplied and blind)


def forge(
    federation: Federation, state: State, cohort: Cohort, index: int, matrix: Array, defence: Defence
) -> tuple[int, ...]:
    """Overwrite the rows of the clients held by the attack at this place, and say whose they are.

    `matrix` (n, d) holds the rows of the answering clients, in their order. Where no client is honest the attackers
    know only what they would have sent honestly themselves.
    """
    adversary = federation.scenario.attacks[index]
    entry = attacks[adversary.attack.name]
    mine = [row for row, client in enumerate(cohort.answering) if cohort.attacking.get(client) == index]
    if not mine or entry.traits["poisons"] == "data":
        return ()
    honest = np.array([not cohort.byzantine(client) for client in cohort.answering])
    forged = []
    for rows in [[row] for row in mine] if adversary.knowledge == "own" else [mine]:
        clients = np.array([cohort.answering[row] for row in rows], np.int64)
        given: dict[str, Any] = {
            "count": len(rows),
            "parameters": state.parameters,
            "previous": state.previous,
            "defence": defence,
            "clients": clients,
            "stream": federation.stream.at("round", state.round + 1, "attack", index),
        }
        if "own" in entry.supplied:
            given["own"] = matrix[rows]
        if "honest" in entry.supplied:
            given["honest"] = matrix[honest if adversary.knowledge == "all" and honest.any() else rows]
        with (
            blamed("attack", entry.name, entry.function, state.round + 1),
            np.errstate(over="ignore", invalid="ignore"),
        ):
            rows_made = entry.call(given, adversary.attack.settings)
            forged.append(forged_rows(entry.name, rows_made, len(rows), matrix.shape[1]))
    matrix[mine] = np.concatenate(forged)
    return tuple(cohort.answering[row] for row in mine)


@dataclass(frozen=True)
class Inputs:
    """What the server has when a round closes."""

    matrix: Array  # (n, d) finite rows
    counts: Integers  # (n,) examples behind each
    clients: Integers  # (n,)
    nonfinite: int  # rows set aside before; the rule's f shrinks by as many

    @classmethod
    def trial(cls, matrix: Array) -> "Inputs":
        """Rows that an attack only imagines, taken in as the server would take them in."""
        rows = matrix[screen(matrix)]
        return cls(rows, np.ones(len(rows), np.int64), np.arange(len(rows)), len(matrix) - len(rows))


def judge(federation: Federation, state: State, round: int, inputs: Inputs, extras: Mapping[str, Any]) -> Aggregate:
    """Pre-aggregators in turn, then the rule; weights are those of the clients' rows.

    `extras` maps the expensive items to functions that make them, called only when the rule asks. RowsDoNotSuffice
    where they do not suffice for it; RunFailed where it fails in any other way.
    """
    stream, rows = federation.stream.at("round", round), inputs.matrix
    shares = np.eye(len(rows))
    for index, choice in enumerate(federation.scenario.preaggregators):
        entry, given = preaggregators[choice.name], {"updates": rows, "stream": stream.at("preaggregator", index)}
        with blamed("pre-aggregator", entry.name, entry.function, round):
            mixed = entry.call(given, entry.lowered(choice.settings, inputs.nonfinite))
        rows, shares = mixed.updates, mixed.shares @ shares
    choice = federation.scenario.aggregator
    entry = aggregators[choice.name]
    available: dict[str, Any] = {
        "updates": rows,
        "counts": shares @ inputs.counts,
        "previous": state.previous,
        "parameters": state.parameters,
        "memory": state.memory,
        "clients": inputs.clients if len(rows) == len(inputs.clients) else np.arange(len(rows)),
        "stream": stream.at("aggregator"),
    }
    given = {item: available[item] if item in available else extras[item](rows) for item in entry.supplied}
    with blamed("rule", entry.name, entry.function, round):
        verdict: Aggregate = entry.function(*given.values(), **entry.lowered(choice.settings, inputs.nonfinite))
    return verdict._replace(weights=verdict.weights @ shares)


def mean_loss(losses: Sequence[tuple[float, int]]) -> float | None:
    """Of (loss, examples) of clients, weighted by their examples; None where there are none."""
    examples = sum(count for _, count in losses)
    return sum(loss * count for loss, count in losses) / examples if examples else None
