"""Which rounds a spot check draws, and what it proves that they were right."""

import os
from bisect import bisect_left
from math import exp, lgamma
from typing import NamedTuple

from fedsim.randomness import Stream

SMALL = 0.05
"""A chance below which a wrong record is said to be found."""


class Spots(NamedTuple):
    """The rounds of a spot check, drawn from all on record with the same chance."""

    rounds: tuple[int, ...]  # ascending
    seed: int  # draws the same rounds again
    done: int  # rounds on record

    def unseen(self, wrong: int) -> float:
        """The chance that so many wrong rounds on record are all missed, at most.

        A wrong round is one that does not follow from the state before it.
        """
        drawn, done = len(self.rounds), self.done
        if wrong > done - drawn:
            return 0.0
        return exp(_log_choices(done - wrong, drawn) - _log_choices(done, drawn))

    @property
    def found(self) -> int:
        """The fewest wrong rounds that would be missed with a small chance only."""
        return 1 + bisect_left(range(1, self.done + 1), True, key=lambda wrong: self.unseen(wrong) <= SMALL)


def draw(wanted: int, done: int, seed: int | None = None) -> Spots:
    """So many of the rounds on record, or all of them; without a seed nobody can know beforehand which."""
    seed = int.from_bytes(os.urandom(4)) if seed is None else seed
    generator = Stream.root(seed).at("spots", done).numpy()
    chosen = generator.choice(done, size=min(wanted, done), replace=False) + 1
    return Spots(tuple(sorted(chosen.tolist())), seed, done)


def _log_choices(of: int, drawn: int) -> float:
    """The logarithm of the number of ways to draw so many of so many."""
    return lgamma(of + 1) - lgamma(drawn + 1) - lgamma(of - drawn + 1)
