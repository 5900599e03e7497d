"""Which rows may stay together: a search in the graph of the pairs that may not.

Leaving out f rows so that no forbidden pair remains is a vertex cover of f vertices. It branches on the vertex of most
pairs, which is left out or else all its partners are, and ends at once where what remains is only paths and rings: at
most about 1.47^f steps.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


class TooManySteps(Exception):
    """The search was given up."""


@dataclass
class Covers:
    """A search with so many steps to spend on all its questions together."""

    steps: int

    def exists(self, partners: list[int], alive: int, budget: int) -> bool:
        """Whether leaving out `budget` of the alive vertices (a mask) leaves no pair; `partners` are masks too."""
        while True:
            self._spend()
            degrees = {v: (partners[v] & alive).bit_count() for v in members(alive)}
            pairs = sum(degrees.values()) // 2
            if not pairs:
                return True
            most = max(degrees, key=degrees.__getitem__)
            if budget * degrees[most] < pairs:
                return False
            ends = [v for v, degree in degrees.items() if degree == 1]
            if degrees[most] > budget or ends:  # one end of a lone pair may stay, its partner covers no less
                gone = most if degrees[most] > budget else (partners[ends[0]] & alive).bit_length() - 1
                alive, budget = alive & ~(1 << gone), budget - 1
                continue
            alive = sum(1 << v for v, degree in degrees.items() if degree)
            if degrees[most] == 2:  # noqa: PLR2004 - rings alone
                return sum(-(-length // 2) for length in _rings(partners, alive)) <= budget
            if self.exists(partners, alive & ~(1 << most), budget - 1):
                return True
            alive, budget = alive & ~(partners[most] | 1 << most), budget - degrees[most]
            if budget < 0:
                return False

    def _spend(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise TooManySteps


def closest_together(distances: NDArray[np.float64], kept: int, steps: int) -> NDArray[np.bool_]:
    """(n, n) -> (n,): the `kept` rows of least greatest distance; of several such sets the first in order."""
    n, search = len(distances), Covers(steps)
    values = np.unique(distances[np.triu_indices(n, 1)]) if n > 1 else np.zeros(1)
    low, high = 0, len(values) - 1
    while low < high:
        middle = (low + high) // 2
        fits = search.exists(_partners(distances > values[middle]), (1 << n) - 1, n - kept)
        low, high = (low, middle) if fits else (middle + 1, high)
    return _first(_partners(distances > values[low]), n, kept, search)


def _first(partners: list[int], n: int, kept: int, search: Covers) -> NDArray[np.bool_]:
    """Take each row in turn if a large enough set remains that holds it."""
    chosen, alive, budget = np.zeros(n, bool), (1 << n) - 1, n - kept
    for v in range(n):
        if not alive >> v & 1 or chosen.sum() == kept:
            continue
        rivals = partners[v] & alive
        rest, left = alive & ~(rivals | 1 << v), budget - rivals.bit_count()
        chosen[v] = left >= 0 and search.exists(partners, rest, left)
        alive, budget = (rest, left) if chosen[v] else (alive & ~(1 << v), budget - 1)
    return chosen


def members(mask: int) -> list[int]:
    """The numbers of the bits that are set."""
    found = []
    while mask:
        lowest = mask & -mask
        found.append(lowest.bit_length() - 1)
        mask ^= lowest
    return found


def _partners(forbidden: NDArray[np.bool_]) -> list[int]:
    return [sum(1 << int(v) for v in np.flatnonzero(row)) for row in forbidden]


def _rings(partners: list[int], alive: int) -> list[int]:
    """Lengths of the rings that the alive vertices form."""
    lengths = []
    while alive:
        ring = front = alive & -alive
        while front:
            reached = 0
            for v in members(front):
                reached |= partners[v]
            front = reached & alive & ~ring
            ring |= front
        lengths.append(ring.bit_count())
        alive &= ~ring
    return lengths
