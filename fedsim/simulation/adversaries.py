"""Which clients an attack holds: those it names, or a draw made once for the whole run.

Few clients are drawn and listed. Of many nobody makes a list: every client has a place in a random order that can be
computed from the client alone, and each attack holds a stretch of that order. So a million clients cost what a
hundred do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Integers
from fedsim.randomness import Stream

LISTED_CLIENTS = 10_000
"""Free clients above which nobody lists them."""
PASSES = 8
"""Of the network that makes the order; four would do to look random."""

Mask = NDArray[np.bool_]


class ClientSet(Protocol):
    """The clients that one attack holds."""

    def __len__(self) -> int:
        """How many they are."""

    def among(self, clients: Integers) -> Mask:
        """(k,) which of these clients they are."""

    def ranks(self, clients: Integers) -> Integers:
        """(k,) the number of each of these clients, all of them held, among those held: from 0."""

    def draw(self, count: int, generator: np.random.Generator) -> Integers:
        """So many of them, every choice as likely."""


@dataclass(frozen=True)
class Held:
    """A client that an adversary acts through in a round."""

    adversary: int  # place in the scenario
    index: int  # the client's number among the adversary's, from 0
    colluders: int  # clients that the adversary holds


@dataclass(frozen=True)
class Listed:
    """Clients held one by one."""

    clients: Integers  # ascending

    def __len__(self) -> int:
        return len(self.clients)

    def among(self, clients: Integers) -> Mask:
        """Which of these clients are listed."""
        return np.isin(clients, self.clients)

    def ranks(self, clients: Integers) -> Integers:
        """Their places in the list."""
        return np.searchsorted(self.clients, clients)

    def draw(self, count: int, generator: np.random.Generator) -> Integers:
        """Some of the list."""
        return generator.choice(self.clients, count, replace=False)


@dataclass(frozen=True)
class Order:
    """A random order of the numbers below `size`: a Feistel network, walked until it ends below `size` again."""

    size: int
    keys: NDArray[np.uint64]

    def places(self, numbers: Integers) -> NDArray[np.uint64]:
        """The place of each number, no two the same."""
        half = max(1, -(-int(self.size - 1).bit_length() // 2))
        places = self._pass(np.asarray(numbers, np.uint64), half)
        while (outside := places >= self.size).any():
            places[outside] = self._pass(places[outside], half)
        return places

    def numbers(self, places: Integers) -> Integers:
        """The number that has each place: the way back."""
        half = max(1, -(-int(self.size - 1).bit_length() // 2))
        numbers = self._pass_back(np.asarray(places, np.uint64), half)
        while (outside := numbers >= self.size).any():
            numbers[outside] = self._pass_back(numbers[outside], half)
        return numbers.astype(np.int64)

    def _pass_back(self, numbers: NDArray[np.uint64], half: int) -> NDArray[np.uint64]:
        shift, mask = np.uint64(half), np.uint64(2**half - 1)
        left, right = numbers >> shift, numbers & mask
        for key in self.keys[::-1]:
            left, right = right ^ (_mixed(left ^ key) & mask), left
        return (left << shift) | right

    def _pass(self, numbers: NDArray[np.uint64], half: int) -> NDArray[np.uint64]:
        shift, mask = np.uint64(half), np.uint64(2**half - 1)
        left, right = numbers >> shift, numbers & mask
        for key in self.keys:
            left, right = right, left ^ (_mixed(right ^ key) & mask)
        return (left << shift) | right


@dataclass(frozen=True)
class Stretch:
    """Clients held by their place in the order of those that no attack names."""

    order: Order
    named: Integers  # ascending, of all attacks
    begin: int
    end: int

    def __len__(self) -> int:
        return self.end - self.begin

    def among(self, clients: Integers) -> Mask:
        """Which of these clients have a place in the stretch."""
        free = ~np.isin(clients, self.named)
        places = self._places(clients[free])
        mask = free.copy()
        mask[free] = (places >= self.begin) & (places < self.end)
        return mask

    def ranks(self, clients: Integers) -> Integers:
        """Their places, counted from the beginning of the stretch."""
        return self._places(clients).astype(np.int64) - self.begin

    def draw(self, count: int, generator: np.random.Generator) -> Integers:
        """Whoever has places drawn from the stretch."""
        places = generator.choice(len(self), count, replace=False) + self.begin
        numbers = self.order.numbers(places)  # of those that no attack names
        return numbers + np.searchsorted(self.named - np.arange(len(self.named)), numbers, side="right")

    def _places(self, clients: Integers) -> NDArray[np.uint64]:
        return self.order.places(clients - np.searchsorted(self.named, clients))


def draw_controlled(
    ids: Sequence[Sequence[int] | None], wanted: Sequence[int], population: int, stream: Stream
) -> tuple[tuple[ClientSet, ...], ClientSet]:
    """Each attack's clients, and those that no attack holds.

    They are those it names, and for the rest a draw from whoever is left, attack after attack.
    """
    named = np.unique(np.array([client for given in ids for client in given or ()], np.int64))
    few = population - len(named) <= LISTED_CLIENTS
    draw = _listed if few else _stretches
    counts = [0 if given is not None else count for given, count in zip(ids, wanted, strict=True)]
    *drawn, free = draw(counts, named, population, stream)
    held = tuple(
        other if given is None else Listed(np.sort(np.array(given, np.int64)))
        for given, other in zip(ids, drawn, strict=True)
    )
    return held, free


def _listed(counts: Sequence[int], named: Integers, population: int, stream: Stream) -> list[ClientSet]:
    free = np.setdiff1d(np.arange(population), named)
    found: list[ClientSet] = []
    for place, count in enumerate(counts):
        held = np.sort(stream.at(place).numpy().choice(free, count, replace=False) if count else free[:0])
        free = np.setdiff1d(free, held, assume_unique=True)
        found.append(Listed(held))
    return [*found, Listed(free)]


def _stretches(counts: Sequence[int], named: Integers, population: int, stream: Stream) -> list[ClientSet]:
    keys = stream.at("order").numpy().integers(0, 2**64, PASSES, np.uint64)
    size = population - len(named)
    ends = [*np.cumsum([0, *counts]).tolist(), size]
    return [Stretch(Order(size, keys), named, begin, end) for begin, end in pairwise(ends)]


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Numbers of 64 bits, every bit of which depends on every bit given (the finalizer of splitmix64)."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))
