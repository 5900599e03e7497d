"""Which examples are held out for the test, and which owners."""

import numpy as np
from numpy.typing import NDArray

from fedsim.array_types import Integers
from fedsim.exact_fractions import portion
from fedsim.randomness import Stream


def held_out(labels: Integers, fraction: float, stream: Stream) -> NDArray[np.bool_]:
    """(m,) whether each example is held out: the same share of every class, never none of it, never all."""
    held = np.zeros(len(labels), np.bool_)
    for label in np.unique(labels):
        members = stream.at("class", int(label)).numpy().permutation(np.flatnonzero(labels == label))
        count = min(max(round(portion(fraction, len(members))), 1), len(members) - 1)
        held[members[:count]] = True
    return held


def owners_held_out(owners: Integers, fraction: float, stream: Stream) -> Integers:
    """The owners, drawn at random, all of whose examples are held out: at least one, never all."""
    drawn = stream.at("test owners").numpy().permutation(owners)
    return drawn[kept_owners(len(owners), fraction) :]


def kept_owners(owners: int, fraction: float) -> int:
    """How many are left to train on."""
    return owners - min(max(round(portion(fraction, owners)), 1), owners - 1)
