"""What the adversaries of a round do to the rows of their clients, step by step of their chains."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Array, Defence, Integers
from fedsim.attacks.contract import forged_rows
from fedsim.checked_calls import blamed
from fedsim.kernels.rules.finite_rows import screen
from fedsim.scenario.chains import Step, forging, poisoning, retraining
from fedsim.simulation.federation import Federation
from fedsim.simulation.state import State
from fedsim.simulation.steps import Cohort

Asked = Callable[[Array, Integers], Array]
"""(n, d), (n,) -> (d,): what the server would make of these rows of these clients."""


class ForgedBy(NamedTuple):
    """An attack that has replaced the rows of these clients."""

    attack: str
    clients: tuple[int, ...]


def trains(federation: Federation, cohort: Cohort, client: int) -> bool:
    """Whether a client's local work is needed: an attacker's only where its adversary looks at it."""
    held = cohort.held.get(client)
    if held is None or federation.scenario.partition.holders == "honest":
        return held is None  # an attacker without examples has nothing to train on
    adversary = federation.scenario.attacks[held.adversary]
    steps = forging(adversary)
    if not steps or poisoning(adversary) or retraining(adversary):
        return True
    first = steps[0]
    looks = "own" in first.entry.supplied and not first.entry.traits["idle"](first.choice.settings)
    blind = adversary.knowledge != "all" or all(map(cohort.byzantine, cohort.answering))
    return looks or (blind and any("honest" in step.entry.supplied for step in steps))


def forge(
    federation: Federation, state: State, cohort: Cohort, index: int, matrix: Array, defence: Asked
) -> Iterator[ForgedBy]:
    """Overwrite the rows of the clients held by the adversary at this place, and say after each step whose they are.

    `matrix` (n, d) holds the rows of the answering clients, in their order. Where no client is honest the attackers
    know only what they would have sent honestly themselves. What a step remembers is put into the state.
    """
    adversary = federation.scenario.attacks[index]
    mine = [row for row, client in enumerate(cohort.answering) if _holder(cohort, client) == index]
    steps = forging(adversary) if mine else []
    if not steps:
        return
    if federation.scenario.partition.holders == "honest":
        matrix[mine] = _instead_of_own(matrix, ~_byzantine(cohort))
    chain = _Chain(federation, state, cohort, index, matrix, defence, len(steps) > 1)
    groups = [[row] for row in mine] if adversary.knowledge == "own" else [mine]
    for place, step in enumerate(steps):
        matrix[mine] = np.concatenate([chain.forged(place, step, rows) for rows in groups])
        yield ForgedBy(step.entry.name, tuple(cohort.answering[row] for row in mine))


def _instead_of_own(matrix: Array, honest: NDArray[np.bool_]) -> Array:
    """What stands for the update of an attacker that holds no examples: the mean of the honest ones, or zeros."""
    seen = matrix[honest]
    known = seen[screen(seen)] if len(seen) else seen
    return np.asarray(known.mean(axis=0) if len(known) else np.zeros_like(matrix[0]), matrix.dtype)


class _Chain:
    """One adversary's steps in one round."""

    def __init__(
        self,
        federation: Federation,
        state: State,
        cohort: Cohort,
        index: int,
        matrix: Array,
        defence: Asked,
        several: bool,
    ) -> None:
        self._federation, self._state, self._index, self._defence = federation, state, index, defence
        self._matrix, self._clients = matrix, np.array(cohort.answering, np.int64)
        self._trained = matrix.copy() if several else matrix  # as the clients left it: the first step overwrites rows
        knowledge, honest = federation.scenario.attacks[index].knowledge, ~_byzantine(cohort)
        self._alone, everyone = knowledge == "own", knowledge == "all" and bool(honest.any())
        self._seen = np.flatnonzero(honest) if everyone else None  # None: those of whoever is asked
        self._knowledge = knowledge if everyone or knowledge != "all" else "colluders"

    def forged(self, place: int, step: Step, rows: list[int]) -> Array:
        """The rows that a step makes of these."""
        entry, state, round = step.entry, self._state, self._state.round + 1
        stream = self._federation.stream.at("round", round, "attack", self._index)
        path = f"attacks[{self._index}]{step.path}" + (f".clients[{self._clients[rows[0]]}]" if self._alone else "")
        given: dict[str, Any] = {
            "count": len(rows),
            "parameters": state.parameters,
            "previous": state.previous,
            "clients": self._clients[rows],
            "round": round,
            "memory": state.memories.get(path),
            "stream": stream.at("step", place) if place else stream,
        }
        if "own" in entry.supplied:
            given["own"] = self._matrix[rows]
        if "honest" in entry.supplied:
            given |= self._known(rows)
        given["defence"] = self._tried(given.get("honest_clients", self._clients[:0]), self._clients[rows])
        with blamed("attack", entry.name, entry.function, round), np.errstate(over="ignore", invalid="ignore"):
            answer = entry.call(given, step.choice.settings)
            made = forged_rows(entry.name, answer, len(rows), self._matrix.shape[1])
        state.remember(path, made.memory, self._matrix)
        return made.updates

    def _tried(self, known: Integers, own: Integers) -> Defence:
        """The defence, which is shown rows of those known of and below them one's own; others are taken for theirs."""
        both = np.concatenate([known, own])
        by_number = {len(own): own, len(known): known, len(both): both}
        return lambda matrix: self._defence(matrix, by_number.get(len(matrix), np.resize(both, len(matrix))))

    def _known(self, rows: list[int]) -> dict[str, Any]:
        """What whoever holds these rows knows of; a row that is not finite tells nothing while another is finite."""
        seen = np.array(rows) if self._seen is None else self._seen
        known = self._trained[seen]
        finite = screen(known)
        if finite.any() and not finite.all():
            seen, known = seen[finite], known[finite]
        return {"honest": known, "honest_clients": self._clients[seen], "knowledge": self._knowledge}


def _holder(cohort: Cohort, client: int) -> int | None:
    held = cohort.held.get(client)
    return held.adversary if held else None


def _byzantine(cohort: Cohort) -> NDArray[np.bool_]:
    return np.array([cohort.byzantine(client) for client in cohort.answering], np.bool_)
