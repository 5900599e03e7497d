"""How many Byzantine clients a topology bears, wherever they are, and how often a round brings too many to its groups.

A group is lost with more Byzantine rows than its own server bears, and a round with more lost groups than the server at
the top bears. Clients are sampled without replacement: a group's rows, and the Byzantine ones among them, are a draw
from hypergeometric laws that know of each other. They are counted group after group, exactly but for rounding; where
that would be long work, nothing is said.
"""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fedsim.aggregators.contract import Condition
from fedsim.scenario.exposure import (
    Exposure,
    Held,
    borne_by,
    chance_of_more,
    edge_steps,
    log_choose,
    rows_of_a_step,
    schedule_of,
    server_steps,
)
from fedsim.scenario.sections import Scenario
from fedsim.scenario.server_checks import rows_through
from fedsim.scenario.topology import first_of, seats_of, sizes_of

Ways = NDArray[np.float64]

MOST_WORK = 2 * 10**8
"""Additions in which the chances of a round are counted, at most."""


class Tolerated(NamedTuple):
    """Byzantine rows of a round that a topology bears."""

    rows: int  # of a round in which every group has its share
    anywhere: int  # wherever they are
    filled: int  # that fill one group after another, the smallest first
    spread: int  # that are spread evenly over the groups


def tolerated_by_groups(scenario: Scenario, population: int) -> Tolerated:
    """What the topology bears of a round in which every group has its share of the rows."""
    assert scenario.topology is not None  # noqa: S101 - for mypy
    rows = min(rows_of_a_step(scenario), population)
    all_shares, least = sorted(seats_of(scenario.topology, population, rows)), fewest_rows(scenario, rows)
    shares = [share for share in all_shares if share >= least]
    if not shares:
        return Tolerated(rows, 0, 0, 0)
    bears = [borne_by(edge_steps(scenario), share) for share in shares]
    lost = min(borne_by(server_steps(scenario), len(shares)), len(shares) - 1)
    anywhere = sum(sorted(f + 1 for f in bears)[: lost + 1]) - 1
    return Tolerated(rows, anywhere, sum(shares[:lost]) + bears[lost], _spread(bears, lost))


def _spread(bears: Sequence[int], lost: int) -> int:
    """The most rows that, dealt out in turn, overcome no more than so many groups, whoever has one more than others."""
    for each in range(max(bears) + 1):
        below, equal = sum(f < each for f in bears), sum(f == each for f in bears)
        if below + equal > lost:
            return each * len(bears) + lost - below
    return len(bears) * (max(bears) + 1)


def exposure_of_groups(scenario: Scenario, population: int) -> Exposure | None:
    """How often a round loses more groups than are borne; None where nobody attacks, or it takes too long to count."""
    held = Held(scenario, population)
    if not any(held.whole) and not any(held.anew):
        return None
    counting = _Counting(scenario, population, held)
    schedule = schedule_of(scenario.attacks, scenario.rounds)
    chances = {acting: counting.chance(acting) for acting in schedule}
    most = max((min(population, sum(held.whole[i] + held.anew[i] for i in acting)) for acting in schedule), default=0)
    found = {acting: chance for acting, chance in chances.items() if chance is not None}
    if len(found) < len(chances):
        return None
    expected = sum(rounds * found[acting] for acting, rounds in schedule.items())
    return Exposure(
        tolerated_by_groups(scenario, population).anywhere, most, max(found.values(), default=0.0), expected
    )


def silent_groups(scenario: Scenario, population: int) -> float:
    """Groups to be expected in a round whose rows do not suffice for their own rule, though everybody answers."""
    assert scenario.topology is not None  # noqa: S101 - for mypy
    k = min(rows_of_a_step(scenario), population)
    sizes, least = Counter(sizes_of(scenario.topology, population)), fewest_rows(scenario, k)
    if scenario.clients.sampling == "grouped":
        return sum(seats < least for seats in seats_of(scenario.topology, population, k))
    return sum(many * (1 - chance_of_more(population, size, k, least - 1)) for size, many in sizes.items())


def fewest_rows(scenario: Scenario, most: int) -> int:
    """The fewest rows with which an edge server answers; one more than the most where it never does."""
    topology, steps = scenario.topology, edge_steps(scenario)
    wanted = [(Condition.parse(entry.needs), entry.byzantine(choice.settings) or 0) for entry, choice in steps]
    if topology is None:
        return 1
    for n in range(1, most + 1):
        seen = [n] if not topology.preaggregators else rows_through(topology, n)
        if all(needs.holds(m, f) for (needs, f), m in zip(wanted, seen, strict=True)):
            return n
    return most + 1


_Group = tuple[int, int | None]
"""The clients of a group, and how many of them are in every cohort, where that is fixed."""


class _Counting:
    """The chance that a round loses too many groups, group after group."""

    def __init__(self, scenario: Scenario, population: int, held: Held) -> None:
        assert scenario.topology is not None  # noqa: S101 - for mypy
        self._scenario, self._topology, self._held, self._population = scenario, scenario.topology, held, population
        self._sizes = sizes_of(scenario.topology, population)
        self._sampled = min(rows_of_a_step(scenario), population)
        self._most = min(self._sampled, max(self._sizes))
        grouped = scenario.clients.sampling == "grouped"
        seats = seats_of(scenario.topology, population, self._sampled) if grouped else [None] * len(self._sizes)
        self._groups: list[_Group] = list(zip(self._sizes, seats, strict=True))
        self._least = fewest_rows(scenario, self._most)
        self._steps = edge_steps(scenario)
        given = [f for entry, choice in server_steps(scenario) if (f := entry.byzantine(choice.settings)) is not None]
        self._f = min(given) if given else None

    def chance(self, acting: frozenset[int]) -> float | None:
        """While these adversaries act; None where it is too long to count, or their places are half known."""
        named = [self._scenario.attacks[place].ids is not None for place in acting]
        placed = self._topology.assignment != "random"
        if not acting:
            return 0.0
        if placed and all(named) and self._scenario.clients.sampling != "stratified":
            return self._of_places(self._byzantine(acting))
        return None if placed and any(named) else self._of_draws(acting)

    def _byzantine(self, acting: frozenset[int]) -> list[int]:
        """How many clients in each group attack, where their places are known."""
        absent = {*(self._scenario.clients.absent or ())}
        held = {client for place in acting for client in self._scenario.attacks[place].ids or ()} - absent
        groups = self._topology.groups
        if not isinstance(groups, int):
            return [len(held.intersection(members)) for members in groups]
        edges = [first_of(group, groups, self._population) for group in range(groups + 1)]
        return [sum(a <= client < b for client in held) for a, b in pairwise(edges)]

    def _of_places(self, byzantine: Sequence[int]) -> float | None:
        """The chance where each group has known attackers."""
        if self._work(1) > MOST_WORK:
            return None
        kernels = [self._placed(group, z) for group, z in zip(self._groups, byzantine, strict=True)]
        return float(self._shares(kernels, 1)[0])

    def _of_draws(self, acting: frozenset[int]) -> float | None:
        """The chance where the Byzantine clients of a cohort are in any groups alike."""
        chances = self._held.chances(acting, self._sampled)
        most = max((b for b, chance in enumerate(chances) if chance > 0), default=0)
        if self._work(most + 1) > MOST_WORK:
            return None
        kernels = {group: self._drawn(group, most) for group in set(self._groups)}
        broken = self._shares([kernels[group] for group in self._groups], most + 1)
        return float(sum(chance * share for chance, share in zip(chances, broken, strict=False)))

    def _work(self, columns: int) -> int:
        rows = self._most + 1
        return len(self._sizes) * self._states * (self._sampled + 1) * columns * rows * min(rows, columns)

    @property
    def _states(self) -> int:
        return self._f + 2 if self._f is not None else 2 * len(self._sizes) + 1

    def _placed(self, group: "_Group", z: int) -> Ways:
        """(3, r, 1) ways of a group with z Byzantine clients to be silent, sound or lost with r rows."""
        size, _ = group
        ways = np.zeros((3, min(size, self._sampled) + 1, 1))
        for r in range(ways.shape[1]):
            for y in range(max(0, r - (size - z)), min(z, r) + 1):
                ways[self._fate(r, y), r, 0] += (
                    self._weight(group, r) * comb(z, y) * comb(size - z, r - y) / comb(size, r)
                )
        return ways

    def _drawn(self, group: "_Group", most: int) -> Ways:
        """(3, r, y) the same with y Byzantine rows, where any of the r rows are as likely to be."""
        size, _ = group
        ways = np.zeros((3, min(size, self._sampled) + 1, min(size, most) + 1))
        for r in range(ways.shape[1]):
            for y in range(min(r, ways.shape[2] - 1) + 1):
                ways[self._fate(r, y), r, y] = self._weight(group, r) * comb(r, y) / 2**r
        return ways

    def _weight(self, group: "_Group", r: int) -> float:
        """The chance of r rows if every client tossed a coin: what is asked afterwards is given their sum."""
        size, seats = group
        if seats is not None:
            return float(r == seats)
        p = min(self._sampled / self._population, 0.5)
        return math.exp(log_choose(size, r) + r * math.log(p) + (size - r) * math.log1p(-p))

    def _fate(self, r: int, y: int) -> int:
        """0: silent, 1: sound, 2: lost."""
        return 0 if r < self._least else 1 if y <= borne_by(self._steps, r) else 2

    def _shares(self, kernels: Sequence[Ways], columns: int) -> Ways:
        """(y,) of all ways to have the cohort's rows and y Byzantine ones, the share that loses too many groups."""
        state = np.zeros((self._states, self._sampled + 1, columns))
        state[0 if self._f is not None else len(kernels), 0, 0] = 1
        nobody = state[:1] * 0
        nobody[0, 0, 0] = 1
        for kernel in kernels:
            state, nobody = self._after(state, kernel), _moved(nobody, kernel[0])
        last, silent = state[:, -1], nobody[0, -1]
        lost = last[-1] if self._f is not None else last[len(kernels) :].sum(axis=0) - silent
        total = last.sum(axis=0)
        share: Ways = np.divide(np.maximum(lost, 0), total, out=np.zeros(columns), where=total > 0)
        return share

    def _after(self, state: Ways, kernel: Ways) -> Ways:
        """With one group more: told a number, lost groups count up to one too many; else they are set off."""
        silent, sound, lost = (_moved(state, part) for part in kernel)
        if self._f is not None:
            found = silent + sound
            found[1:] += lost[:-1]
            found[-1] += lost[-1]
            return found
        found = silent
        found[:-1] += sound[1:]
        found[1:] += lost[:-1]
        return found


def _moved(state: Ways, kernel: Ways) -> Ways:
    """(s, rows, y) and (r, y): the sums of both, each way times each way."""
    found = np.zeros_like(state)
    for r, y in zip(*np.nonzero(kernel), strict=True):
        found[:, r:, y:] += kernel[r, y] * state[:, : state.shape[1] - r, : state.shape[2] - y]
    return found
