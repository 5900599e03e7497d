"""How much is measured, and who is told how far it has come."""

from dataclasses import dataclass

import numpy as np

from fedsim.array_types import Array, Progress, silent
from fedsim.errors import RunFailed


@dataclass(frozen=True)
class Effort:
    """The size of a benchmark."""

    full: bool = False  # every size and every peer, in place of about a minute
    peers: bool = False  # whether other packages are run where they are installed
    progress: Progress = silent

    def repeats(self, quick: int, full: int) -> int:
        """How often a pair is taken."""
        return full if self.full else quick


class BenchFailed(RunFailed):
    """A benchmark whose times say nothing: its two sides did not compute the same, or one of them broke."""


def must_agree(what: str, difference: float, most: float) -> float:
    """The difference, when it is small enough for the times to mean anything."""
    if not difference <= most:
        raise BenchFailed(f"{what}: the two sides differ by {difference:.1e}, at most {most:.0e} is rounding")
    return difference


def distance(ours: Array, theirs: Array) -> float:
    """How far apart two answers are, relative to the length of the second."""
    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))
