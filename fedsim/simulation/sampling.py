"""Who takes part in a round, and through whom of them the adversaries act."""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from functools import partial

import numpy as np

from fedsim.array_types import Integers
from fedsim.exact_fractions import apportioned
from fedsim.randomness import Stream
from fedsim.scenario.sections import Attack, attackers
from fedsim.scenario.topology import seats_of
from fedsim.simulation.adversaries import ClientSet, Held
from fedsim.simulation.federation import Federation
from fedsim.simulation.groups import Groups


def sample(federation: Federation, stream: Stream) -> Integers:
    """The clients of a round, ascending, drawn without replacement.

    Stratified sampling takes from the clients of each adversary, and from those of none, their share of the cohort,
    rounded to whole clients in the same way in every round; within a share every choice is as likely. Grouped sampling
    does so with the groups of a topology.
    """
    settings = federation.scenario.clients
    if settings.sampled == federation.population:
        return np.arange(federation.population)
    if settings.sampling == "uniform":
        return np.sort(stream.numpy().choice(federation.population, settings.sampled, replace=False))
    if settings.sampling == "grouped" and federation.groups is not None:
        return _grouped(federation, federation.groups, stream)
    strata: Sequence[ClientSet] = (federation.free, *federation.controlled)
    drawn = [
        stratum.draw(count, stream.at("stratum", place).numpy())
        for place, (stratum, count) in enumerate(zip(strata, _sizes(federation), strict=True))
        if count
    ]
    return np.sort(np.concatenate(drawn))


def _sizes(federation: Federation) -> list[int]:
    """How many clients of each kind a cohort has."""
    scenario = federation.scenario
    settings = scenario.clients
    if settings.sampling == "grouped" and scenario.topology:
        return seats_of(scenario.topology, federation.population, settings.sampled)
    if settings.sampling == "stratified":
        return apportioned(settings.sampled, [len(federation.free), *map(len, federation.controlled)])
    return [settings.sampled]


@dataclass(frozen=True)
class Quotas:
    """How many clients of each kind a cohort has, and of what kind a client is."""

    sizes: list[int]
    of: Callable[[Integers], Integers]  # (n,) clients -> (n,) the kind of each

    def first(self, clients: Integers) -> Integers:
        """(m,) places of those that a cohort takes of these clients, the first of each kind."""
        kinds = self.of(clients)
        places = [np.flatnonzero(kinds == kind)[:size] for kind, size in enumerate(self.sizes)]
        return np.sort(np.concatenate(places))


def quotas(federation: Federation) -> Quotas:
    """Those that `sample` draws by; of uniform sampling there is one kind."""
    sampling, sizes = federation.scenario.clients.sampling, _sizes(federation)
    if sampling == "grouped" and federation.groups is not None:
        return Quotas(sizes, federation.groups.of)
    if sampling == "stratified":
        return Quotas(sizes, partial(_stratum, federation.controlled))
    return Quotas(sizes, lambda clients: np.zeros(len(clients), np.int64))


def _stratum(controlled: Sequence[ClientSet], clients: Integers) -> Integers:
    """(n,) whose each client is: 0 nobody's, then the adversaries' in turn."""
    found = np.zeros(len(clients), np.int64)
    for place, stratum in enumerate(controlled, start=1):
        found[stratum.among(clients)] = place
    return found


def _grouped(federation: Federation, groups: Groups, stream: Stream) -> Integers:
    """The share of each group in the cohort."""
    drawn = []
    for group, count in enumerate(_sizes(federation)):
        if count:
            generator = stream.at("stratum", group).numpy()
            drawn.append(generator.choice(groups.members(group), count, replace=False))
    return np.sort(np.concatenate(drawn))


def holders(federation: Federation, sampled: Integers, round: int) -> dict[int, Held]:
    """Which of the sampled clients an adversary acts through in this round."""
    acting = dict(attackers(federation.scenario, round))
    held: dict[int, Held] = {}
    for index in acting:
        whole = federation.controlled[index]
        mine = sampled[whole.among(sampled)]
        for client, number in zip(mine.tolist(), whole.ranks(mine).tolist(), strict=True):
            held[client] = Held(index, number, len(whole))
    for index, adversary in acting.items():
        held |= _drawn(federation, adversary, index, sampled, held.keys(), round)
    return held


def _drawn(
    federation: Federation, adversary: Attack, index: int, sampled: Integers, taken: Set[int], round: int
) -> dict[int, Held]:
    """The clients of an adversary that holds others in each round, among those that nobody else holds."""
    free = sampled[federation.free.among(sampled) & ~np.isin(sampled, sorted(taken))]
    count = min(adversary.per_round or 0, len(free))
    if not count:
        return {}
    stream = federation.stream.at("round", round, "adversary", index)
    chosen = np.sort(stream.numpy().choice(free, count, replace=False)).tolist()
    return {client: Held(index, number, count) for number, client in enumerate(chosen)}
