"""Which rounds a spot check draws, and what it proves that they were right."""

import os
from bisect import bisect_left
from collections.abc import Sequence
from math import exp, lgamma
from typing import NamedTuple

from fedsim.randomness import Stream

SMALL_CHANCE = 0.05
"""A chance below which a wrong record is said to be found."""


class Spots(NamedTuple):
    """The rounds of a spot check, drawn from all on record with the same chance."""

    rounds: tuple[int, ...]  # ascending
    seed: int  # draws the same rounds again
    done: int  # rounds on record
    least: float  # the chance that one wrong round is played again, wherever it is
    mean: float  # the same, of one that may be any

    def unseen(self, wrong: int) -> float:
        """The chance that so many wrong rounds on record are all missed, at most.

        A wrong round is one that does not follow from the state before it.
        """
        return _missed(self.done, len(self.rounds), wrong)

    @property
    def found(self) -> int:
        """The fewest wrong rounds that would be missed with a small chance only."""
        return 1 + bisect_left(range(1, self.done + 1), True, key=lambda wrong: self.unseen(wrong) <= SMALL_CHANCE)


def reach(done: int, checkpoints: Sequence[int]) -> list[int]:
    """Of each round from 1, how many rounds have it on their way from the checkpoint before them; itself is one."""
    ends = sorted({*(round for round in checkpoints if 0 < round < done), done})
    return [ends[bisect_left(ends, round)] - round + 1 for round in range(1, done + 1)]


def draw(wanted: int, ways: Sequence[int], seed: int | None = None) -> Spots:
    """So many of the rounds on record, or all of them; without a seed nobody can know beforehand which.

    `ways` is the reach of each round on record.
    """
    done = len(ways)
    seed = int.from_bytes(os.urandom(4)) if seed is None else seed
    generator = Stream.root(seed).at("spots", done).numpy()
    chosen = generator.choice(done, size=min(wanted, done), replace=False) + 1
    passed = [1 - _missed(done, len(chosen), way) for way in ways]
    return Spots(tuple(sorted(chosen.tolist())), seed, done, min(passed), sum(passed) / done)


def _missed(done: int, drawn: int, among: int) -> float:
    """The chance that none of the rounds drawn is among so many."""
    return 0.0 if among > done - drawn else exp(_log_choices(done - among, drawn) - _log_choices(done, drawn))


def _log_choices(of: int, drawn: int) -> float:
    """The logarithm of the number of ways to draw so many of so many."""
    return lgamma(of + 1) - lgamma(drawn + 1) - lgamma(of - drawn + 1)
