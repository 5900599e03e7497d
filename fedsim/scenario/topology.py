"""The section of a topology, and what can be said of its groups before any client is put into one."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal

from annotated_types import Ge, Le, MaxLen

from fedsim.exact_fractions import apportioned
from fedsim.scenario.choices import Choice, In, section

MOST_GROUPS = 100_000

Member = Annotated[int, Ge(0), Le(10**9)]
Members = tuple[Annotated[tuple[Member, ...], MaxLen(10**6)], ...]


@section
class Topology:
    """Groups of clients, each with an edge server whose answer is one row of the rule at the top."""

    groups: Annotated[int, Ge(1), Le(MOST_GROUPS)] | Annotated[Members, MaxLen(MOST_GROUPS)]
    """How many groups of nearly equal size; or a list for each group of its clients, from 0."""
    assignment: Literal["contiguous", "random"] | None = None
    """Who is in which of so many groups: contiguous, by number, if not given; random, drawn once for the whole run."""
    preaggregators: tuple[Annotated[Choice, In("preaggregators")], ...] = ()
    """What each edge server does to its clients' updates before its rule sees them, in order."""
    aggregator: Annotated[Choice, In("aggregators")] = Choice("fedavg")
    """The rule of each edge server, over the updates of its own clients."""


def count_of(topology: Topology) -> int:
    """The number of groups."""
    return topology.groups if isinstance(topology.groups, int) else len(topology.groups)


def sizes_of(topology: Topology, population: int) -> list[int]:
    """The number of clients in each group; as many of a random assignment as of a contiguous one."""
    if not isinstance(topology.groups, int):
        return [len(members) for members in topology.groups]
    edges = [first_of(group, topology.groups, population) for group in range(topology.groups + 1)]
    return [after - first for first, after in pairwise(edges)]


def seats_of(topology: Topology, population: int, sampled: int) -> list[int]:
    """The clients of each group in a cohort of so many, where groups have their share of it."""
    return apportioned(sampled, sizes_of(topology, population))


def first_of(group: int, groups: int, population: int) -> int:
    """The first client of a group of a contiguous assignment."""
    return -(-group * population // groups)


def unassigned(groups: Sequence[Sequence[int]], population: int | None) -> tuple[int | None, str]:
    """The list at which lists of members are no assignment, None for all of them, and why; no words where they are."""
    for place, members in enumerate(groups):
        if not members:
            return place, f"group {place} has no members: every group needs a client"
    times = Counter(client for members in groups for client in members)
    for place, members in enumerate(groups):
        for client in members:
            if population is not None and client >= population:
                return place, f"there is no client {client}: they are numbered from 0 to {population - 1}"
            if times[client] > 1:
                homes = [str(home) for home, those in enumerate(groups) for member in those if member == client]
                return (
                    place,
                    f"client {client} has {len(homes)} places, in groups {' and '.join(homes[:2])}: it needs one",
                )
    missing = [client for client in range(population or 0) if client not in times]
    return (None, _homeless(missing, population or 0)) if missing else (None, "")


def _homeless(missing: Sequence[int], population: int) -> str:
    """Words for clients that stand in no list."""
    named = ", ".join(map(str, missing[:3])) + (f" and {len(missing) - 3:,} more" if len(missing) > 3 else "")  # noqa: PLR2004
    plural = len(missing) > 1
    return f"client{'s' * plural} {named} of {population:,} {'are' if plural else 'is'} in no group: list every client"
