"""Which client belongs to which group of a topology."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fedsim.array_types import Integers
from fedsim.errors import Problem, ScenarioError
from fedsim.randomness import Stream
from fedsim.scenario.sections import Scenario
from fedsim.scenario.topology import count_of, first_of, unassigned
from fedsim.scenario.topology_checks import too_many_groups
from fedsim.simulation.adversaries import LISTED_CLIENTS, PASSES, Order


class Groups(Protocol):
    """The groups of a topology, numbered from 0."""

    def __len__(self) -> int:
        """How many there are."""

    def of(self, clients: Integers) -> Integers:
        """(k,) the group of each of these clients."""

    def members(self, group: int) -> Integers:
        """The clients of a group, ascending."""


@dataclass(frozen=True)
class ListedGroups:
    """A number kept for each client."""

    count: int
    group: Integers  # (population,)

    def __len__(self) -> int:
        return self.count

    def of(self, clients: Integers) -> Integers:
        """Looked up."""
        return self.group[clients]

    def members(self, group: int) -> Integers:
        """Those with this number."""
        return np.flatnonzero(self.group == group)


@dataclass(frozen=True)
class DealtGroups:
    """Stretches of clients in order: of their numbers, or of the places that a random order gives them."""

    count: int
    population: int
    order: Order | None = None

    def __len__(self) -> int:
        return self.count

    def of(self, clients: Integers) -> Integers:
        """Computed from the client alone."""
        places = clients if self.order is None else self.order.places(clients).astype(np.int64)
        return np.asarray(places, np.int64) * self.count // self.population

    def members(self, group: int) -> Integers:
        """Whoever has a place in the group's stretch."""
        first, after = (first_of(each, self.count, self.population) for each in (group, group + 1))
        places = np.arange(first, after)
        return places if self.order is None else np.sort(self.order.numbers(places))


def build_groups(scenario: Scenario, population: int, stream: Stream) -> Groups | None:
    """The groups of the clients; None where there is no topology. ScenarioError where they cannot be formed."""
    topology = scenario.topology
    if topology is None:
        return None
    if problems := too_many_groups(topology, population):
        raise ScenarioError(problems, scenario.name)
    if isinstance(topology.groups, int):
        return _dealt(topology.groups, population, stream if topology.assignment == "random" else None)
    place, wrong = unassigned(topology.groups, population)
    if wrong:
        path = ("topology", "groups", *(() if place is None else (place,)))
        raise ScenarioError([Problem(path, wrong)], scenario.name)
    group = np.empty(population, np.int64)
    for number, members in enumerate(topology.groups):
        group[list(members)] = number
    return ListedGroups(count_of(topology), group)


def _dealt(count: int, population: int, stream: Stream | None) -> Groups:
    """Groups of nearly equal size; of many clients at random nobody makes a list."""
    if stream is None:
        return DealtGroups(count, population)
    if population > LISTED_CLIENTS:
        return DealtGroups(count, population, Order(population, stream.numpy().integers(0, 2**64, PASSES, np.uint64)))
    places = stream.numpy().permutation(population)
    return ListedGroups(count, places * count // population)
